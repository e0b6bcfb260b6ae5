//! What applying a plan did.

use serde::{Deserialize, Serialize};

use super::weight_bit::WeightBit;

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
    /// The one value that was changed, where the scheme names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<WeightChange>,
}

/// One value before and after one of its bits was flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightChange {
    /// Its row, or its place in a vector, from 0.
    pub row: usize,
    /// Its column, from 0; null in a vector.
    pub column: Option<usize>,
    /// The bit, from 0 (the mantissa's last) to 31 (the sign).
    pub bit: u32,
    /// The bits of the value before, as an IEEE 754 binary32; JSON has no NaN and no infinity.
    pub bits_before: u32,
    /// The bits of the value after.
    pub bits_after: u32,
}

impl WeightChange {
    pub(super) fn new(weight: WeightBit, before: f32, after: f32) -> Self {
        let WeightBit { row, column, bit } = weight;
        Self { row, column, bit, bits_before: before.to_bits(), bits_after: after.to_bits() }
    }

    /// The value before.
    #[must_use]
    pub fn before(self) -> f32 {
        f32::from_bits(self.bits_before)
    }

    /// The value after.
    #[must_use]
    pub fn after(self) -> f32 {
        f32::from_bits(self.bits_after)
    }
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
