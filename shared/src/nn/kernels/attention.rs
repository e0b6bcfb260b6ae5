//! Scaled dot-product attention over heads (Vaswani et al. 2017), forward and backward.
//!
//! Queries, keys and values stay as the projections wrote them, `[batch, seq, heads · head_size]`: a head is a column
//! block. Only the keys of one head (and its values, in the backward pass) are transposed, so that the small products
//! read adjacent columns. Probabilities exist for one head at a time and are computed again in the backward pass instead
//! of being stored. Keys behind a row's last real token are skipped: their probability is exactly 0, also when they are
//! NaN. Of those that are not, NaN, +∞ or nothing but −∞ makes all probabilities of a query NaN.

use crate::parallel::prelude::*;

use super::attention_shape::AttentionShape;
use super::dispatch::vectorized;
use super::math;
use super::matrix::{MatrixMut, MatrixRef};
use super::operand::transpose;
use super::pointwise::DropoutMask;
use super::small_matmul::small_matmul;

/// Scores and probabilities have rows of this multiple, so that products never end in a part of a vector.
const PADDING: usize = 16;

/// The part of a row's computation that is the same for all of its heads, and the buffers that they share.
struct Row<'a> {
    shape: &'a AttentionShape,
    index: usize,
    n_keys: usize,
    /// `n_keys`, padded.
    stride: usize,
    /// The transpose of one head's keys or values, `[head_size, stride]`; padding stays 0.
    transposed: Vec<f32>,
}

impl<'a> Row<'a> {
    fn new(shape: &'a AttentionShape, row_idx: usize) -> Self {
        let n_keys = shape.n_keys(row_idx);
        let stride = n_keys.next_multiple_of(PADDING);
        Self { shape, index: row_idx, n_keys, stride, transposed: vec![0.0; shape.head_size * stride] }
    }

    /// A buffer for scores: `[n_queries, stride]`.
    fn scores(&self) -> Vec<f32> {
        vec![0.0; self.shape.n_queries * self.stride]
    }

    /// A head of queries, keys, values or of a gradient: `n` tokens from `data` on.
    fn head<'b>(&self, data: &'b [f32], n: usize) -> MatrixRef<'b> {
        MatrixRef::new(data, n, self.shape.head_size, self.shape.hidden_size())
    }

    /// As [`Row::head`], to be written.
    fn head_mut<'b>(&self, data: &'b mut [f32], n: usize) -> MatrixMut<'b> {
        MatrixMut::new(data, n, self.shape.head_size, self.shape.hidden_size())
    }

    /// The columns of `scores` that are keys: `[n_queries, n_keys]`.
    fn keys<'b>(&self, scores: &'b [f32]) -> MatrixRef<'b> {
        MatrixRef::new(scores, self.shape.n_queries, self.n_keys, self.stride)
    }

    /// out = scale · a·bᵀ for a head of queries and one of keys, or of `dout` and of values; the padding becomes 0.
    fn all_pairs(&mut self, a: &[f32], b: &[f32], scale: f32, out: &mut [f32]) {
        let (n, size, hidden_size) = (self.shape.n_queries, self.shape.head_size, self.shape.hidden_size());
        transpose(MatrixRef::new(b, self.n_keys, size, hidden_size), &mut self.transposed);
        let transposed = MatrixRef::new(&self.transposed, size, self.stride, self.stride);
        small_matmul(MatrixMut::new(out, n, self.stride, self.stride), self.head(a, n), transposed, scale);
    }

    /// Softmax probabilities of one head into `out` `[n_queries, stride]`; whether a token's scores are saturated, see
    /// [`AttentionShape::saturated`].
    fn probabilities(&mut self, q: &[f32], k: &[f32], out: &mut [f32]) -> bool {
        self.all_pairs(q, k, self.shape.scale(), out);
        let mask = &self.shape.mask_row(self.index)[..self.n_keys];
        let has_hole = mask.contains(&0);
        let (stride, n_keys) = (self.stride, self.n_keys);
        vectorized!(|out: &mut [f32], mask: &[u32], has_hole: bool, stride: usize, n_keys: usize| -> bool {
            let mut is_saturated = false;
            for (query_idx, scores) in out.chunks_exact_mut(stride).enumerate() {
                let scores = &mut scores[..n_keys];
                let mut lowest_of_tokens = f32::INFINITY;
                if has_hole {
                    for (score, mask) in scores.iter_mut().zip(mask) {
                        if *mask == 0 {
                            *score += f32::MIN;
                        } else if *score < lowest_of_tokens {
                            lowest_of_tokens = *score;
                        }
                    }
                }
                let (min, max) = math::extremes(scores);
                let lowest = if has_hole { lowest_of_tokens } else { min };
                // What padding behind the last token attends to reaches nobody.
                is_saturated |= query_idx < n_keys && lowest == f32::NEG_INFINITY && max.is_finite();
                for score in scores.iter_mut() {
                    *score = math::exp(*score - max);
                }
                let inverse_sum = 1.0 / math::sum(scores);
                for score in scores.iter_mut() {
                    *score *= inverse_sum;
                }
            }
            is_saturated
        })
    }

    /// Multiplies probabilities (or their gradient) of one head by its dropout mask.
    fn drop_out(&self, head_idx: usize, p: &mut [f32]) {
        let Some(mask) = self.shape.dropout else { return };
        let (first, n_tokens) = (self.shape.dropout_index(self.index, head_idx, 0), self.shape.n_tokens);
        let (stride, n_keys) = (self.stride, self.n_keys);
        vectorized!(|p: &mut [f32], mask: DropoutMask, first: u32, n_tokens: usize, stride: usize, n_keys: usize| {
            for (row, first) in p.chunks_exact_mut(stride).zip((first..).step_by(n_tokens)) {
                for (p, index) in row[..n_keys].iter_mut().zip(first..) {
                    *p *= mask.factor(index);
                }
            }
        });
    }
}

