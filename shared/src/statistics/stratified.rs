//! Several runs and tasks put together: summaries that one outlier does not rule, and the bootstrap over groups of unlike
//! sizes and kinds, such as the seeds of several datasets; as *Deep Reinforcement Learning at the Edge of the Statistical
//! Precipice* recommends (Agarwal et al. 2021, arXiv:2108.13264).

use super::bootstrap::{MIN_RESAMPLES, percentile_interval};
use super::estimate::{Estimate, Interval, Method, StatisticsError, check_finite, check_level};
use crate::random::Seed;

/// The resamples of [`stratified_bootstrap`]: enough for the tails, and few enough for a table of many lines.
const N_RESAMPLES: u64 = MIN_RESAMPLES as u64;

/// The interquartile mean: the mean of what is left after ⌊n/4⌋ of the smallest and ⌊n/4⌋ of the largest values are left out
/// (`SciPy`'s `trim_mean(values, 0.25)`), in the unit of the values.
///
/// # Errors
/// When there are no values or one is not finite.
///
/// ```
/// use shared::statistics::interquartile_mean;
/// assert_eq!(interquartile_mean(&[100.0, 1.0, 2.0, 4.0])?, 3.0);
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn interquartile_mean(values: &[f64]) -> Result<f64, StatisticsError> {
    check(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n_cut = sorted.len() / 4;
    let middle = &sorted[n_cut..sorted.len() - n_cut];
    Ok(middle.iter().sum::<f64>() / middle.len() as f64)
}

/// The performance profile, or score distribution: for each threshold the share (0–1) of values strictly above it.
///
/// # Errors
/// When there are no values or one is not finite.
///
/// ```
/// use shared::statistics::performance_profile;
/// assert_eq!(performance_profile(&[0.2, 0.5, 0.9, 1.1], &[0.0, 0.5, 1.0])?, [1.0, 0.5, 0.25]);
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn performance_profile(values: &[f64], thresholds: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    check(values)?;
    let share = |threshold: &f64| values.iter().filter(|value| *value > threshold).count() as f64 / values.len() as f64;
    Ok(thresholds.iter().map(share).collect())
}

/// A figure of all values of several groups with its percentile interval, where each resample draws as many values anew from
/// each group as it has (Agarwal et al. 2021, arXiv:2108.13264, section 4.1): the groups, such as datasets, are those that
/// they are, and the values within them, such as seeds, could have been others. A figure may be infinite, for what lies
/// beyond a range; it must not be NaN.
///
/// # Errors
/// When a group is empty, a value is not finite, or `level` is not between 0 and 1.
///
/// ```
/// use shared::statistics::{interquartile_mean, stratified_bootstrap};
/// let iqm = |values: &[f64]| interquartile_mean(values).unwrap_or(f64::NEG_INFINITY);
/// let estimate = stratified_bootstrap(&[vec![0.5, 0.5], vec![0.7, 0.7]], 0.95, iqm)?;
/// assert_eq!((estimate.value, estimate.interval.low, estimate.interval.high), (0.6, 0.6, 0.6));
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn stratified_bootstrap(
    groups: &[Vec<f64>],
    level: f64,
    figure: impl Fn(&[f64]) -> f64,
) -> Result<Estimate, StatisticsError> {
    check_level(level)?;
    if groups.is_empty() || groups.iter().any(Vec::is_empty) {
        return Err(StatisticsError::Empty { n_seeds: 0, n_rows: groups.len() });
    }
    for group in groups {
        check_finite(group)?;
    }
    let all: Vec<f64> = groups.concat();
    let mut drawn = Vec::with_capacity(all.len());
    let figures = (0..N_RESAMPLES).map(|draw| {
        let stream = Seed(0).stream_at("stratified bootstrap", "values", draw);
        drawn.clear();
        for group in groups {
            for _ in 0..group.len() {
                let place = stream.below_at(drawn.len() as u64, group.len() as u64);
                drawn.push(group[place as usize]);
            }
        }
        figure(&drawn)
    });
    let (low, high) = percentile_interval(figures.collect(), level);
    Ok(Estimate { value: figure(&all), interval: Interval { low, high, level }, method: Method::StratifiedBootstrap })
}

fn check(values: &[f64]) -> Result<(), StatisticsError> {
    if values.is_empty() {
        return Err(StatisticsError::Empty { n_seeds: 0, n_rows: 0 });
    }
    check_finite(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn groups_are_kept_and_only_their_values_are_drawn() {
        // Were all four drawn from one pot, a mean of 1 or more would be usual; within groups it is 0.5 or 1 at most.
        let apart = stratified_bootstrap(&[vec![0.0, 0.0], vec![1.0, 1.0]], 0.95, mean).unwrap();
        assert_eq!((apart.value, apart.interval.low, apart.interval.high), (0.5, 0.5, 0.5));
        // Two values 0 and 1: the means of resamples are 0, ½ and 1 with chances ¼, ½ and ¼.
        let one = stratified_bootstrap(&[vec![0.0, 1.0]], 0.95, mean).unwrap();
        assert_eq!((one.value, one.interval.low, one.interval.high), (0.5, 0.0, 1.0));
        let narrow = stratified_bootstrap(&[vec![0.0, 1.0]], 0.4, mean).unwrap();
        assert_eq!((narrow.interval.low, narrow.interval.high), (0.5, 0.5));
        assert_eq!(one.method, Method::StratifiedBootstrap);
    }

    /// A mean over k groups of n values has the variance Σ s²/n / k², with s² the (biased) variance within a group.
    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_theory_says() {
        let groups: Vec<Vec<f64>> =
            (0..4).map(|group| (0..25).map(|i| f64::from(10 * group) + f64::from(i % 5)).collect()).collect();
        let estimate = stratified_bootstrap(&groups, 0.95, mean).unwrap();
        let half_width = 1.96 * libm::sqrt(2.0 / 25.0 / 4.0);
        assert!((estimate.value - 17.0).abs() < 1e-12);
        let Interval { low, high, .. } = estimate.interval;
        assert!((17.0 - low - half_width).abs() < 0.03 && (high - 17.0 - half_width).abs() < 0.03, "{estimate:?}");
    }

    #[test]
    fn what_cannot_be_drawn_from_is_refused() {
        assert!(stratified_bootstrap(&[], 0.95, mean).is_err());
        assert!(stratified_bootstrap(&[vec![1.0], vec![]], 0.95, mean).is_err());
        assert!(stratified_bootstrap(&[vec![f64::NAN]], 0.95, mean).is_err());
        assert!(stratified_bootstrap(&[vec![1.0]], 1.0, mean).is_err());
    }

    #[test]
    fn an_infinite_figure_is_an_end_of_its_own() {
        let beyond = |values: &[f64]| if mean(values) > 0.6 { f64::INFINITY } else { mean(values) };
        let estimate = stratified_bootstrap(&[vec![0.0, 1.0]], 0.95, beyond).unwrap();
        assert_eq!((estimate.interval.low, estimate.interval.high), (0.0, f64::INFINITY));
    }
}
