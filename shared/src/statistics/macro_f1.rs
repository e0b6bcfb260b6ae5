//! Macro-F1 with intervals: unlike accuracy it is no mean over rows, so each resample counts its classes anew.

use super::bootstrap::{RowKinds, draws, percentile_interval};
use super::{Bootstrap, Estimate, Interval, Scores, StatisticsError};
use crate::evaluation::{ClassCounts, Prediction};

/// Macro-F1 of one condition, the mean over its seeds, with the percentile interval of the bootstrap.
///
/// A resample may miss a class; it is then left out of that resample's mean, as [`crate::evaluation::evaluate`] and
/// scikit-learn do.
///
/// # Errors
/// When the seeds' rows are not the same, a class is not below `n_labels` or the settings are out of range.
pub fn macro_f1(
    by_seed: &[&[Prediction]],
    n_labels: usize,
    bootstrap: &Bootstrap,
) -> Result<Estimate, StatisticsError> {
    estimate(&[by_seed], n_labels, bootstrap, |of| of[0])
}

/// Macro-F1 of the first condition − that of the second, paired by seed and row, with its interval.
///
/// # Errors
/// As [`macro_f1`], and when the two are not paired.
pub fn macro_f1_difference(
    first: &[&[Prediction]],
    second: &[&[Prediction]],
    n_labels: usize,
    bootstrap: &Bootstrap,
) -> Result<Estimate, StatisticsError> {
    estimate(&[first, second], n_labels, bootstrap, |of| of[0] - of[1])
}

/// A figure made of the macro-F1 of each condition.
fn estimate(
    conditions: &[&[&[Prediction]]],
    n_labels: usize,
    bootstrap: &Bootstrap,
    figure: impl Fn(&[f64]) -> f64,
) -> Result<Estimate, StatisticsError> {
    let scores = conditions.iter().map(|by_seed| Scores::from_predictions(by_seed)).collect::<Result<Vec<_>, _>>()?;
    let (first, others) = scores.split_first().ok_or(StatisticsError::Empty { n_seeds: 0, n_rows: 0 })?;
    for other in others {
        first.check_paired(other)?;
    }
    let rows = Rows::new(conditions, n_labels)?;
    let kinds = RowKinds::new(first.n_rows(), |a, b| rows.of(a).cmp(rows.of(b)));
    let (n_seeds, n_conditions) = (first.n_seeds(), conditions.len());
    let macro_f1s = |seed_weights: &[f64], times: &[u32]| -> Vec<f64> {
        let of_condition = |condition: usize| {
            let of_seed =
                |(seed, weight): (usize, &f64)| weight * rows.macro_f1(condition * n_seeds + seed, &kinds, times);
            let drawn = seed_weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
            drawn.map(of_seed).sum::<f64>() / n_seeds as f64
        };
        (0..n_conditions).map(of_condition).collect()
    };
    let (values, method) =
        draws(bootstrap, n_seeds, &kinds, |seed_weights, times| figure(&macro_f1s(seed_weights, times)))?;
    let (low, high) = percentile_interval(values, bootstrap.level);
    let value = figure(&macro_f1s(&vec![1.0; n_seeds], &kinds.sizes()));
    Ok(Estimate { value, interval: Interval { low, high, level: bootstrap.level }, method })
}

/// For each row its class, then what each seed of each condition predicts: `[n_rows, 1 + n_conditions · n_seeds]`.
struct Rows {
    classes: Vec<u32>,
    width: usize,
    n_labels: usize,
}

/// The prediction of a row that is not finite: no class at all.
const NONE: u32 = u32::MAX;

