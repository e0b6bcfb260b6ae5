//! A tensor that may be damaged, the part of it that is selected, and its random numbers.

use std::ops::RangeInclusive;

use super::report::WeightChange;
use super::scheme::Scheme;
use super::statistics::Tally;
use crate::model::{Anatomy, LayerModule, Module, ParameterPath};
use crate::random::{Seed, Stream};

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
    /// The one value that was changed, where it is one.
    pub(super) weight: Option<WeightChange>,
}

/// What the random numbers of a tensor are keyed by.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) seed: Seed,
    pub(super) scheme: Scheme,
    pub(super) step_idx: usize,
    pub(super) name: &'a str,
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

/// The dimension along which heads lie side by side, and its size: columns of the output projection, else rows.
pub(super) fn head_axis(tensor: &TensorMut<'_>) -> (usize, usize) {
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
    pub(super) fn of_heads(heads: &[RangeInclusive<usize>], anatomy: Anatomy, tensor: &TensorMut<'_>) -> Self {
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
    pub(super) fn len(&self, n: usize) -> usize {
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
