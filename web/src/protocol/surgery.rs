//! Surgery: parts of one model in another, which part is to blame, single bits, and whether weights came back.

use serde::{Deserialize, Serialize};
use shared::Condition;
use shared::inspection::Scar;
use shared::surgery::{Blame, BridgePoint};

/// Take parts of one model into another, until one of the two becomes another model or this is asked again. Every other
/// request then means the model with these parts; healing, its runs and models that leave the page do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transplant {
    /// Whose parts are taken.
    pub from: Condition,
    /// Where they are put.
    pub to: Condition,
    /// A selection, as in a plan; empty to take everything back.
    pub parts: String,
}

/// What a transplant did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transplanted {
    /// Values of the receiver that are others now.
    pub n_changed: usize,
    /// What was taken, in canonical form; empty when nothing was.
    pub parts: String,
}

/// Share out what a damage costs among the layers, over all mixes of the healthy and another model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskBlame {
    /// The other model: corrupted or healed.
    pub damaged: Condition,
    /// Share out the margin of this sentence, too; empty for none.
    pub text: String,
    /// The most held-out rows that are looked at.
    pub max_rows: usize,
}

/// Who is to blame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlameView {
    /// The other model.
    pub damaged: Condition,
    /// Held-out rows that were looked at.
    pub n_rows: usize,
    /// Of accuracy, 0–1.
    pub accuracy: Blame,
    /// Of the sentence's margin, in units of a logit; none without a sentence or where a mix is not finite.
    pub margin: Option<Blame>,
    /// The class that the healthy model gives the sentence.
    pub label: Option<u32>,
    /// By part, whether it has the same bits in both models.
    pub is_same: Vec<bool>,
    /// Mixes of the two models.
    pub n_mixes: usize,
    /// Passes of each row through a layer that they took.
    pub n_passes: usize,
    /// Seconds by the clock.
    pub secs: f64,
}

/// Accuracy and loss along the straight lines between the models, and how far weights are from the healthy ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskReturn {
    /// The most held-out rows that are looked at.
    pub max_rows: usize,
}

/// Whether weights came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnView {
    /// By part, before and after healing.
    pub scars: Vec<Scar>,
    /// From the healthy to the healed model.
    pub from_healthy: Vec<BridgePoint>,
    /// From the corrupted to the healed model.
    pub from_corrupted: Vec<BridgePoint>,
    /// Held-out rows that were looked at.
    pub n_rows: usize,
}

/// One weight of every model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewWeight {
    /// Its parameter's Hugging Face name.
    pub name: String,
    /// Its row, or its place in a vector.
    pub row: usize,
    /// Its column; a vector has none.
    pub column: Option<usize>,
}

/// The bits of a weight, as an IEEE 754 binary32.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightView {
    /// What was asked for.
    pub weight: ViewWeight,
    /// The plan that flips its bit 0 in the healthy model, which says how the tensor is called in plans.
    pub plan: String,
    /// In the models that exist.
    pub bits: Vec<(Condition, u32)>,
}

/// Look for a single bit whose flip costs the healthy model more than five points of accuracy: the highest bit of the
/// exponent first, then the next ones, and the largest weights first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindFatalBit {
    /// The most held-out rows that are looked at.
    pub max_rows: usize,
}

/// What a search for a fatal bit came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FatalBit {
    /// The plan that flips it; none when all that were tried cost less.
    pub found: Option<(String, ViewWeight)>,
    /// Flips that were tried.
    pub n_tried: usize,
    /// Held-out rows that were looked at.
    pub n_rows: usize,
    /// The healthy model's accuracy on them, 0–1.
    pub healthy: f64,
    /// The accuracy with the last flip that was tried.
    pub flipped: f64,
}
