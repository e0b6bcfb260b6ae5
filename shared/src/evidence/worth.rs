//! The number of labels with which an undamaged model would be as good as a healed one.

use super::mean::LEVEL;
use crate::figure::Unit;
use crate::statistics::stratified_bootstrap;

/// What one seed measured; accuracies are 0–1.
#[derive(Clone, Debug)]
pub(super) struct SeedCurve {
    /// Of the undamaged model, by number of training rows.
    pub(super) undamaged: Vec<f64>,
    /// Of the healed model with the most rows.
    pub(super) healed: f64,
}

/// Labels on the undamaged curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Worth {
    /// Where the undamaged curve reaches the healed accuracy; below the range −∞, above +∞.
    rows: f64,
    /// The same at the ends of the 95 % interval; none for a single seed.
    interval: Option<(f64, f64)>,
    /// The fewest and the most rows measured.
    range: (f64, f64),
}

/// The fewest training rows at which the mean undamaged curve reaches the mean healed accuracy. Of each seed the undamaged
/// accuracies are at `numbers` of rows, which ascend, and the healed one with the last of them. None without a seed or a curve.
pub(super) fn worth(numbers: &[usize], seeds: &[SeedCurve]) -> Option<Worth> {
    let range = (*numbers.first()? as f64, *numbers.last()? as f64);
    if seeds.is_empty() || numbers.len() < 2 {
        return None;
    }
    let of = |drawn: &[f64]| {
        let mean = |value: &dyn Fn(&SeedCurve) -> f64| {
            drawn.iter().map(|seed| value(&seeds[*seed as usize])).sum::<f64>() / drawn.len() as f64
        };
        let curve: Vec<f64> = (0..numbers.len()).map(|i| mean(&|seed| seed.undamaged[i])).collect();
        reached(numbers, &curve, mean(&|seed| seed.healed))
    };
    // Whole seeds are drawn, by their places.
    let places: Vec<f64> = (0..seeds.len()).map(|place| place as f64).collect();
    let estimate = stratified_bootstrap(&[places], LEVEL, of).ok()?;
    let interval = (seeds.len() > 1).then_some((estimate.interval.low, estimate.interval.high));
    Some(Worth { rows: estimate.value, interval, range })
}

/// Where a curve, straight between its points over the logarithm of rows, first reaches `target`.
fn reached(numbers: &[usize], curve: &[f64], target: f64) -> f64 {
    if curve[0] >= target {
        // At the first point or, for all that is known, before it.
        return if curve[0] == target { numbers[0] as f64 } else { f64::NEG_INFINITY };
    }
    let Some(i) = (1..curve.len()).find(|i| curve[*i] >= target) else { return f64::INFINITY };
    let share = (target - curve[i - 1]) / (curve[i] - curve[i - 1]);
    let [from, to] = [numbers[i - 1], numbers[i]].map(|n| libm::log(n as f64));
    libm::exp(from + share * (to - from))
}

impl Worth {
    pub(super) fn rows_in_words(&self) -> String {
        self.in_words(self.rows)
    }

    pub(super) fn interval_in_words(&self) -> String {
        match self.interval {
            None => "–".to_owned(),
            Some((low, high)) if low == high => self.in_words(low),
            Some((low, high)) if low.is_finite() && high.is_finite() => {
                format!("{} to {}", Unit::Count.format(low.round()), self.in_words(high))
            }
            Some((low, high)) => format!("{} to {}", self.in_words(low), self.in_words(high)),
        }
    }

    /// What the damage costs in labels of all that there are.
    pub(super) fn labels_in_words(&self) -> String {
        let (least, most) = self.range;
        let count = |n: f64| Unit::Count.format(n);
        match self.rows {
            rows if rows == f64::NEG_INFINITY => {
                format!("more than {} of {} (outside the measured range)", count(most - least), count(most))
            }
            rows if rows == f64::INFINITY => "nothing: better than undamaged (outside the measured range)".to_owned(),
            rows => format!("{} of {}", count(most - rows.round()), count(most)),
        }
    }

    fn in_words(&self, rows: f64) -> String {
        let (least, most) = self.range;
        match rows {
            rows if rows == f64::NEG_INFINITY => format!("fewer than {} rows", Unit::Count.format(least)),
            rows if rows == f64::INFINITY => format!("more than {} rows", Unit::Count.format(most)),
            rows => format!("{} rows", Unit::Count.format(rows.round())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [usize; 3] = [100, 1_000, 10_000];

    fn seed(healed: f64) -> SeedCurve {
        SeedCurve { undamaged: vec![0.6, 0.8, 0.9], healed }
    }

    #[test]
    fn the_curve_is_straight_over_the_logarithm_of_rows() {
        let curve = [0.6, 0.8, 0.9];
        // Half-way between 100 and 1,000 rows in factors: √(100·1000) = 316.
        assert!((reached(&NUMBERS, &curve, 0.7) - 316.227_766).abs() < 1e-3);
        assert!((reached(&NUMBERS, &curve, 0.9) - 10_000.0).abs() < 1e-6);
        assert_eq!(reached(&NUMBERS, &curve, 0.6), 100.0);
        assert_eq!(reached(&NUMBERS, &curve, 0.5), f64::NEG_INFINITY);
        assert_eq!(reached(&NUMBERS, &curve, 0.91), f64::INFINITY);
        // Where it dips, the fewest rows count.
        assert!((reached(&NUMBERS, &[0.6, 0.8, 0.7], 0.75) - 562.341_325).abs() < 1e-3);
    }

    #[test]
    fn equal_seeds_have_an_interval_without_length_and_one_seed_has_none() {
        let seed = || seed(0.7);
        let many = worth(&NUMBERS, &[seed(), seed(), seed()]).unwrap();
        assert_eq!(many.rows_in_words(), "316 rows");
        assert_eq!(many.interval_in_words(), "316 rows");
        assert_eq!(many.labels_in_words(), "9,684 of 10,000");
        assert_eq!(worth(&NUMBERS, &[seed()]).unwrap().interval_in_words(), "–");
        assert_eq!((worth(&NUMBERS, &[]), worth(&NUMBERS[..1], &[seed()])), (None, None));
    }

    #[test]
    fn what_lies_outside_the_measured_range_is_said_to() {
        let below = worth(&NUMBERS, &[seed(0.5), seed(0.7)]).unwrap();
        // Drawn twice, the first seed lies below the range; both together at its lower end.
        assert_eq!(below.rows_in_words(), "100 rows");
        assert_eq!(below.interval_in_words(), "fewer than 100 rows to 316 rows");
        let above = worth(&NUMBERS, &[seed(0.95), seed(0.95)]).unwrap();
        assert_eq!(above.rows_in_words(), "more than 10,000 rows");
        assert!(above.labels_in_words().contains("outside the measured range"));
        let under = worth(&NUMBERS, &[seed(0.5)]).unwrap();
        assert_eq!(under.labels_in_words(), "more than 9,900 of 10,000 (outside the measured range)");
    }
}
