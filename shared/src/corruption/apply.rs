//! Applies a resolved plan to tensors: checks everything first, then one step after the other.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::error::ApplyError;
use super::report::{Report, TensorReport};
use super::resolve::{Anatomy, Extent, ResolvedPlan, ResolvedStep};
use super::scheme::Scheme;
use super::statistics::Tally;
use super::{elementwise, permute, shuffle};
use crate::model::{LayerModule, Module, ParameterPath};
use crate::seed::{Seed, Stream};

/// A parameter that may be damaged in place.
#[derive(Debug)]
pub struct TensorMut<'a> {
    /// Where it sits in the network.
    pub path: ParameterPath,
    /// `[out, in]`, `[entries, hidden]` or `[n]`.
    pub shape: Vec<usize>,
    /// Its values, in row-major order.
    pub data: &'a mut [f32],
}

/// What a step did to one tensor.
pub(super) struct Change {
    pub(super) tensor_idx: usize,
    pub(super) n_selected: usize,
    pub(super) tally: Tally,
}

/// What the random numbers of a tensor are keyed by.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    seed: Seed,
    scheme: Scheme,
    step_idx: usize,
    name: &'a str,
}

impl Key<'_> {
    /// The tensor's random numbers; `purpose` tells streams of the same scheme apart.
    pub(super) fn stream(self, purpose: &str) -> Stream {
        stream(self.seed, self.scheme, self.step_idx, self.name, purpose)
    }
}

/// The random numbers of a step on the parameter called `name`. A scheme's values are not part of the key, so a larger
/// fraction chooses the same values and more.
pub(super) fn stream(seed: Seed, scheme: Scheme, step_idx: usize, name: &str, purpose: &str) -> Stream {
    seed.stream_at(&format!("corruption/{}{purpose}", scheme.keyword()), name, step_idx as u64)
}

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
                }
            }));
        }
        Ok(Report::new(reports))
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
            let region = match step.selection.extent(tensor.path) {
                Extent::Nothing => return None,
                Extent::Whole => None,
                Extent::Heads(heads) => Some(Region::of_heads(&heads, self.anatomy, tensor)),
            };
            let name = tensor.path.name(self.anatomy.architecture);
            let key = Key { seed, scheme: step.scheme, step_idx, name: &name };
            let tally = match step.scheme {
                Scheme::Shuffle { fraction } => shuffle::apply(fraction, key, tensor, region.as_ref()),
                scheme => elementwise::apply(scheme, key, tensor, region.as_ref()),
            };
            let n_selected = region.map_or(tensor.data.len(), |region| region.len(tensor.data.len()));
            Some(Change { tensor_idx, n_selected, tally })
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
            let has_heads =
                self.steps.iter().any(|step| matches!(step.selection.extent(tensor.path), Extent::Heads(_)));
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

/// The dimension along which heads lie side by side, and its size: columns of the output projection, else rows.
fn head_axis(tensor: &TensorMut<'_>) -> (usize, usize) {
    let axis = match tensor.path.module {
        Module::Layer(_, LayerModule::AttentionOutput) => 1,
        _ => 0,
    };
    (axis, tensor.shape.get(axis).copied().unwrap_or(0))
}

/// The values of a tensor that belong to some heads.
pub(super) struct Region {
    /// Values from one row or column to the next.
    stride: usize,
    /// Rows or columns of the tensor.
    size: usize,
    /// Rows or columns of a head.
    head_size: usize,
    heads: Vec<RangeInclusive<usize>>,
}

impl Region {
    fn of_heads(heads: &[RangeInclusive<usize>], anatomy: Anatomy, tensor: &TensorMut<'_>) -> Self {
        let (axis, size) = head_axis(tensor);
        let stride = tensor.shape[axis + 1..].iter().product();
        Self { stride, size, head_size: size / anatomy.n_heads, heads: heads.to_vec() }
    }

    /// Whether the value at `position` belongs to the heads.
    pub(super) fn contains(&self, position: usize) -> bool {
        let head_idx = position / self.stride % self.size / self.head_size;
        self.heads.iter().any(|heads| heads.contains(&head_idx))
    }

    /// Values of the region in a tensor of `n` values.
    fn len(&self, n: usize) -> usize {
        let n_heads: usize = self.heads.iter().map(|heads| heads.end() + 1 - heads.start()).sum();
        n / self.size * n_heads * self.head_size
    }

    /// Gives the values outside the region their old bits; `chunk` starts at element `first`.
    pub(super) fn restore_outside(&self, first: usize, old: &[f32], chunk: &mut [f32]) {
        for (i, (new, old)) in chunk.iter_mut().zip(old).enumerate() {
            if !self.contains(first + i) {
                *new = *old;
            }
        }
    }
}
