//! Correction of p-values within a family of claims.

use super::estimate::StatisticsError;

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
