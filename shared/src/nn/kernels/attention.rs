//! Scaled dot-product attention over heads (Vaswani et al. 2017), forward and backward.
//!
//! Queries, keys and values stay as the projections wrote them, `[batch, seq, heads · head_size]`: a head is a column
//! block, so nothing is transposed or copied. Probabilities exist for one head at a time and are computed again in the
//! backward pass instead of being stored. Keys behind a row's last real token are skipped: their probability is exactly 0.

use rayon::prelude::*;

use super::{Accumulate, DropoutMask, MatrixMut, MatrixRef, Parallel, math, matmul};

/// Sizes and inputs that are not differentiated.
#[derive(Clone, Debug)]
pub(crate) struct AttentionShape {
    pub n_rows: usize,
    pub n_tokens: usize,
    pub n_heads: usize,
    pub head_size: usize,
    /// `[batch, seq]`: 1 for a token that may be attended to, 0 for padding.
    pub mask: std::sync::Arc<Vec<u32>>,
    pub dropout: Option<DropoutMask>,
}

impl AttentionShape {
    fn hidden_size(&self) -> usize {
        self.n_heads * self.head_size
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_size as f32).sqrt()
    }

    fn mask_row(&self, row_idx: usize) -> &[u32] {
        &self.mask[row_idx * self.n_tokens..(row_idx + 1) * self.n_tokens]
    }

    /// Keys that can have a probability above 0; all of them when a row has no real token, as in Hugging Face, where an
    /// additive mask of `f32::MIN` everywhere leaves the softmax uniform.
    fn n_keys(&self, row_idx: usize) -> usize {
        self.mask_row(row_idx).iter().rposition(|m| *m != 0).map_or(self.n_tokens, |last| last + 1)
    }

    fn dropout_index(&self, row_idx: usize, head_idx: usize, query_idx: usize) -> u32 {
        (((row_idx * self.n_heads + head_idx) * self.n_tokens + query_idx) * self.n_tokens) as u32
    }
}

/// Softmax probabilities of one head of one row into `out` `[n_tokens, n_keys]`.
fn probabilities(shape: &AttentionShape, row_idx: usize, n_keys: usize, q: &[f32], k: &[f32], out: &mut [f32]) {
    let (n, size, stride) = (shape.n_tokens, shape.head_size, shape.hidden_size());
    matmul(
        MatrixMut::new(out, n, n_keys, n_keys),
        MatrixRef::new(q, n, size, stride),
        MatrixRef::new(k, n_keys, size, stride).t(),
        shape.scale(),
        Accumulate::Set,
        Parallel::Serial,
    );
    let mask = &shape.mask_row(row_idx)[..n_keys];
    let has_hole = mask.contains(&0);
    pulp::Arch::new().dispatch(|| {
        for scores in out.chunks_exact_mut(n_keys) {
            if has_hole {
                for (score, mask) in scores.iter_mut().zip(mask) {
                    *score += if *mask == 0 { f32::MIN } else { 0.0 };
                }
            }
            let max = math::max(scores);
            for score in scores.iter_mut() {
                *score = math::exp(*score - max);
            }
            let inverse_sum = 1.0 / math::sum(scores);
            for score in scores.iter_mut() {
                *score *= inverse_sum;
            }
        }
    });
}

/// Multiplies probabilities `[n_tokens, n_keys]` of one head by its dropout mask.
fn drop_probabilities(shape: &AttentionShape, row_idx: usize, head_idx: usize, n_keys: usize, p: &mut [f32]) {
    let Some(mask) = shape.dropout else { return };
    pulp::Arch::new().dispatch(|| {
        for (query_idx, row) in p.chunks_exact_mut(n_keys).enumerate() {
            for (p, index) in row.iter_mut().zip(shape.dropout_index(row_idx, head_idx, query_idx)..) {
                *p *= mask.factor(index);
            }
        }
    });
}

/// out = dropout(softmax(q·kᵀ/√size + mask))·v, each `[batch, seq, heads · size]`.
pub(crate) fn attention(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
    let (n, size, stride) = (shape.n_tokens, shape.head_size, shape.hidden_size());
    let row_len = n * stride;
    out.par_chunks_mut(row_len).enumerate().for_each(|(row_idx, out)| {
        let row = row_idx * row_len..(row_idx + 1) * row_len;
        let (q, k, v) = (&q[row.clone()], &k[row.clone()], &v[row]);
        let n_keys = shape.n_keys(row_idx);
        let mut p = vec![0.0; n * n_keys];
        for head_idx in 0..shape.n_heads {
            let head = head_idx * size;
            probabilities(shape, row_idx, n_keys, &q[head..], &k[head..], &mut p);
            drop_probabilities(shape, row_idx, head_idx, n_keys, &mut p);
            matmul(
                MatrixMut::new(&mut out[head..], n, size, stride),
                MatrixRef::new(&p, n, n_keys, n_keys),
                MatrixRef::new(&v[head..], n_keys, size, stride),
                1.0,
                Accumulate::Set,
                Parallel::Serial,
            );
        }
    });
}

