//! Whether a model knows how sure it may be.

use serde::{Deserialize, Serialize};

use super::prediction::{Prediction, softmax};

/// The number of bins of [`expected_calibration_error`], as in Guo et al. 2017.
pub const CALIBRATION_BINS: usize = 15;

/// Expected calibration error (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017), a fraction 0–1:
/// `Σ_m |B_m|/n · |accuracy(B_m) − confidence(B_m)|` over 15 bins of equal width `((m−1)/15, m/15]`, where a row's
/// confidence is the softmax probability of its predicted class.
///
/// `None` when there are no rows or one is not finite.
#[must_use]
pub fn expected_calibration_error(predictions: &[Prediction]) -> Option<f64> {
    if predictions.is_empty() {
        return None;
    }
    // Per bin: sum of (correct − confidence). |B_m| cancels against the means' denominators.
    let mut gaps = [0.0_f64; CALIBRATION_BINS];
    for prediction in predictions {
        let predicted = prediction.predicted()?;
        let confidence = softmax(&prediction.logits)[predicted as usize];
        gaps[bin_of(confidence)] += f64::from(u8::from(predicted == prediction.label)) - confidence;
    }
    Some(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / predictions.len() as f64)
}

/// Rows whose confidence lies in one bin of [`expected_calibration_error`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Rows.
    pub n: u64,
    /// Of these, the rows whose predicted class is the true one.
    pub n_correct: u64,
    /// Mean confidence of these rows, 0–1.
    pub confidence: f64,
}

/// The bins of a reliability diagram that hold a row, from the lowest confidence up; rows that are not finite are in
/// none.
///
/// `Σ n/N · |n_correct/n − confidence|` over them is the [`expected_calibration_error`].
#[must_use]
pub fn reliability_bins(predictions: &[Prediction]) -> Vec<ReliabilityBin> {
    let mut bins = [ReliabilityBin { n: 0, n_correct: 0, confidence: 0.0 }; CALIBRATION_BINS];
    for prediction in predictions {
        let Some(predicted) = prediction.predicted() else { continue };
        let confidence = softmax(&prediction.logits)[predicted as usize];
        let bin = &mut bins[bin_of(confidence)];
        bin.n += 1;
        bin.n_correct += u64::from(predicted == prediction.label);
        bin.confidence += confidence;
    }
    let occupied = bins.into_iter().filter(|bin| bin.n > 0);
    occupied.map(|bin| ReliabilityBin { confidence: bin.confidence / bin.n as f64, ..bin }).collect()
}

/// The bin of a confidence, from 0.
pub(super) fn bin_of(confidence: f64) -> usize {
    ((confidence * CALIBRATION_BINS as f64).ceil() as usize).clamp(1, CALIBRATION_BINS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(probability: f64, label: u32) -> Prediction {
        let logit = (probability / (1.0 - probability)).ln() as f32;
        Prediction { row_hash: String::new(), label, logits: vec![logit, 0.0], is_saturated: false }
    }

    #[test]
    fn a_model_that_is_as_sure_as_it_is_right_has_no_error() {
        // Three of four right at 75 %.
        let calibrated: Vec<_> = [0, 0, 0, 1].map(|label| sure(0.75, label)).into();
        assert!(expected_calibration_error(&calibrated).unwrap() < 1e-7);
        // Two of four right at 75 %, and three of three at 99 %: (4·0.25 + 3·0.01) / 7.
        let mut both: Vec<_> = [0, 0, 1, 1].map(|label| sure(0.75, label)).into();
        both.extend([0, 0, 0].map(|label| sure(0.99, label)));
        assert!((expected_calibration_error(&both).unwrap() - 1.03 / 7.0).abs() < 1e-7);
    }

    #[test]
    fn bins_add_up_to_the_calibration_error() {
        let mut rows: Vec<_> = [0, 0, 1, 1].map(|label| sure(0.75, label)).into();
        rows.extend([0, 0, 0].map(|label| sure(0.99, label)));
        let bins = reliability_bins(&rows);
        assert_eq!(bins.iter().map(|bin| (bin.n, bin.n_correct)).collect::<Vec<_>>(), [(4, 2), (3, 3)]);
        let gap = |bin: &ReliabilityBin| (bin.n_correct as f64 - bin.n as f64 * bin.confidence).abs() / 7.0;
        let error: f64 = bins.iter().map(gap).sum();
        assert!((error - expected_calibration_error(&rows).unwrap()).abs() < 1e-12);
        rows.push(Prediction { row_hash: String::new(), label: 0, logits: vec![f32::NAN, 0.0], is_saturated: false });
        assert_eq!(reliability_bins(&rows), bins);
    }

    #[test]
    fn errors_in_different_bins_do_not_cancel() {
        // Right at 60 % (gap +0.4) and wrong at 90 % (gap −0.9).
        let rows = [sure(0.6, 0), sure(0.9, 1)];
        assert!((expected_calibration_error(&rows).unwrap() - 0.65).abs() < 1e-7);
    }

    #[test]
    fn calibration_of_a_row_that_is_not_finite_is_not_made_up() {
        let mut rows = vec![sure(0.6, 0)];
        rows.push(Prediction { row_hash: String::new(), label: 0, logits: vec![f32::NAN, 0.0], is_saturated: false });
        assert_eq!(expected_calibration_error(&rows), None);
        assert_eq!(expected_calibration_error(&[]), None);
    }
}
