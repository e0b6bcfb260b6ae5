//! Percentile bootstrap of any figure made of paired means, over rows or over seeds and rows.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::estimate::{Estimate, Interval, Method, StatisticsError, check_level};
use super::scores::Scores;
use crate::random::Seed;

/// The fewest resamples that percentiles in the tails are read from.
pub const MIN_RESAMPLES: usize = 2_000;

/// What is drawn anew in each resample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Rows; the interval speaks about these very runs on other texts.
    Rows,
    /// Seeds and rows independently, the multi-bootstrap of Sellam et al., *The `MultiBERTs`* (arXiv:2106.16163,
    /// the paired case); the interval speaks about other runs on other texts. With one seed it equals
    /// [`Resampling::Rows`], since one seed says nothing about others. With several it counts the noise of single cells twice
    /// and a few seeds' spread too low: for means [`crossed_mean`](super::crossed_mean) holds its level.
    SeedsAndRows,
}

/// How to bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Resamples, at least [`MIN_RESAMPLES`].
    pub n_resamples: usize,
    /// Confidence of the interval.
    pub level: f64,
    /// What is drawn anew.
    pub resampling: Resampling,
    /// Decides all draws.
    pub seed: Seed,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_resamples: 10_000, level: 0.95, resampling: Resampling::SeedsAndRows, seed: Seed(0) }
    }
}

/// Mean of `first` − mean of `second`, paired by seed and row, with its interval.
///
/// # Errors
/// When the two are not paired or the settings are out of range.
pub fn difference(first: &Scores, second: &Scores, bootstrap: &Bootstrap) -> Result<Estimate, StatisticsError> {
    let difference = |means: &[f64]| means[0] - means[1];
    let resamples = resample(&[first, second], bootstrap)?;
    Ok(resamples.estimate(difference(&resamples.observed), difference))
}

/// The means of several conditions in every resample.
pub(super) struct Resamples {
    /// The means of all the data: `[n_conditions]`.
    pub observed: Vec<f64>,
    /// `[n_resamples][n_conditions]`
    pub means: Vec<Vec<f64>>,
    level: f64,
    method: Method,
}

impl Resamples {
    /// A figure with the percentile interval of its resampled values.
    pub(super) fn estimate(&self, value: f64, figure: impl Fn(&[f64]) -> f64) -> Estimate {
        let (low, high) = percentile_interval(self.means.iter().map(|means| figure(means)).collect(), self.level);
        Estimate { value, interval: Interval { low, high, level: self.level }, method: self.method }
    }
}

/// Draws seeds and rows, the same for every condition, and takes each condition's mean over them.
pub(super) fn resample(conditions: &[&Scores], bootstrap: &Bootstrap) -> Result<Resamples, StatisticsError> {
    let Some((first, others)) = conditions.split_first() else {
        return Err(StatisticsError::Empty { n_seeds: 0, n_rows: 0 });
    };
    for other in others {
        first.check_paired(other)?;
    }
    let kinds = RowKinds::of_scores(conditions);
    let (means, method) = draws(bootstrap, first.n_seeds(), &kinds, |weights, times_drawn| {
        conditions.iter().map(|scores| kinds.weighted_mean(scores, weights, times_drawn)).collect()
    })?;
    Ok(Resamples {
        observed: conditions.iter().map(|scores| scores.mean()).collect(),
        means,
        level: bootstrap.level,
        method,
    })
}

/// Draws seeds and rows `n_resamples` times and takes of each draw what `take` makes of it, given each seed's weight
/// (they sum to the number of seeds) and how often each kind of row was drawn.
fn draws<T>(
    bootstrap: &Bootstrap,
    n_seeds: usize,
    kinds: &RowKinds,
    mut take: impl FnMut(&[f64], &[u32]) -> T,
) -> Result<(Vec<T>, Method), StatisticsError> {
    check_level(bootstrap.level)?;
    if bootstrap.n_resamples < MIN_RESAMPLES {
        return Err(StatisticsError::TooFewResamples { at_least: MIN_RESAMPLES, got: bootstrap.n_resamples });
    }
    let over_seeds = bootstrap.resampling == Resampling::SeedsAndRows && n_seeds > 1;
    let mut times_drawn = vec![0_u32; kinds.example_rows.len()];
    let taken = (0..bootstrap.n_resamples as u64)
        .map(|draw| {
            let weights = if over_seeds {
                let stream = bootstrap.seed.stream_at("bootstrap", "seeds", draw);
                let mut weights = vec![0.0; n_seeds];
                for i in 0..n_seeds {
                    weights[stream.below_at(i as u64, n_seeds as u64) as usize] += 1.0;
                }
                weights
            } else {
                vec![1.0; n_seeds]
            };
            kinds.draw(&mut times_drawn, bootstrap.seed, draw);
            take(&weights, &times_drawn)
        })
        .collect();
    Ok((taken, if over_seeds { Method::MultiBootstrap } else { Method::PairedBootstrap }))
}

