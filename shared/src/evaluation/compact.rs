//! Predictions small enough to keep for every run of a sweep.

use serde::{Deserialize, Serialize};

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
}