/// Gradients (dq, dk, dv) of [`attention`] for the gradient `dout` of its result.
///
/// With P the probabilities and D the dropout factors: dV = (P∘D)ᵀ·dO, G = (dO·Vᵀ)∘D, dS = P∘(G − rowsum(G∘P)),
/// dQ = dS·K/√size, dK = dSᵀ·Q/√size.
pub(crate) fn attention_backward(
    shape: &AttentionShape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    dout: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (n, size, stride) = (shape.n_tokens, shape.head_size, shape.hidden_size());
    let row_len = n * stride;
    let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    (dq.par_chunks_mut(row_len), dk.par_chunks_mut(row_len), dv.par_chunks_mut(row_len))
        .into_par_iter()
        .enumerate()
        .for_each(|(row_idx, (dq, dk, dv))| {
            let row = row_idx * row_len..(row_idx + 1) * row_len;
            let (q, k, v, dout) = (&q[row.clone()], &k[row.clone()], &v[row.clone()], &dout[row]);
            let n_keys = shape.n_keys(row_idx);
            let (mut p, mut dropped, mut g) = (vec![0.0; n * n_keys], vec![0.0; n * n_keys], vec![0.0; n * n_keys]);
            for head_idx in 0..shape.n_heads {
                let head = head_idx * size;
                let product = |out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, scale: f32| {
                    matmul(out, a, b, scale, Accumulate::Set, Parallel::Serial);
                };
                probabilities(shape, row_idx, n_keys, &q[head..], &k[head..], &mut p);
                dropped.copy_from_slice(&p);
                drop_probabilities(shape, row_idx, head_idx, n_keys, &mut dropped);
                product(
                    MatrixMut::new(&mut dv[head..], n_keys, size, stride),
                    MatrixRef::new(&dropped, n, n_keys, n_keys).t(),
                    MatrixRef::new(&dout[head..], n, size, stride),
                    1.0,
                );
                product(
                    MatrixMut::new(&mut g, n, n_keys, n_keys),
                    MatrixRef::new(&dout[head..], n, size, stride),
                    MatrixRef::new(&v[head..], n_keys, size, stride).t(),
                    1.0,
                );
                drop_probabilities(shape, row_idx, head_idx, n_keys, &mut g);
                pulp::Arch::new().dispatch(|| {
                    for (g, p) in g.chunks_exact_mut(n_keys).zip(p.chunks_exact(n_keys)) {
                        let dot = math::sum2(g, p, |g, p| g * p);
                        for (g, p) in g.iter_mut().zip(p) {
                            *g = p * (*g - dot);
                        }
                    }
                });
                product(
                    MatrixMut::new(&mut dq[head..], n, size, stride),
                    MatrixRef::new(&g, n, n_keys, n_keys),
                    MatrixRef::new(&k[head..], n_keys, size, stride),
                    shape.scale(),
                );
                product(
                    MatrixMut::new(&mut dk[head..], n_keys, size, stride),
                    MatrixRef::new(&g, n, n_keys, n_keys).t(),
                    MatrixRef::new(&q[head..], n, size, stride),
                    shape.scale(),
                );
            }
        });
    (dq, dk, dv)
}

/// The probabilities themselves, `[batch, heads, seq, seq]`, for looking inside a model.
pub(crate) fn attention_probabilities(shape: &AttentionShape, q: &[f32], k: &[f32]) -> Vec<f32> {
    let (n, stride) = (shape.n_tokens, shape.hidden_size());
    let row_len = n * stride;
    let mut out = vec![0.0; shape.n_rows * shape.n_heads * n * n];
    out.par_chunks_mut(shape.n_heads * n * n).enumerate().for_each(|(row_idx, out)| {
        let row = row_idx * row_len..(row_idx + 1) * row_len;
        let (q, k) = (&q[row.clone()], &k[row]);
        let n_keys = shape.n_keys(row_idx);
        let mut p = vec![0.0; n * n_keys];
        for (head_idx, out) in out.chunks_exact_mut(n * n).enumerate() {
            let head = head_idx * shape.head_size;
            probabilities(shape, row_idx, n_keys, &q[head..], &k[head..], &mut p);
            for (out, p) in out.chunks_exact_mut(n).zip(p.chunks_exact(n_keys)) {
                out[..n_keys].copy_from_slice(p);
            }
        }
    });
    out
}