/// Rows by what all conditions and seeds say of them. Scores of 0 and 1 give few kinds, and a mean over drawn rows is
/// then a short sum: on 25,000 rows this leaves little but the drawing itself.
struct RowKinds {
    /// The kind of each row: `[n_rows]`.
    of_row: Vec<u32>,
    /// One row of each kind: `[n_kinds]`.
    example_rows: Vec<usize>,
}

impl RowKinds {
    /// Rows that `compare` calls equal are of one kind.
    fn new(n_rows: usize, compare: impl Fn(usize, usize) -> Ordering) -> Self {
        let mut rows: Vec<usize> = (0..n_rows).collect();
        rows.sort_by(|&a, &b| compare(a, b));
        let mut kinds = Self { of_row: vec![0; n_rows], example_rows: Vec::new() };
        for same in rows.chunk_by(|&a, &b| compare(a, b).is_eq()) {
            for &row in same {
                kinds.of_row[row] = kinds.example_rows.len() as u32;
            }
            kinds.example_rows.push(same[0]);
        }
        kinds
    }

    fn of_scores(conditions: &[&Scores]) -> Self {
        let n_rows = conditions.first().map_or(0, |scores| scores.n_rows());
        Self::new(n_rows, |a, b| {
            let bits =
                |row: usize| conditions.iter().flat_map(move |scores| scores.of_row(row)).map(|score| score.to_bits());
            bits(a).cmp(bits(b))
        })
    }

    /// Draws as many rows as there are, with replacement, and counts how often each kind was drawn.
    fn draw(&self, times_drawn: &mut [u32], seed: Seed, draw: u64) {
        times_drawn.fill(0);
        let n_rows = self.of_row.len();
        let stream = seed.stream_at("bootstrap", "rows", draw);
        for block in 0..n_rows.div_ceil(4) {
            for bits in stream.block(block as u64).into_iter().take(n_rows - 4 * block) {
                // Multiplication maps 32 bits to 0..n_rows; a row's chance is off by less than n_rows / 2^32.
                let row = ((u64::from(bits) * n_rows as u64) >> 32) as usize;
                times_drawn[self.of_row[row] as usize] += 1;
            }
        }
    }

    /// The mean over drawn rows and weighted seeds; the weights sum to the number of seeds.
    fn weighted_mean(&self, scores: &Scores, weights: &[f64], times_drawn: &[u32]) -> f64 {
        let sum: f64 = self
            .example_rows
            .iter()
            .zip(times_drawn)
            .map(|(&row, &times)| {
                let of_row: f64 = scores.of_row(row).iter().zip(weights).map(|(score, weight)| score * weight).sum();
                f64::from(times) * of_row
            })
            .sum();
        sum / (scores.n_seeds() * scores.n_rows()) as f64
    }
}

