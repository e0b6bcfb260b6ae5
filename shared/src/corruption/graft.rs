//! Selected values taken from another model.

use super::report::TensorReport;
use super::resolve::{Coverage, ResolvedSelection};
use super::statistics::Tally;
use super::tensor::{Region, TensorMut};
use crate::model::Anatomy;

impl ResolvedSelection {
    /// Puts the selected values of `donor` into `tensor`, which has the same shape: all of them, or where single heads are
    /// selected their rows or columns. None when nothing of the tensor is selected.
    pub(crate) fn graft(&self, anatomy: Anatomy, tensor: &mut TensorMut<'_>, donor: &[f32]) -> Option<TensorReport> {
        let region = match self.extent(tensor.path) {
            // One value is what a step of a plan names, never a selection.
            Coverage::Nothing | Coverage::One(_) => return None,
            Coverage::Whole => None,
            Coverage::Heads(heads) => Some(Region::of_heads(&heads, anatomy, tensor)),
        };
        let before = tensor.data.to_vec();
        tensor.data.copy_from_slice(donor);
        if let Some(region) = &region {
            region.restore_outside(0, &before, tensor.data);
        }
        let tally = Tally::of_tensor(&before, tensor.data);
        Some(TensorReport {
            name: tensor.path.name(anatomy.architecture),
            step_idx: 0,
            scheme: "transplant".to_owned(),
            n_elements: before.len(),
            n_selected: region.map_or(before.len(), |region| region.len(before.len())),
            n_changed: tally.n_changed,
            norm_before: tally.squares_before.sqrt(),
            norm_after: tally.squares_after.sqrt(),
            n_non_finite: tally.n_non_finite,
            weight: None,
        })
    }
}
