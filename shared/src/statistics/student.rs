//! Student's t: its upper tail and its quantiles, for any positive number of degrees of freedom.

use super::estimate::{Estimate, Interval, Method, StatisticsError, check_finite, check_level};

/// The t with P(T ≤ t) = `p` for Student's t with `df` degrees of freedom, by bisection of the upper tail to 1e-13 of its value.
///
/// # Errors
/// When `p` is not between 0 and 1, or `df` is not above 0 and finite.
///
/// ```
/// let t = shared::statistics::student_quantile(0.975, 9.0)?;
/// assert!((t - 2.262_157_162_798_205).abs() < 1e-10); // R: qt(0.975, 9)
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn student_quantile(p: f64, df: f64) -> Result<f64, StatisticsError> {
    check_level(p)?;
    check_df(df)?;
    Ok(quantile(p, df))
}

/// The mean of values of several seeds with Student's interval, `x̄ ± t_(n−1)·s/√n`, in the unit of the values. It speaks
/// about other seeds on the same rows.
///
/// # Errors
/// When there are fewer than two values, one is not finite, or `level` is not between 0 and 1.
///
/// ```
/// let mean = shared::statistics::student_mean(&[1.0, 2.0, 3.0], 0.95)?;
/// assert!((mean.interval.low + 0.484_137_7).abs() < 1e-6); // R: t.test(1:3)
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn student_mean(values: &[f64], level: f64) -> Result<Estimate, StatisticsError> {
    check_level(level)?;
    check_finite(values)?;
    if values.len() < 2 {
        return Err(StatisticsError::PairCount { got: values.len() });
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half_width = quantile(f64::midpoint(1.0, level), n - 1.0) * libm::sqrt(variance / n);
    let interval = Interval { low: mean - half_width, high: mean + half_width, level };
    Ok(Estimate { value: mean, interval, method: Method::Student })
}

fn check_df(df: f64) -> Result<(), StatisticsError> {
    if df > 0.0 && df.is_finite() { Ok(()) } else { Err(StatisticsError::DegreesOfFreedom { got: df.to_string() }) }
}

/// P(T > t) of Student's t with `df` degrees of freedom, 0–1.
///
/// `I_x(df/2, 1/2) / 2` with `x = df / (df + t²)` for t ≥ 0, where I is the regularised incomplete beta function (NIST
/// Digital Library of Mathematical Functions, 8.17.1) by its continued fraction (8.17.22) with Lentz's recurrence
/// (Thompson & Barnett 1986). The error is below 1e-12 for the degrees of freedom of this project (1 to 1e6).
pub(super) fn upper_tail(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    let tail = 0.5 * regularised_beta(df / 2.0, 0.5, df / (df + t * t), t * t / (df + t * t));
    if t >= 0.0 { tail } else { 1.0 - tail }
}

pub(super) fn quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        return -quantile(1.0 - p, df);
    }
    let tail = 1.0 - p;
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, df) > tail {
        (low, high) = (high, 2.0 * high);
    }
    while high - low > 1e-13 * high {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if upper_tail(middle, df) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// `I_x(a, b)`; `rest` is 1 − x, without the rounding of that difference.
fn regularised_beta(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return f64::from(u8::from(rest <= 0.0));
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log(rest) - log_beta);
    // The fraction converges fast on this side of the mean; on the other, I_x(a, b) = 1 − I_(1−x)(b, a).
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, rest) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    // Lentz's guard: a denominator of 0 becomes a tiny one.
    let guarded = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // About √max(a, b) terms are needed: 1,000 for a million degrees of freedom.
    for term in 1..20_000_u32 {
        let k = f64::from(term);
        let even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        let odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        for coefficient in [even, odd] {
            d = 1.0 / guarded(1.0 + coefficient * d);
            c = guarded(1.0 + coefficient / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_those_of_tables() {
        // Closed forms: df 1 is tan(π(p − 1/2)), df 2 is (2p − 1)·√(2 / (1 − (2p − 1)²)); the others are R's qt.
        for (p, df, expected) in [
            (0.975, 1.0, 12.706_204_736_174_7),
            (0.975, 2.0, 4.302_652_729_749_46),
            (0.95, 2.0, 2.919_985_580_355_52),
            (0.975, 5.0, 2.570_581_835_636_31),
            (0.995, 9.0, 3.249_835_541_592_13),
            (0.975, 30.0, 2.042_272_456_301_24),
        ] {
            let t = student_quantile(p, df).unwrap();
            assert!((t - expected).abs() < 1e-10 * expected, "{p} {df}: {t}");
            assert!((student_quantile(1.0 - p, df).unwrap() + expected).abs() < 1e-8 * expected);
        }
        let normal = student_quantile(0.975, 1e6).unwrap();
        assert!((normal - 1.959_963_984_540_054).abs() < 3e-6, "{normal}");
    }

    #[test]
    fn tails_and_quantiles_are_inverse_also_for_fractional_degrees_of_freedom() {
        for df in [0.7, 1.0, 2.5, 11.3, 99.0, 5_000.0] {
            for p in [0.6, 0.9, 0.975, 0.999, 0.999_9] {
                let tail = upper_tail(student_quantile(p, df).unwrap(), df);
                assert!((tail - (1.0 - p)).abs() < 1e-11, "{p} {df}: {tail}");
            }
        }
        assert!((upper_tail(-1.0, 1.0) - 0.75).abs() < 1e-14);
        // R: pt(2, 10, lower.tail = FALSE)
        assert!((upper_tail(2.0, 10.0) - 0.036_694_017_385_370_2).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        assert!(student_quantile(0.975, 0.0).is_err() && student_quantile(1.0, 3.0).is_err());
        assert!(student_quantile(0.975, f64::INFINITY).is_err() && student_quantile(f64::NAN, 3.0).is_err());
    }
}
