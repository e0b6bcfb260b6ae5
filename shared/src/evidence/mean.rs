//! Means over seeds with their intervals.

use crate::statistics::{Interval, student_mean, wilson};

/// Confidence of all intervals here.
pub(super) const LEVEL: f64 = 0.95;

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

/// The mean of the first of each pair by that of the second, such as gains by losses, with Student's interval of its first
/// order in both (the delta method), which one small second number does not rule. None where the second's mean is not above 0.
pub(super) fn ratio_over_seeds(pairs: &[(f64, f64)]) -> Option<Mean> {
    let n = pairs.len() as f64;
    let (first, second) = pairs.iter().fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    if second <= 0.0 {
        return None;
    }
    let ratio = first / second;
    let linear: Vec<f64> = pairs.iter().map(|(a, b)| ratio + (a - ratio * b) * n / second).collect();
    Some(Mean { value: ratio, ..over_seeds(&linear)? })
}

impl Mean {
    /// `9.5 (8.6 to 10.4)`, each number as `format` writes it; without an interval the number alone.
    pub(super) fn in_words(&self, format: impl Fn(f64) -> String) -> String {
        match self.interval {
            Some(interval) => {
                format!("{} ({} to {})", format(self.value), format(interval.low), format(interval.high))
            }
            None => format(self.value),
        }
    }
}

/// A number with one decimal, as points are written.
pub(super) fn one_decimal(value: f64) -> String {
    // Not `-0.0`.
    let text = format!("{value:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
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
    fn a_ratio_of_means_has_the_interval_of_its_first_order() {
        // Gains 2 and 4 of losses 4 and 4: 0.75; linear in both 0.5 and 1, hence 0.75 ± 12.706·0.25.
        let ratio = ratio_over_seeds(&[(2.0, 4.0), (4.0, 4.0)]).unwrap();
        let Interval { low, high, .. } = ratio.interval.unwrap();
        assert!((ratio.value - 0.75).abs() < 1e-12);
        assert!((low - (0.75 - 12.706_2 * 0.25)).abs() < 1e-3 && (high - (0.75 + 12.706_2 * 0.25)).abs() < 1e-3);
        // The same share of unlike losses has no spread; a mean of ratios would be ruled by a loss near 0.
        let same = ratio_over_seeds(&[(1.0, 2.0), (4.0, 8.0), (0.005, 0.01)]).unwrap();
        let Interval { low, high, .. } = same.interval.unwrap();
        assert!((same.value - 0.5).abs() < 1e-12 && (high - low).abs() < 1e-9);
        assert_eq!((ratio_over_seeds(&[(1.0, 0.0)]), ratio_over_seeds(&[])), (None, None));
    }

    #[test]
    fn numbers_in_words_have_their_interval_and_no_minus_zero() {
        let mean = Mean { value: 9.52, interval: Some(Interval { low: -0.04, high: 10.0, level: 0.95 }) };
        assert_eq!(mean.in_words(one_decimal), "9.5 (0.0 to 10.0)");
        assert_eq!(Mean { interval: None, ..mean }.in_words(one_decimal), "9.5");
    }

    #[test]
    fn accuracies_stay_between_none_and_all() {
        let Interval { low, high, .. } = of_accuracies(&[0.9, 1.0], 100).unwrap().interval.unwrap();
        assert!(low >= 0.0 && high <= 1.0);
    }
}
