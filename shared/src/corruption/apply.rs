//! Applies a resolved plan to tensors: checks everything first, then one step after the other.

use crate::parallel::prelude::*;

use super::chance::Chance;
use super::plan::Plan;
use super::report::{Report, TensorReport, WeightChange};
use super::resolve::{Coverage, ResolvedPlan, ResolvedStep};
use super::scheme::Scheme;
use super::statistics::{self, Tally};
use super::tensor::{Change, Key, Region, TensorMut, head_axis};
use super::weight_bit::WeightBit;
use super::{elementwise, permute};
use crate::error::ApplyError;
use crate::model::{Anatomy, ParameterPath};
use crate::random::Seed;

impl ResolvedPlan {
    /// Damages `tensors` in place and reports what that did. They may be in any order and hold more than the plan
    /// selects; what is not selected keeps its bits. The report is in the order of a forward pass.
    ///
    /// Where single heads are selected, their values become what they would if the whole tensor were selected (so a
    /// standard deviation, a maximum and `fan_in` are the whole tensor's); `shuffle` moves values within the heads.
    ///
    /// # Errors
    /// [`ApplyError`] when a selected parameter is missing, a parameter is there twice, or a shape does not fit. Nothing
    /// has been changed then.
    pub fn apply(&self, seed: Seed, tensors: &mut [TensorMut<'_>]) -> Result<Report, ApplyError> {
        self.check(tensors)?;
        let mut reports = Vec::new();
        for (step_idx, step) in self.steps.iter().enumerate() {
            let mut changes = match step.scheme {
                Scheme::Permute => permute::apply(seed, step_idx, &step.selection, tensors),
                _ => self.apply_to_each(seed, step_idx, step, tensors),
            };
            changes.sort_by_key(|change| tensors[change.tensor_idx].path);
            reports.extend(changes.into_iter().map(|change| {
                let tensor = &tensors[change.tensor_idx];
                TensorReport {
                    name: tensor.path.name(self.anatomy.architecture),
                    step_idx,
                    scheme: step.scheme.to_string(),
                    n_elements: tensor.data.len(),
                    n_selected: change.n_selected,
                    n_changed: change.tally.n_changed,
                    norm_before: change.tally.squares_before.sqrt(),
                    norm_after: change.tally.squares_after.sqrt(),
                    n_non_finite: change.tally.n_non_finite,
                    weight: change.weight,
                }
            }));
        }
        Ok(Report::of(reports))
    }

    /// A step that looks at each tensor on its own.
    fn apply_to_each(
        &self,
        seed: Seed,
        step_idx: usize,
        step: &ResolvedStep,
        tensors: &mut [TensorMut<'_>],
    ) -> Vec<Change> {
        let change = |(tensor_idx, tensor): (usize, &mut TensorMut<'_>)| {
            let region = match step.extent(tensor.path) {
                Coverage::Nothing => return None,
                Coverage::One(weight) => return flip(weight, tensor_idx, tensor),
                Coverage::Whole => None,
                Coverage::Heads(heads) => Some(Region::of_heads(&heads, self.anatomy, tensor)),
            };
            let name = tensor.path.name(self.anatomy.architecture);
            let key = Key { seed, scheme: step.scheme, step_idx, name: &name };
            let tally = match step.scheme {
                Scheme::Shuffle { fraction } => shuffle(fraction, key, tensor, region.as_ref()),
                // The values stay for whoever holds them; that they are no part of the model is the report.
                Scheme::Skip => Tally {
                    n_changed: tensor.data.len(),
                    squares_before: statistics::squares(tensor.data),
                    ..Tally::default()
                },
                scheme => elementwise::apply(scheme, key, tensor, region.as_ref()),
            };
            let n_selected = region.map_or(tensor.data.len(), |region| region.len(tensor.data.len()));
            Some(Change { tensor_idx, n_selected, tally, weight: None })
        };
        tensors.par_iter_mut().enumerate().filter_map(change).collect()
    }

    /// Everything that can go wrong, before anything is changed.
    fn check(&self, tensors: &[TensorMut<'_>]) -> Result<(), ApplyError> {
        let name = |path: ParameterPath| path.name(self.anatomy.architecture);
        let mut paths: Vec<_> = tensors.iter().map(|tensor| tensor.path).collect();
        paths.sort_unstable();
        if let Some(pair) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ApplyError::Duplicate { name: name(pair[0]) });
        }
        if let Some(missing) = self.touched().into_iter().find(|path| paths.binary_search(path).is_err()) {
            return Err(ApplyError::Missing { name: name(missing) });
        }
        let n_heads = self.anatomy.n_heads;
        for tensor in tensors {
            let shape_error = |expected: String| {
                Err(ApplyError::Shape { name: name(tensor.path), shape: tensor.shape.clone(), expected })
            };
            if tensor.shape.iter().product::<usize>() != tensor.data.len() {
                return shape_error(format!("the shape of {} values", tensor.data.len()));
            }
            for step in &self.steps {
                if let Coverage::One(weight) = step.extent(tensor.path)
                    && weight.offset(&tensor.shape).is_none()
                {
                    return shape_error(format!("a shape that has the place {}", weight.place()));
                }
            }
            let has_heads = self.steps.iter().any(|step| matches!(step.extent(tensor.path), Coverage::Heads(_)));
            if has_heads {
                let (axis, size) = head_axis(tensor);
                if size == 0 || size % n_heads != 0 {
                    return shape_error(format!("dimension {axis} to be a multiple of {n_heads} heads"));
                }
            }
        }
        for step in self.steps.iter().filter(|step| step.scheme == Scheme::Permute) {
            permute::check(&step.selection, self.anatomy, tensors)?;
        }
        Ok(())
    }
}

impl Plan {
    /// Damages `tensors` in place; see [`ResolvedPlan::apply`].
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has been changed then.
    pub fn apply(&self, seed: Seed, anatomy: Anatomy, tensors: &mut [TensorMut<'_>]) -> Result<Report, ApplyError> {
        self.resolve(anatomy)?.apply(seed, tensors)
    }
}

/// The scheme that changes one value; nothing when there is no such value, which is refused before.
fn flip(weight: WeightBit, tensor_idx: usize, tensor: &mut TensorMut<'_>) -> Option<Change> {
    let offset = weight.offset(&tensor.shape)?;
    let old = tensor.data.to_vec();
    let (before, value) = (old[offset], tensor.data.get_mut(offset)?);
    *value = weight.flipped(before);
    let after = *value;
    Some(Change {
        tensor_idx,
        n_selected: 1,
        tally: Tally::of_tensor(&old, tensor.data),
        weight: Some(WeightChange::new(weight, before, after)),
    })
}

/// The scheme that moves values within a tensor: permutes the chosen ones that lie in `region`, or in the whole tensor. It
/// takes about 16 bytes of memory a value.
fn shuffle(fraction: f64, key: Key, tensor: &mut TensorMut<'_>, region: Option<&Region>) -> Tally {
    let (chosen, order) = (key.stream(""), key.stream("/order"));
    let chance = Chance::new(fraction);
    let mut positions = Vec::new();
    for group in 0..tensor.data.len().div_ceil(32) {
        let mut bits = chance.bits(&chosen, group as u64, u32::MAX);
        while bits != 0 {
            let position = 32 * group + bits.trailing_zeros() as usize;
            if position < tensor.data.len() && region.is_none_or(|region| region.contains(position)) {
                positions.push(position);
            }
            bits &= bits - 1;
        }
    }
    let before = tensor.data.to_vec();
    let mut values: Vec<f32> = positions.iter().map(|position| before[*position]).collect();
    order.shuffle(&mut values);
    for (position, value) in positions.into_iter().zip(values) {
        tensor.data[position] = value;
    }
    Tally::of_tensor(&before, tensor.data)
}
