//! How good the models are on the held-out rows, and the control: the healthy model fine-tuned once more, undamaged, with a
//! healing's budget.

use serde::{Deserialize, Serialize};
use shared::Condition;
use shared::bundle::Answers;
use shared::evaluation::rows_in_words;

/// A share of right predictions with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Rows.
    pub n: usize,
    /// Of these, rows without a finite score; they count as wrong.
    #[serde(default)]
    pub n_non_finite: usize,
    /// The share that is right, 0 to 1.
    pub value: f64,
    /// Lower end of Wilson's 95 % interval.
    pub low: f64,
    /// Upper end of Wilson's 95 % interval.
    pub high: f64,
}

impl Accuracy {
    /// The number of rows, with how many of them were not finite.
    #[must_use]
    pub fn rows(&self) -> String {
        rows_in_words(self.n, self.n_non_finite, 0)
    }
}

/// How good some models are on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// One for each model.
    pub models: Vec<ModelEvaluation>,
    /// The rows on which the models are not all right, in their order; rows that all get right are left out.
    pub rows: Vec<RowVerdict>,
    /// The control of the healed model on these rows, where there is one at its budget and the healed model was asked.
    pub control: Option<ControlComparison>,
    /// The share of rows in the most frequent class: what saying always the same gives.
    pub majority_share: f64,
}

/// How good one model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluation {
    /// The model.
    pub model: Condition,
    /// The share of right predictions.
    pub accuracy: Accuracy,
    /// Mean F1 over the classes.
    pub macro_f1: f64,
    /// Counts of rows by true class (outer) and predicted class (inner).
    pub confusion: Vec<Vec<u64>>,
    /// What its answers are like; rows that are not finite are in no cell of the confusion matrix.
    pub answers: Answers,
}

/// What the models made of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowVerdict {
    /// Its place among the held-out rows.
    pub row_idx: usize,
    /// Its text.
    pub text: String,
    /// Its true class.
    pub label: u32,
    /// What each model predicts, in the order of [`Evaluation::models`]; `None` without a finite score.
    pub predicted: Vec<Option<u32>>,
    /// The model that alone gets it right, when there are at least two models and it is one.
    pub only: Option<Condition>,
}

/// What is known of a control; its weights are not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// The healing whose budget it had.
    pub of: Healing,
    /// What it has had, in words, such as `after 3 + 3 epochs`.
    pub budget: String,
    /// Its held-out accuracy.
    pub accuracy: Accuracy,
    /// What its answers are like.
    pub answers: Answers,
}

/// Which healing made a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Healing {
    /// That of the native program, whose healed model came along.
    Native,
    /// One in a page.
    Live {
        /// Names it, as [`Moment::healing`](super::Moment::healing).
        name: String,
        /// Steps that were done.
        step: usize,
    },
}

/// The control on the rows of an evaluation, and what a healed model lacks against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlComparison {
    /// The control, on these rows.
    pub control: Control,
    /// control − healed, paired by row.
    pub deficit: Difference,
}

/// A difference of two accuracies on the same rows, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference itself.
    pub points: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
}
