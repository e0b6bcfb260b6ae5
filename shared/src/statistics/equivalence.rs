//! Whether two conditions are the same for practical purposes, which "not significantly different" does not show.

use serde::{Deserialize, Serialize};

use super::estimate::{StatisticsError, check_finite};
use super::student::upper_tail;

/// The difference in accuracy that does not matter: ±0.5 percentage points.
pub const DEFAULT_MARGIN: f64 = 0.005;

/// The outcome of [`paired_tost`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tost {
    /// P-value of the mean not being above the lower end.
    pub p_above_low: f64,
    /// P-value of the mean not being below the upper end.
    pub p_below_high: f64,
}

impl Tost {
    /// The p-value of both together, the larger one: at most α shows that the mean lies between the ends.
    #[must_use]
    pub fn p(&self) -> f64 {
        self.p_above_low.max(self.p_below_high)
    }
}

/// Two one-sided t-tests of paired differences (Schuirmann 1987): with d̄ their mean and s their standard deviation,
/// `T ≥ (d̄ − low) / (s/√n)` and `T ≥ (high − d̄) / (s/√n)` for Student's T with n − 1 degrees of freedom.
///
/// `resolution` is the spacing of the scale that the differences were read from (0 for none): their variance is taken to be
/// at least `resolution²/12`, that of rounding to it, since differences that happen to be equal on a coarse scale are not
/// known to be equal.
///
/// # Errors
/// When there are fewer than two differences, one is not finite, `low` is not below `high`, or `resolution` is not a number
/// from 0 on.
pub fn paired_tost(differences: &[f64], [low, high]: [f64; 2], resolution: f64) -> Result<Tost, StatisticsError> {
    check_finite(differences)?;
    if !(low < high && resolution >= 0.0) {
        let got = format!("{low} to {high} by steps of {resolution}");
        return Err(StatisticsError::Margin { got });
    }
    if differences.len() < 2 {
        return Err(StatisticsError::PairCount { got: differences.len() });
    }
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = libm::sqrt(variance.max(resolution * resolution / 12.0) / n);
    let p_of = |distance: f64| match (error > 0.0, distance > 0.0) {
        (true, _) => upper_tail(distance / error, n - 1.0),
        (false, is_inside) => f64::from(u8::from(!is_inside)),
    };
    Ok(Tost { p_above_low: p_of(mean - low), p_below_high: p_of(high - mean) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_differences_are_as_sure_as_their_scale_is_fine() {
        let p = |resolution: f64| paired_tost(&[0.001; 6], [-0.005, 0.005], resolution).unwrap().p();
        assert_eq!(p(0.0), 0.0);
        assert!(p(0.002) < 0.001 && p(0.05) > 0.05, "{} {}", p(0.002), p(0.05));
        assert_eq!(paired_tost(&[0.006; 6], [-0.005, 0.005], 0.0).unwrap().p(), 1.0);
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        assert!(paired_tost(&[0.1], [-1.0, 1.0], 0.0).is_err());
        assert!(paired_tost(&[0.1, 0.2], [1.0, 1.0], 0.0).is_err());
        assert!(paired_tost(&[0.1, f64::NAN], [-1.0, 1.0], 0.0).is_err());
        assert!(paired_tost(&[0.1, 0.2], [-1.0, 1.0], -1.0).is_err());
    }
}
