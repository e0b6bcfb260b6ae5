//! Means over seeds with their intervals.

use crate::statistics::{Interval, student_mean, wilson};

/// Confidence of all intervals here.
const LEVEL: f64 = 0.95;

/// A mean and, where there is one, the 95 % interval that it lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
}

/// The mean over seeds with Student's interval; none with a single one.
pub(super) fn over_seeds(values: &[f64]) -> Option<Mean> {
    if values.is_empty() {
        return None;
    }
    let value = values.iter().sum::<f64>() / values.len() as f64;
    Some(Mean { value, interval: student_mean(values, LEVEL).ok().map(|mean| mean.interval) })
}

/// The mean accuracy over seeds. With a single seed the interval is Wilson's over its rows. Ends are within 0 to 1.
pub(super) fn of_accuracies(accuracies: &[f64], n_rows: usize) -> Option<Mean> {
    let mean = over_seeds(accuracies)?;
    let within = |ends: Interval| Interval { low: ends.low.max(0.0), high: ends.high.min(1.0), ..ends };
    let interval = mean.interval.map(within).or_else(|| {
        let n_right = (mean.value * n_rows as f64).round() as u64;
        wilson(n_right, n_rows as u64, LEVEL).ok().map(|estimate| estimate.interval)
    });
    Some(Mean { interval, ..mean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_over_seeds_is_students() {
        // SciPy 1.17: t.interval(0.95, 2, loc=2, scale=sem([1, 2, 3])) = (-0.4841, 4.4841)
        let mean = over_seeds(&[1.0, 2.0, 3.0]).unwrap();
        let Interval { low, high, .. } = mean.interval.unwrap();
        assert!((mean.value - 2.0).abs() < 1e-12 && (low + 0.4841).abs() < 1e-4 && (high - 4.4841).abs() < 1e-4);
    }

    #[test]
    fn one_seed_has_the_interval_over_its_rows_and_none_over_seeds() {
        assert_eq!(over_seeds(&[0.5]).unwrap().interval, None);
        let Interval { low, high, .. } = of_accuracies(&[0.5], 100).unwrap().interval.unwrap();
        assert!(low > 0.39 && low < 0.41 && high > 0.59 && high < 0.61);
        assert_eq!(over_seeds(&[]), None);
    }

    #[test]
    fn accuracies_stay_between_none_and_all() {
        let Interval { low, high, .. } = of_accuracies(&[0.9, 1.0], 100).unwrap().interval.unwrap();
        assert!(low >= 0.0 && high <= 1.0);
    }
}