impl Rows {
    fn new(conditions: &[&[&[Prediction]]], n_labels: usize) -> Result<Self, StatisticsError> {
        let seeds: Vec<&[Prediction]> = conditions.iter().flat_map(|by_seed| by_seed.iter().copied()).collect();
        let n_rows = seeds.first().map_or(0, |rows| rows.len());
        let width = 1 + seeds.len();
        let mut classes = Vec::with_capacity(n_rows * width);
        for row in 0..n_rows {
            let predicted = seeds.iter().map(|rows| rows[row].predicted().unwrap_or(NONE));
            let of_row = std::iter::once(seeds[0][row].label).chain(predicted);
            classes.extend(of_row);
            let of_row = &classes[row * width..];
            if let Some(&got) = of_row.iter().find(|&&class| class != NONE && class as usize >= n_labels) {
                return Err(StatisticsError::Class { row, n_labels, got });
            }
        }
        Ok(Self { classes, width, n_labels })
    }

    fn of(&self, row: usize) -> &[u32] {
        &self.classes[row * self.width..(row + 1) * self.width]
    }

    /// Of one seed of one condition, over rows of which each kind is there so many times.
    fn macro_f1(&self, seed: usize, kinds: &RowKinds, times: &[u32]) -> f64 {
        let mut counts = ClassCounts::new(self.n_labels);
        for (&row, &times) in kinds.example_rows().iter().zip(times) {
            let of_row = self.of(row);
            let (label, predicted) = (of_row[0], of_row[1 + seed]);
            counts.add(label, Some(predicted).filter(|predicted| *predicted != NONE), u64::from(times));
        }
        counts.macro_f1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::evaluate;

    fn predictions(rows: &[(u32, u32)]) -> Vec<Prediction> {
        let row = |(i, &(label, predicted)): (usize, &(u32, u32))| {
            let mut logits = vec![0.0; 3];
            logits[predicted as usize] = 1.0;
            Prediction { row_hash: i.to_string(), label, logits, is_saturated: false }
        };
        rows.iter().enumerate().map(row).collect()
    }

    fn bootstrap() -> Bootstrap {
        Bootstrap { n_resamples: 2_000, ..Bootstrap::default() }
    }

    #[test]
    fn the_figure_is_that_of_evaluate_and_the_mean_over_seeds() {
        let a = predictions(&[(0, 0), (0, 1), (1, 1), (1, 1), (2, 0)]);
        let mut b = predictions(&[(0, 0), (0, 0), (1, 1), (1, 2), (2, 2)]);
        b[3].logits[0] = f32::NAN;
        let of = |rows: &[Prediction]| evaluate(rows, 3).unwrap().macro_f1;
        let one = macro_f1(&[&a], 3, &bootstrap()).unwrap();
        assert!(
            (one.value - of(&a)).abs() < 1e-12 && one.interval.low < one.value && one.value < one.interval.high,
            "{one:?}"
        );
        let both = macro_f1(&[&a, &b], 3, &bootstrap()).unwrap();
        assert!((both.value - f64::midpoint(of(&a), of(&b))).abs() < 1e-12);
        let difference = macro_f1_difference(&[&b], &[&a], 3, &bootstrap()).unwrap();
        assert!((difference.value - (of(&b) - of(&a))).abs() < 1e-12);
    }

    #[test]
    fn the_same_model_twice_has_no_difference_at_all() {
        let a = predictions(&[(0, 0), (0, 1), (1, 1), (1, 1), (2, 0)]);
        let same = macro_f1_difference(&[&a], &[&a], 3, &bootstrap()).unwrap();
        assert_eq!((same.value, same.interval.low, same.interval.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn what_is_not_paired_or_no_class_is_refused() {
        let a = predictions(&[(0, 0), (0, 1)]);
        let b = predictions(&[(0, 0)]);
        assert!(matches!(macro_f1_difference(&[&a], &[&b], 3, &bootstrap()), Err(StatisticsError::Unpaired { .. })));
        let error = macro_f1(&[&a], 1, &bootstrap()).unwrap_err();
        assert_eq!(error.to_string(), "row 1: expected a class below 1, got 1");
        let few = Bootstrap { n_resamples: 10, ..bootstrap() };
        assert_eq!(macro_f1(&[&a], 3, &few), Err(StatisticsError::TooFewResamples { got: 10 }));
    }
}
