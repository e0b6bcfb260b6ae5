//! The interval of one accuracy, and the normal quantile it needs.

use super::estimate::{Estimate, Interval, Method, StatisticsError, check_level};

/// Wilson's score interval of a proportion (Wilson 1927), with z the normal quantile of `(1 + level)/2`:
/// `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)`. Unlike `p ± z·√(p(1−p)/n)` it stays in 0–1 and holds its level
/// near the ends, where accuracies lie.
///
/// # Errors
/// When there are no trials, more successes than trials, or `level` is not between 0 and 1.
pub fn wilson(successes: u64, n: u64, level: f64) -> Result<Estimate, StatisticsError> {
    if n == 0 || successes > n {
        return Err(StatisticsError::Proportion { successes, n });
    }
    wilson_share(successes as f64 / n as f64, n as f64, level)
}

/// As [`wilson`], of a share `p` of weighted trials and their effective number `n`, which need not be whole.
///
/// # Errors
/// When `n` is not above 0, `p` is not in 0–1, or `level` is not between 0 and 1.
pub fn wilson_share(p: f64, n: f64, level: f64) -> Result<Estimate, StatisticsError> {
    check_level(level)?;
    if !(n > 0.0 && (0.0..=1.0).contains(&p)) {
        return Err(StatisticsError::Share { share: p.to_string(), n: n.to_string() });
    }
    let z = normal_quantile(f64::midpoint(1.0, level));
    let z2_over_n = z * z / n;
    let center = p + z2_over_n / 2.0;
    let half_width = libm::sqrt((p * (1.0 - p) + z2_over_n / 4.0) * z2_over_n);
    let end = |sign: f64| ((center + sign * half_width) / (1.0 + z2_over_n)).clamp(0.0, 1.0);
    // At the ends the formula gives exactly 0 and 1, but for rounding.
    let low = if p == 0.0 { 0.0 } else { end(-1.0) };
    let high = if p == 1.0 { 1.0 } else { end(1.0) };
    Ok(Estimate { value: p, interval: Interval { low, high, level }, method: Method::Wilson })
}

/// The z with Φ(z) = `p`, for `p` in 0.5..1, by bisection of `Φ(z) = erfc(−z/√2)/2`.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    // 64 halvings of 40 go below the spacing of f64 near any z that matters.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if 0.5 * libm::erfc(-middle * std::f64::consts::FRAC_1_SQRT_2) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of `scipy.stats`, from `tests/scripts/metrics_reference.py`.
    const TOLERANCE: f64 = 1e-12;

    #[test]
    fn normal_quantiles_equal_scipys() {
        for (p, z) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_4),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (0.9999, 3.719_016_485_455_709),
        ] {
            assert!((normal_quantile(p) - z).abs() < TOLERANCE, "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn wilson_interval_equals_scipys() {
        for (successes, n, level, low, high) in [
            (0, 10, 0.95, 0.0, 0.277_532_799_862_889_26),
            (10, 10, 0.95, 0.722_467_200_137_110_9, 1.0),
            (7, 10, 0.95, 0.396_778_147_461_145_26, 0.892_208_732_593_699),
            (484, 500, 0.95, 0.948_655_130_954_558_2, 0.980_208_486_373_428_9),
            (812, 872, 0.99, 0.905_700_554_039_263, 0.950_172_577_006_515_8),
        ] {
            let estimate = wilson(successes, n, level).unwrap();
            assert!(
                (estimate.interval.low - low).abs() < TOLERANCE && (estimate.interval.high - high).abs() < TOLERANCE,
                "{estimate:?}"
            );
        }
    }

    #[test]
    fn impossible_proportions_are_refused() {
        assert_eq!(wilson(0, 0, 0.95), Err(StatisticsError::Proportion { successes: 0, n: 0 }));
        assert!(wilson(3, 2, 0.95).is_err());
        assert!(wilson(1, 2, 1.0).is_err());
        assert!(wilson(1, 2, f64::NAN).is_err());
        assert!(wilson_share(1.1, 2.0, 0.95).is_err() && wilson_share(0.5, 0.0, 0.95).is_err());
    }

    #[test]
    fn a_share_of_a_number_that_is_not_whole_lies_between_its_neighbours() {
        let high = |n| wilson_share(0.1, n, 0.95).unwrap().interval.high;
        assert_eq!(high(10.0), wilson(1, 10, 0.95).unwrap().interval.high);
        assert!(high(20.0) < high(15.5) && high(15.5) < high(10.0));
    }
}
