//! Predictions small enough to keep for every run of a sweep.

use serde::{Deserialize, Serialize};

use super::calibration::{CALIBRATION_BINS, ReliabilityBin, bin_of};
use super::{Prediction, predicted_class, softmax};

/// What one model said of the reported rows, in the dataset's order: the class and 8 bits of confidence a row.
///
/// ```
/// use shared::evaluation::{CompactPredictions, Prediction};
/// let row = |logits| Prediction { row_hash: String::new(), label: 1, logits, is_saturated: false };
/// let compact = CompactPredictions::of(&[row(vec![0.0, 0.0]), row(vec![0.0, 100.0]), row(vec![f32::NAN, 0.0])]);
/// assert_eq!(compact.classes, [Some(0), Some(1), None]);
/// assert_eq!(compact.confidences, [128, 255, 0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompactPredictions {
    /// The predicted class of each row; none where a logit was not finite.
    pub classes: Vec<Option<u32>>,
    /// The probability of that class in 255ths, rounded; 0 where there is none.
    pub confidences: Vec<u8>,
}

/// All bins of a reliability diagram, empty ones too, so that those of several seeds can be put together.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactReliability {
    /// [`CALIBRATION_BINS`] of them, from the lowest confidence up; the confidence of an empty one is 0.
    pub bins: Vec<ReliabilityBin>,
}

impl CompactPredictions {
    /// Of a model's full predictions.
    #[must_use]
    pub fn of(predictions: &[Prediction]) -> Self {
        let row = |prediction: &Prediction| {
            let class = predicted_class(&prediction.logits);
            let probability = class.map_or(0.0, |class| softmax(&prediction.logits)[class as usize]);
            (class, (255.0 * probability).round() as u8)
        };
        let (classes, confidences) = predictions.iter().map(row).unzip();
        Self { classes, confidences }
    }

    /// The probability of the predicted class of a row, 0–1, to within 1/510.
    #[must_use]
    pub fn confidence(&self, row: usize) -> Option<f64> {
        self.classes.get(row).copied().flatten()?;
        self.confidences.get(row).map(|confidence| f64::from(*confidence) / 255.0)
    }

    /// The bins of a reliability diagram against the rows' true classes; rows that are not finite are in none. Confidences
    /// are to within 1/510, so a row near the edge of a bin may be in the next one.
    #[must_use]
    pub fn reliability(&self, labels: &[u32]) -> CompactReliability {
        let mut bins = vec![ReliabilityBin { n: 0, n_correct: 0, confidence: 0.0 }; CALIBRATION_BINS];
        for (row, label) in labels.iter().enumerate() {
            let Some(confidence) = self.confidence(row) else { continue };
            let bin = &mut bins[bin_of(confidence)];
            bin.n += 1;
            bin.n_correct += u64::from(self.classes[row] == Some(*label));
            bin.confidence += confidence;
        }
        for bin in bins.iter_mut().filter(|bin| bin.n > 0) {
            bin.confidence /= bin.n as f64;
        }
        CompactReliability { bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reliability_counts_rows_by_their_confidence() {
        let classes = vec![Some(0), Some(1), Some(0), None];
        let compact = CompactPredictions { classes, confidences: vec![255, 255, 128, 0] };
        let bins = compact.reliability(&[0, 0, 0, 0]).bins;
        assert_eq!(bins.len(), CALIBRATION_BINS);
        assert_eq!((bins[14].n, bins[14].n_correct, bins[14].confidence), (2, 1, 1.0));
        // 128/255 is just above a half, so in the bin up to 8/15.
        assert_eq!((bins[7].n, bins[7].n_correct), (1, 1));
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<u64>(), 3, "a row that is not finite is in none");
    }
}
