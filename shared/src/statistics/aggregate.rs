//! Summaries over several runs and tasks that one outlier does not rule, as *Deep Reinforcement Learning at the Edge of the
//! Statistical Precipice* recommends (Agarwal et al. 2021, arXiv:2108.13264).

use super::estimate::{StatisticsError, check_finite};

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

fn check(values: &[f64]) -> Result<(), StatisticsError> {
    if values.is_empty() {
        return Err(StatisticsError::Empty { n_seeds: 0, n_rows: 0 });
    }
    check_finite(values)
}
