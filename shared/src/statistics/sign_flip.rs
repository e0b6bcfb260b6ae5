//! The exact test of a few paired differences.

use super::StatisticsError;
use super::scores::check_finite;

/// The most pairs whose sign patterns are all visited: 2^23 sums.
pub const MAX_EXACT_PAIRS: usize = 24;

/// The exact two-sided p-value of paired differences being symmetric around 0 (Fisher's randomisation test of paired
/// data): the share of the 2^n patterns of signs whose `|Σ ± d_i|` is at least the observed `|Σ d_i|`.
///
/// With n pairs it cannot go below `2^(1−n)`, so five pairs never reach 0.05.
///
/// # Errors
/// When there are no pairs or more than [`MAX_EXACT_PAIRS`], or a difference is not finite.
pub fn sign_flip_p_value(differences: &[f64]) -> Result<f64, StatisticsError> {
    if differences.is_empty() || differences.len() > MAX_EXACT_PAIRS {
        return Err(StatisticsError::PairCount { got: differences.len() });
    }
    check_finite(differences)?;
    let observed = differences.iter().sum::<f64>().abs();
    // Patterns that tie with the observed one in exact arithmetic must count, whatever the rounding of their sums.
    let tolerance = 1e-12 * differences.iter().map(|difference| difference.abs()).sum::<f64>();
    // A pattern and its opposite have the same |sum|, so the first sign stays.
    let n_extreme = n_at_least(&differences[1..], differences[0], observed - tolerance);
    let n_patterns = 1_u64 << (differences.len() - 1);
    Ok(n_extreme as f64 / n_patterns as f64)
}

/// The number of sign patterns of `rest` with `|sum + Σ ± d_i| ≥ threshold`.
fn n_at_least(rest: &[f64], sum: f64, threshold: f64) -> u64 {
    match rest.split_first() {
        None => u64::from(sum.abs() >= threshold),
        Some((difference, rest)) => {
            n_at_least(rest, sum + difference, threshold) + n_at_least(rest, sum - difference, threshold)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)`, and by listing all
    /// patterns: `tests/scripts/metrics_reference.py`. All are multiples of a power of two, so exact.
    #[test]
    fn p_values_equal_scipys() {
        let cases: [(&[f64], f64); 5] = [
            (&[0.5, 1.25, -0.25, 0.75, 2.0, 0.125], 0.093_75),
            (&[1.0, 1.0, -1.0, 1.0], 0.625),
            (&[3.0, 1.0, 2.0, 2.5, 0.5, 1.5, 0.25], 0.015_625),
            (&[0.0, 0.0, 0.0], 1.0),
            (&[0.3, -0.1, 0.2, 0.6, -0.4, 0.5, 0.1, 0.7], 0.132_812_5),
        ];
        for (differences, expected) in cases {
            let p = sign_flip_p_value(differences).unwrap();
            assert!((p - expected).abs() < f64::EPSILON, "{differences:?}: {p}");
            let opposite: Vec<f64> = differences.iter().map(|difference| -difference).collect();
            assert!((sign_flip_p_value(&opposite).unwrap() - p).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn the_smallest_p_value_halves_with_each_pair() {
        for n in 1..=12_i32 {
            let p = sign_flip_p_value(&vec![0.1; n as usize]).unwrap();
            assert!((p - 2_f64.powi(1 - n)).abs() < f64::EPSILON, "{n}: {p}");
        }
    }

    #[test]
    fn what_cannot_be_enumerated_is_refused() {
        assert_eq!(sign_flip_p_value(&[]), Err(StatisticsError::PairCount { got: 0 }));
        assert_eq!(sign_flip_p_value(&[1.0; 25]), Err(StatisticsError::PairCount { got: 25 }));
        assert!(sign_flip_p_value(&[1.0, f64::NAN]).is_err());
    }
}
