//! The exact test of a few paired differences, and the correction of p-values within a family of claims.

use super::estimate::{MAX_EXACT_PAIRS, StatisticsError, check_finite};
use crate::random::Seed;

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

/// The least that the exact p-value of `n_pairs` pairs can be, `2^(1−n)`: when all differences have one sign.
///
/// # Panics
/// Never; without a pair it is 1.
#[must_use]
pub fn sign_flip_floor(n_pairs: usize) -> f64 {
    libm::exp2(1.0 - n_pairs.max(1) as f64)
}

/// How many claims of one family `n_pairs` pairs can carry at level `alpha` under Holm's correction, if all signs agree in
/// each: `⌊alpha · 2^(n−1)⌋`.
///
/// ```
/// use shared::statistics::claims_within_reach;
/// assert_eq!([5, 6, 7, 8, 9, 10].map(|n| claims_within_reach(n, 0.05)), [0, 1, 3, 6, 12, 25]);
/// ```
#[must_use]
pub fn claims_within_reach(n_pairs: usize, alpha: f64) -> usize {
    // Dividing by a power of two is exact, so the floor is too.
    (alpha / sign_flip_floor(n_pairs)).floor() as usize
}

/// The fewest pairs that can carry `n_claims` claims of one family at level `alpha`; the reverse of [`claims_within_reach`].
#[must_use]
pub fn pairs_needed(n_claims: usize, alpha: f64) -> usize {
    (1..=1_000).find(|n| claims_within_reach(*n, alpha) >= n_claims.max(1)).unwrap_or(1_000)
}

/// Sign patterns drawn where there are too many to list.
const N_SAMPLED: u64 = 100_000;

/// As [`sign_flip_p_value`], for more pairs than can be listed, from 100,000 patterns drawn at random: `(k + 1) / (N + 1)` with
/// k of N at least as extreme, which is never too small (Phipson & Smyth 2010, *Permutation p-values should never be zero*).
///
/// # Errors
/// When there are no pairs, or a difference is not finite.
pub fn sampled_sign_flip_p_value(differences: &[f64]) -> Result<f64, StatisticsError> {
    if differences.is_empty() {
        return Err(StatisticsError::PairCount { got: 0 });
    }
    check_finite(differences)?;
    let observed = differences.iter().sum::<f64>().abs();
    let threshold = observed - 1e-12 * differences.iter().map(|difference| difference.abs()).sum::<f64>();
    let is_extreme = |draw: &u64| {
        let stream = Seed(0).stream_at("sign-flip", "pattern", *draw);
        let mut bits = 0;
        let sum = differences.iter().enumerate().map(|(i, difference)| {
            if i % 64 == 0 {
                bits = stream.u64_at(i as u64 / 64);
            }
            bits = bits.rotate_right(1);
            if bits >> 63 == 1 { *difference } else { -difference }
        });
        sum.sum::<f64>().abs() >= threshold
    };
    let n_extreme = (0..N_SAMPLED).filter(is_extreme).count();
    Ok((n_extreme + 1) as f64 / (N_SAMPLED + 1) as f64)
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

/// Holm's adjusted p-values (Holm 1979), in the order given: with `p_(1) ≤ … ≤ p_(m)`,
/// `adjusted_(i) = max_{j ≤ i} min(1, (m − j + 1) · p_(j))`. A claim holds at level α when its adjusted value is ≤ α.
///
/// # Errors
/// When a value is not in 0..=1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    if let Some(index) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(StatisticsError::PValue { index, got: p_values[index].to_string() });
    }
    let mut by_size: Vec<usize> = (0..p_values.len()).collect();
    by_size.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut highest: f64 = 0.0;
    for (rank, &index) in by_size.iter().enumerate() {
        highest = highest.max(((p_values.len() - rank) as f64 * p_values[index]).min(1.0));
        adjusted[index] = highest;
    }
    Ok(adjusted)
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
    fn a_claim_more_needs_at_most_a_pair_more() {
        for n_claims in 1..=100 {
            let n = pairs_needed(n_claims, 0.05);
            assert!(claims_within_reach(n, 0.05) >= n_claims && claims_within_reach(n - 1, 0.05) < n_claims);
        }
        assert_eq!(pairs_needed(0, 0.05), 6);
    }

    #[test]
    fn sampled_p_values_are_near_the_exact_ones() {
        for differences in [vec![0.3, -0.1, 0.2, 0.6, -0.4, 0.5, 0.1, 0.7], vec![1.0, 1.0, -1.0, 1.0], vec![0.1; 12]] {
            let (exact, sampled) =
                (sign_flip_p_value(&differences).unwrap(), sampled_sign_flip_p_value(&differences).unwrap());
            // Five standard errors of a share of 100,000.
            let tolerance = 5.0 * (exact / 100_000.0_f64).sqrt() + 1e-5;
            assert!((exact - sampled).abs() < tolerance, "{exact} {sampled}");
        }
        assert!(sampled_sign_flip_p_value(&[]).is_err());
        assert!(sampled_sign_flip_p_value(&[1.0; 70]).unwrap() < 1e-4);
    }

    #[test]
    fn what_cannot_be_enumerated_is_refused() {
        assert_eq!(sign_flip_p_value(&[]), Err(StatisticsError::PairCount { got: 0 }));
        assert_eq!(sign_flip_p_value(&[1.0; 25]), Err(StatisticsError::PairCount { got: 25 }));
        assert!(sign_flip_p_value(&[1.0, f64::NAN]).is_err());
    }

    /// By hand: 4 · 0.005, 3 · 0.01, 2 · 0.03 and the larger of 0.06 and 0.04.
    #[test]
    fn adjusted_values_follow_holms_definition_and_order() {
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.005]).unwrap();
        for (got, expected) in adjusted.iter().zip([0.06, 0.03, 0.06, 0.02]) {
            assert!((got - expected).abs() < 1e-15, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.9, 0.8]).unwrap(), [1.0, 1.0]);
        assert_eq!(holm(&[0.2]).unwrap(), [0.2]);
        assert!(holm(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_p_value_is_refused() {
        assert!(holm(&[0.1, 1.5]).is_err());
        assert!(holm(&[f64::NAN]).is_err());
    }
}
