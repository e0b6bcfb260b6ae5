//! Whether two conditions are the same for practical purposes, which "not significantly different" does not show.

use serde::{Deserialize, Serialize};

use super::bootstrap::resample;
use super::{Bootstrap, Estimate, Scores, StatisticsError, check_level};

/// The difference in accuracy that does not matter: ±0.5 percentage points.
pub const DEFAULT_MARGIN: f64 = 0.005;

/// The outcome of [`equivalence`]; fractions, not percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equivalence {
    /// Mean of the first − mean of the second, with the interval of level `1 − 2α`.
    pub difference: Estimate,
    /// Differences within ± this are equivalent.
    pub margin: f64,
    /// Whether the whole interval lies within the margin, which shows equivalence at level α.
    pub is_equivalent: bool,
}

/// Two one-sided tests at level α = 1 − `bootstrap.level` (Schuirmann 1987) by the bootstrap: the conditions are
/// equivalent when the interval of level 1 − 2α, so 90 % for α = 0.05, lies strictly within ±`margin`.
///
/// # Errors
/// When the two are not paired, `margin` is not above 0 or the settings are out of range.
pub fn equivalence(
    first: &Scores,
    second: &Scores,
    margin: f64,
    bootstrap: &Bootstrap,
) -> Result<Equivalence, StatisticsError> {
    if !(margin > 0.0 && margin.is_finite()) {
        return Err(StatisticsError::Margin { got: margin.to_string() });
    }
    check_level(bootstrap.level)?;
    let level = 1.0 - 2.0 * (1.0 - bootstrap.level);
    let resamples = resample(&[first, second], &Bootstrap { level, ..*bootstrap })?;
    let difference = |means: &[f64]| means[0] - means[1];
    let difference = resamples.estimate(difference(&resamples.observed), difference);
    let is_equivalent = -margin < difference.interval.low && difference.interval.high < margin;
    Ok(Equivalence { difference, margin, is_equivalent })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two conditions that disagree on `n_apart` rows of each kind, so the mean difference is 0.
    fn disagreeing(n_rows: usize, n_apart: usize) -> (Scores, Scores) {
        let scores = |wrong: std::ops::Range<usize>| {
            Scores::new(&[(0..n_rows).map(|row| f64::from(u8::from(!wrong.contains(&row)))).collect()]).unwrap()
        };
        (scores(0..n_apart), scores(n_apart..2 * n_apart))
    }

    #[test]
    fn many_rows_that_agree_are_equivalent_and_few_are_merely_undecided() {
        let bootstrap = Bootstrap { n_resamples: 2_000, ..Bootstrap::default() };
        // Standard error √(2·n_apart)/n: 0.10 points of a margin of 0.5, then 2 points.
        let (first, second) = disagreeing(10_000, 50);
        let many = equivalence(&first, &second, DEFAULT_MARGIN, &bootstrap).unwrap();
        assert!(many.is_equivalent, "{many:?}");
        assert!((many.difference.interval.level - 0.9).abs() < 1e-12);
        assert!((many.difference.interval.high - 0.001_645).abs() < 0.000_2, "1.645 standard errors: {many:?}");
        let (first, second) = disagreeing(100, 2);
        assert!(!equivalence(&first, &second, DEFAULT_MARGIN, &bootstrap).unwrap().is_equivalent);
    }

    #[test]
    fn a_difference_beyond_the_margin_is_not_equivalent_however_sure() {
        let worse = Scores::new(&[vec![0.0; 1_000]]).unwrap();
        let better = Scores::new(&[vec![1.0; 1_000]]).unwrap();
        for (first, second) in [(&worse, &better), (&better, &worse)] {
            assert!(!equivalence(first, second, DEFAULT_MARGIN, &Bootstrap::default()).unwrap().is_equivalent);
        }
        assert!(equivalence(&worse, &worse, DEFAULT_MARGIN, &Bootstrap::default()).unwrap().is_equivalent);
        assert!(equivalence(&worse, &worse, 0.0, &Bootstrap::default()).is_err());
        // A level of 0.5 or less leaves no interval of level 1 − 2α.
        assert!(equivalence(&worse, &worse, 0.1, &Bootstrap { level: 0.5, ..Bootstrap::default() }).is_err());
    }
}
