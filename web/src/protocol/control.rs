//! The control: the healthy model fine-tuned once more, undamaged, with a healing's budget.

use super::Accuracy;
use serde::{Deserialize, Serialize};
use shared::bundle::Answers;

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