/// The central interval of `values` that holds the share `level`, by linear interpolation between order statistics
/// (`numpy.percentile`'s default, type 7 of Hyndman & Fan 1996).
pub(super) fn percentile_interval(mut values: Vec<f64>, level: f64) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let quantile = |p: f64| {
        let position = p * (values.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = (below + 1).min(values.len() - 1);
        let share = position - below as f64;
        // Infinite neighbours have nothing between them but NaN.
        let is_end = share == 0.0 || values[below].is_infinite();
        if is_end { values[below] } else { values[below] + share * (values[above] - values[below]) }
    };
    let tail = (1.0 - level) / 2.0;
    (quantile(tail), quantile(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(resampling: Resampling) -> Bootstrap {
        Bootstrap { resampling, ..Bootstrap::default() }
    }

    /// 90 % right, and 75 % right on other rows.
    fn conditions() -> (Vec<f64>, Vec<f64>) {
        let right = |test: fn(u32) -> bool| (0..400).map(|row| f64::from(u8::from(test(row)))).collect();
        (right(|row| row % 10 < 9), right(|row| row * 7 % 20 < 15))
    }

    /// `scipy.stats.bootstrap((first - second,), np.mean, n_resamples=200_000, method="percentile")` gives 0.095 and
    /// 0.205 (`tests/scripts/metrics_reference.py`). A percentile of 10,000 resamples has a standard error of 0.0008.
    #[test]
    fn paired_interval_equals_scipys() {
        let (first, second) = conditions();
        let (first, second) = (Scores::new(&[first]).unwrap(), Scores::new(&[second]).unwrap());
        let estimate = difference(&first, &second, &settings(Resampling::Rows)).unwrap();
        assert!((estimate.value - 0.15).abs() < 1e-12);
        assert!((estimate.interval.low - 0.095).abs() < 0.004, "{estimate:?}");
        assert!((estimate.interval.high - 0.205).abs() < 0.004, "{estimate:?}");
        assert_eq!((estimate.method, estimate.interval.level), (Method::PairedBootstrap, 0.95));
        let one_seed = difference(&first, &second, &settings(Resampling::SeedsAndRows)).unwrap();
        assert_eq!(one_seed, estimate, "one seed says nothing about others");
    }

    #[test]
    fn the_same_condition_twice_has_no_difference_at_all() {
        let scores = Scores::new(&[conditions().0, conditions().1]).unwrap();
        let estimate = difference(&scores, &scores, &Bootstrap::default()).unwrap();
        assert_eq!((estimate.value, estimate.interval.low, estimate.interval.high), (0.0, 0.0, 0.0));
    }

    /// When every row of a seed has the same difference, only seeds vary, and the bootstrap's standard error of their
    /// mean is known: the population standard deviation over the root of their number.
    #[test]
    fn seeds_are_resampled_when_asked() {
        let offsets = [-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.05];
        let first = Scores::new(&offsets.map(|offset| vec![0.8 + offset; 50])).unwrap();
        let second = Scores::new(&offsets.map(|_| vec![0.8; 50])).unwrap();
        let over_rows = difference(&first, &second, &settings(Resampling::Rows)).unwrap();
        assert!(over_rows.interval.high - over_rows.interval.low < 1e-12, "{over_rows:?}");
        let over_both = difference(&first, &second, &settings(Resampling::SeedsAndRows)).unwrap();
        let mean = offsets.iter().sum::<f64>() / 8.0;
        let error = (offsets.iter().map(|offset| (offset - mean).powi(2)).sum::<f64>() / 8.0 / 8.0).sqrt();
        let half_width = (over_both.interval.high - over_both.interval.low) / 2.0;
        assert!((half_width / (1.96 * error) - 1.0).abs() < 0.06, "{half_width} and {}", 1.96 * error);
        assert_eq!(over_both.method, Method::MultiBootstrap);
    }

    #[test]
    fn rows_of_one_kind_are_drawn_as_often_as_they_are_there() {
        let scores = Scores::new(&[(0..500).map(|row| f64::from(row % 97)).collect()]).unwrap();
        let kinds = RowKinds::of_scores(&[&scores]);
        assert_eq!(kinds.example_rows.len(), 97);
        let mut times_drawn = vec![0; 97];
        for draw in 0..20 {
            kinds.draw(&mut times_drawn, Seed(3), draw);
            let stream = Seed(3).stream_at("bootstrap", "rows", draw);
            let rows = (0..500).map(|i| ((u64::from(stream.block(i / 4)[(i % 4) as usize]) * 500) >> 32) as usize);
            let expected = rows.map(|row| scores.of_row(row)[0]).sum::<f64>() / 500.0;
            let mean = kinds.weighted_mean(&scores, &[1.0], &times_drawn);
            assert!((mean - expected).abs() < 1e-9, "{mean} and {expected}");
        }
    }

    #[test]
    fn an_interval_repeats_itself_and_depends_on_its_seed() {
        let (first, second) = conditions();
        let (first, second) = (Scores::new(&[first]).unwrap(), Scores::new(&[second]).unwrap());
        let with = |seed| difference(&first, &second, &Bootstrap { seed: Seed(seed), ..Bootstrap::default() }).unwrap();
        assert_eq!(with(1), with(1));
        let resampled =
            |seed| resample(&[&first], &Bootstrap { seed: Seed(seed), ..Bootstrap::default() }).unwrap().means;
        assert_ne!(resampled(1), resampled(2));
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let scores = Scores::new(&[vec![1.0, 0.0]]).unwrap();
        let message = |bootstrap| difference(&scores, &scores, &bootstrap).unwrap_err().to_string();
        let few = Bootstrap { n_resamples: 1_999, ..Bootstrap::default() };
        assert_eq!(message(few), "expected at least 2000 resamples, got 1999");
        assert!(message(Bootstrap { level: 95.0, ..Bootstrap::default() }).contains("between 0 and 1, got 95"));
    }

    /// `numpy.percentile([1, 2, 4, 8, 16], [5, 95])`
    #[test]
    fn percentiles_interpolate_as_numpys() {
        let (low, high) = percentile_interval(vec![16.0, 1.0, 4.0, 2.0, 8.0], 0.9);
        assert!((low - 1.2).abs() < 1e-12 && (high - 14.4).abs() < 1e-12, "{low} {high}");
    }
}
