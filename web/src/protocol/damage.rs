//! Damage: what a plan did to the weights.

use super::HealedOrigin;
use serde::{Deserialize, Serialize};
use shared::corruption::{Plan, Totals};
use shared::inspection::WeightChange;
use shared::random::Seed;

/// What a plan did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrupted {
    /// The plan in its canonical form; empty when there is no damage.
    pub plan: String,
    /// The seed.
    pub seed: Seed,
    /// What the plan does to this model, as a sentence.
    pub description: String,
    /// What each step did to each tensor that it selected.
    pub tensors: Vec<TensorChange>,
    /// Sums over all of them.
    pub totals: Totals,
    /// Histograms before and after, one for each kind of weight that was touched.
    pub histograms: Vec<WeightChange>,
    /// The differences after − before of the same kinds of weight, in the same order.
    pub differences: Vec<DifferenceHistogram>,
    /// Memory that the damaged tensors take on top of the healthy model's.
    pub size_bytes: u64,
    /// The healed model as it is now, if there is one; it may belong to another damage.
    pub healed: Option<HealedOrigin>,
}

impl Corrupted {
    /// Whether it leaves the model as it was.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.totals.n_changed == 0
    }

    /// Whether it is what this plan, as it was typed, and this seed make.
    #[must_use]
    pub fn is_of(&self, plan: &str, seed: Seed) -> bool {
        is_same_damage((&self.plan, self.seed), (plan, seed))
    }
}

/// Whether a damage, whose plan is in canonical form, is another one, whose plan is as it was typed.
#[must_use]
pub fn is_same_damage(made: (&str, Seed), chosen: (&str, Seed)) -> bool {
    let plan = Plan::parse(chosen.0).map_or_else(|_| chosen.0.trim().to_owned(), |plan| plan.to_string());
    // Without a plan a seed has no meaning.
    made.0 == plan && (plan.is_empty() || made.1 == chosen.1)
}

/// What one step of a plan did to one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorChange {
    /// Hugging Face's name.
    pub name: String,
    /// The index of its part in [`ModelSummary::parts`](super::ModelSummary::parts).
    pub part_idx: usize,
    /// Place of the step in the plan, from 0.
    pub step_idx: usize,
    /// The scheme with its values, as in the canonical form.
    pub scheme: String,
    /// Values in the tensor.
    pub n_elements: usize,
    /// Values that the selection covers.
    pub n_selected: usize,
    /// Values whose bits changed.
    pub n_changed: usize,
    /// Values of the tensor whose bits are others than the healthy model's after all steps.
    pub n_changed_in_all: usize,
    /// L2 norm of its finite values before the step.
    pub norm_before: Option<f64>,
    /// L2 norm of its finite values after the step.
    pub norm_after: Option<f64>,
    /// Infinities and NaNs after the step.
    pub n_non_finite: usize,
}

/// The differences of some weights over bins of equal width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceHistogram {
    /// Lower end of the first bin.
    pub low: f64,
    /// Upper end of the last bin.
    pub high: f64,
    /// Values in each bin.
    pub counts: Vec<u64>,
    /// Differences of exactly 0, which are in their bin as well.
    pub n_zero: u64,
    /// Finite differences outside the bins.
    pub n_outside: u64,
    /// Differences that are infinite or none.
    pub n_non_finite: u64,
}

/// One parameter of the healthy model and of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorView {
    /// Its Hugging Face name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Histogram before and after.
    pub histogram: WeightChange,
    /// Histogram of the differences.
    pub difference: DifferenceHistogram,
    /// The healthy model's values.
    pub before: Tiles,
    /// The other model's.
    pub after: Tiles,
    /// The absolute differences.
    pub change: Tiles,
    /// The largest magnitude that a colour scale has to cover for `before` and `after`: all but a thousandth of the
    /// healthy values lie within it.
    pub scale: f32,
}

/// A matrix cut into tiles of equal size; vectors have one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Tiles down.
    pub n_rows: usize,
    /// Tiles across.
    pub n_columns: usize,
    /// Row by row, the mean over the finite values of each tile; `None` where any value is infinite or no number.
    pub means: Vec<Option<f32>>,
}