/// out = dropout(softmax(q·kᵀ/√size + mask))·v, with `k` and `v` `[batch, seq, heads · size]`, and `q` and `out` as many
/// tokens of each row as the shape has queries.
pub(crate) fn attention(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "wasm32")]
    if shape.dropout.is_none() {
        return super::wasm::attention(shape, q, k, v, out);
    }
    let (n, size) = (shape.n_queries, shape.head_size);
    out.par_chunks_mut(n * shape.hidden_size()).enumerate().for_each(|(row_idx, out)| {
        let (queries, keys) = shape.values_of_row(row_idx);
        let (q, k, v) = (&q[queries], &k[keys.clone()], &v[keys]);
        let mut row = Row::new(shape, row_idx);
        let mut p = row.scores();
        for head_idx in 0..shape.n_heads {
            let head = head_idx * size;
            if row.probabilities(&q[head..], &k[head..], &mut p) {
                shape.saturated.raise(row_idx);
            }
            row.drop_out(head_idx, &mut p);
            small_matmul(row.head_mut(&mut out[head..], n), row.keys(&p), row.head(&v[head..], row.n_keys), 1.0);
        }
    });
}

/// Gradients of [`attention`] for the gradient `dout` of its result, written to `dq`, `dk` and `dv`.
///
/// With P the probabilities and D the dropout factors: dV = (P∘D)ᵀ·dO, G = (dO·Vᵀ)∘D, dS = P∘(G − rowsum(G∘P)),
/// dQ = dS·K/√size, dK = dSᵀ·Q/√size.
pub(crate) fn attention_backward(
    shape: &AttentionShape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    dout: &[f32],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    let (n, size) = (shape.n_queries, shape.head_size);
    let (of_queries, of_keys) = (n * shape.hidden_size(), shape.n_tokens * shape.hidden_size());
    (dq.par_chunks_mut(of_queries), dk.par_chunks_mut(of_keys), dv.par_chunks_mut(of_keys))
        .into_par_iter()
        .enumerate()
        .for_each(|(row_idx, (dq, dk, dv))| {
            let (queries, keys) = shape.values_of_row(row_idx);
            let (q, dout, k, v) = (&q[queries.clone()], &dout[queries], &k[keys.clone()], &v[keys]);
            let mut row = Row::new(shape, row_idx);
            let n_keys = row.n_keys;
            // Padding behind the last key gets no gradient.
            for gradient in [&mut *dk, &mut *dv] {
                gradient[n_keys * shape.hidden_size()..].fill(0.0);
            }
            let (mut p, mut dropped, mut g) = (row.scores(), row.scores(), row.scores());
            for head_idx in 0..shape.n_heads {
                let head = head_idx * size;
                let (q, k, v, dout) = (&q[head..], &k[head..], &v[head..], &dout[head..]);
                row.probabilities(q, k, &mut p);
                dropped.copy_from_slice(&p);
                row.drop_out(head_idx, &mut dropped);
                small_matmul(row.head_mut(&mut dv[head..], n_keys), row.keys(&dropped).t(), row.head(dout, n), 1.0);
                row.all_pairs(dout, v, 1.0, &mut g);
                row.drop_out(head_idx, &mut g);
                let (d, p, stride) = (&mut *g, &*p, row.stride);
                vectorized!(|d: &mut [f32], p: &[f32], n_keys: usize, stride: usize| {
                    for (g, p) in d.chunks_exact_mut(stride).zip(p.chunks_exact(stride)) {
                        let (g, p) = (&mut g[..n_keys], &p[..n_keys]);
                        let dot = math::sum2(g, p, |g, p| g * p);
                        for (g, p) in g.iter_mut().zip(p) {
                            *g = p * (*g - dot);
                        }
                    }
                });
                let scale = shape.scale();
                small_matmul(row.head_mut(&mut dq[head..], n), row.keys(&g), row.head(k, n_keys), scale);
                small_matmul(row.head_mut(&mut dk[head..], n_keys), row.keys(&g).t(), row.head(q, n), scale);
            }
        });
}

/// The probabilities themselves, `[batch, heads, seq, seq]`, for looking inside a model.
pub(crate) fn attention_probabilities(shape: &AttentionShape, q: &[f32], k: &[f32]) -> Vec<f32> {
    let n = shape.n_tokens;
    let row_len = n * shape.hidden_size();
    let mut out = vec![0.0; shape.n_rows * shape.n_heads * n * n];
    out.par_chunks_mut(shape.n_heads * n * n).enumerate().for_each(|(row_idx, out)| {
        let range = row_idx * row_len..(row_idx + 1) * row_len;
        let (q, k) = (&q[range.clone()], &k[range]);
        let mut row = Row::new(shape, row_idx);
        let mut p = row.scores();
        for (head_idx, out) in out.chunks_exact_mut(n * n).enumerate() {
            let head = head_idx * shape.head_size;
            row.probabilities(&q[head..], &k[head..], &mut p);
            for (out, p) in out.chunks_exact_mut(n).zip(p.chunks_exact(row.stride)) {
                out[..row.n_keys].copy_from_slice(&p[..row.n_keys]);
            }
        }
    });
    out
}
