//! What applying a plan did.

use serde::{Deserialize, Serialize};

/// What a plan did to each tensor that it selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// By step, then in the order of a forward pass.
    pub tensors: Vec<TensorReport>,
    /// Over all of them.
    pub totals: Totals,
}

/// What one step did to one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorReport {
    /// Hugging Face's name.
    pub name: String,
    /// Place of the step in the plan, from 0.
    pub step_idx: usize,
    /// The scheme with its values, as in the canonical form.
    pub scheme: String,
    /// Values in the tensor.
    pub n_elements: usize,
    /// Values that the selection covers: all of them, unless single heads are selected.
    pub n_selected: usize,
    /// Values whose bits are others than before the step.
    pub n_changed: usize,
    /// L2 norm of the tensor's finite values before the step.
    pub norm_before: f64,
    /// L2 norm of the tensor's finite values after the step.
    pub norm_after: f64,
    /// Infinities and NaNs in the tensor after the step.
    pub n_non_finite: usize,
}

/// Sums over a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Different tensors that were selected.
    pub n_tensors: usize,
    /// Selected values, counted once for each step.
    pub n_selected: usize,
    /// Values that a step changed, counted once for each step.
    pub n_changed: usize,
    /// Infinities and NaNs in the selected tensors after the last step.
    pub n_non_finite: usize,
}

impl Report {
    /// Of what happened to each tensor, with the sums.
    pub(crate) fn of(tensors: Vec<TensorReport>) -> Self {
        let mut totals = Totals::default();
        for (i, tensor) in tensors.iter().enumerate() {
            totals.n_selected += tensor.n_selected;
            totals.n_changed += tensor.n_changed;
            let is_last = tensors[i + 1..].iter().all(|later| later.name != tensor.name);
            if is_last {
                totals.n_tensors += 1;
                totals.n_non_finite += tensor.n_non_finite;
            }
        }
        Self { tensors, totals }
    }
}
