//! What an attention is besides its queries, keys and values.

use core::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pointwise::DropoutMask;

/// Sizes and inputs that are not differentiated.
#[derive(Clone, Debug)]
pub(crate) struct AttentionShape {
    pub n_rows: usize,
    pub n_tokens: usize,
    /// Tokens of a row that attend, from the first on: queries, results and their gradients are `[batch, n_queries, ..]`.
    pub n_queries: usize,
    pub n_heads: usize,
    pub head_size: usize,
    /// `[batch, seq]`: 1 for a token that may be attended to, 0 for padding.
    pub mask: Arc<Vec<u32>>,
    pub dropout: Option<DropoutMask>,
    /// Raised by [`attention`](super::attention) for rows in which a token gives weight 0 to another because its score is −∞, beside a
    /// finite one.
    pub saturated: RowFlags,
}

impl AttentionShape {
    pub(super) fn hidden_size(&self) -> usize {
        self.n_heads * self.head_size
    }

    /// Where a row's queries lie in theirs, and its keys in theirs.
    pub(super) fn values_of_row(&self, row_idx: usize) -> (Range<usize>, Range<usize>) {
        let of = |n_tokens: usize| {
            let n_values = n_tokens * self.hidden_size();
            row_idx * n_values..(row_idx + 1) * n_values
        };
        (of(self.n_queries), of(self.n_tokens))
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.head_size as f32).sqrt()
    }

    pub(super) fn mask_row(&self, row_idx: usize) -> &[u32] {
        &self.mask[row_idx * self.n_tokens..(row_idx + 1) * self.n_tokens]
    }

    pub(super) fn n_keys(&self, row_idx: usize) -> usize {
        n_keys(self.mask_row(row_idx))
    }

    pub(super) fn dropout_index(&self, row_idx: usize, head_idx: usize, query_idx: usize) -> u32 {
        (((row_idx * self.n_heads + head_idx) * self.n_tokens + query_idx) * self.n_tokens) as u32
    }
}

/// Keys that take part, given the mask of a row: those up to the last token; all of them when there is none, as in Hugging
/// Face, where an additive mask of `f32::MIN` everywhere leaves the softmax uniform.
pub(crate) fn n_keys(mask: &[u32]) -> usize {
    mask.iter().rposition(|m| *m != 0).map_or(mask.len(), |last| last + 1)
}

/// A flag for each row of a batch, raised by whichever thread meets what it stands for, and never lowered; clones are the
/// same flags.
#[derive(Clone, Debug)]
pub(crate) struct RowFlags(Arc<[AtomicBool]>);

impl RowFlags {
    /// None raised.
    pub(crate) fn new(n_rows: usize) -> Self {
        Self((0..n_rows).map(|_| AtomicBool::new(false)).collect())
    }

    /// Relaxed: who reads has waited for the work that raises.
    pub(crate) fn raise(&self, row_idx: usize) {
        self.0[row_idx].store(true, Ordering::Relaxed);
    }

    pub(crate) fn to_vec(&self) -> Vec<bool> {
        self.0.iter().map(|flag| flag.load(Ordering::Relaxed)).collect()
    }
}
