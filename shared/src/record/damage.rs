//! What is kept of a run beside its figures, so that a report can show what happened.

use serde::{Deserialize, Serialize};

use crate::corruption::{Report, WeightChange};

/// What the corruption of a run did in detail: `corruption.json`.
///
/// The weights before it are nowhere on disk under protocol `pretrained` (they are the pre-trained model's, with the
/// run's new head), so what is to be shown of them is counted when they are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorruptionDetail {
    /// What the plan does to this model, in words.
    pub sentence: String,
    /// What each step did to each tensor.
    pub report: Report,
    /// The values of the touched tensors before and after.
    pub weights: Vec<WeightChange>,
}

/// A reported row's text: a line of `texts.jsonl.zst`, in the order of the predictions.
///
/// It is a file of its own, so that predictions can be passed on where the texts may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLine {
    /// Names the row: [`crate::dataset::row_hash`].
    pub row_hash: String,
    /// The text as it stands in the dataset.
    pub text: String,
}
