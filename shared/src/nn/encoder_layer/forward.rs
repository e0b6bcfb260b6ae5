//! The layer's forward pass.

use crate::parallel::prelude::*;

use super::super::kernels::{
    Buffer, DropoutMask, Start, attention, bias_dropout_add, bias_gelu, dropout_add, layer_norm_block, rows_per_block,
};
use super::weights::{Affine, Geometry, Weights};

/// What the backward pass reads, besides the layer's input; `[n, hidden]` unless said, with n the computed tokens.
pub(super) struct Saved {
    pub query: Buffer,
    /// `[batch · seq, hidden]`, as `value`.
    pub key: Buffer,
    pub value: Buffer,
    /// Attention's result, before its dense layer.
    pub context: Buffer,
    /// Input of the first LayerNorm, of which its result is made again.
    pub attended: Buffer,
    /// Before GELU, `[n, intermediate]`, of which its result is made again.
    pub inner: Buffer,
    /// Input of the second LayerNorm.
    pub summed: Buffer,
}

/// Computes `y` `[n, hidden]` from `x` `[batch · seq, hidden]`, and keeps what the backward pass needs.
pub(super) fn tracked(geometry: &Geometry, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) -> Saved {
    let (hidden, inner) = (geometry.hidden_size, geometry.intermediate_size);
    let n = y.len() / hidden;
    let [query, key, value] = project(geometry, weights, x);
    let mut context = Buffer::new(y.len());
    attention(&geometry.attention, &query, &key, &value, &mut context);
    let [mut attended, mut summed] = [(); 2].map(|()| Buffer::new(y.len()));
    let mut before = Buffer::new(n * inner);
    let rows = rows_per_block(n);
    let (of_hidden, of_inner) = (rows * hidden, rows * inner);
    (
        geometry.queries(x).par_chunks(of_hidden),
        context.par_chunks(of_hidden),
        attended.par_chunks_mut(of_hidden),
        before.par_chunks_mut(of_inner),
        summed.par_chunks_mut(of_hidden),
        y.par_chunks_mut(of_hidden),
    )
        .into_par_iter()
        .with_max_len(1)
        .enumerate()
        .for_each(|(index, (x, context, attended, inner, summed, y))| {
            let block = Block { attended, inner, summed };
            behind_attention(geometry, weights, index * rows, x, context, block, y);
        });
    Saved { query, key, value, context, attended, inner: before, summed }
}

/// As [`tracked`], keeping nothing: activations behind the attention exist for one block at a time.
pub(super) fn untracked(geometry: &Geometry, weights: &Weights<'_>, x: &[f32], y: &mut [f32]) {
    let hidden = geometry.hidden_size;
    let [query, key, value] = project(geometry, weights, x);
    let mut context = Buffer::new(y.len());
    attention(&geometry.attention, &query, &key, &value, &mut context);
    let rows = rows_per_block(y.len() / hidden);
    let of_hidden = rows * hidden;
    (geometry.queries(x).par_chunks(of_hidden), context.par_chunks(of_hidden), y.par_chunks_mut(of_hidden))
        .into_par_iter()
        .with_max_len(1)
        .enumerate()
        .for_each(|(index, (x, context, y))| {
            evaluate_behind_attention(geometry, weights, index * rows, x, context, y);
        });
}

/// The queries of the computed tokens, and key and value of every token.
fn project(geometry: &Geometry, weights: &Weights<'_>, x: &[f32]) -> [Buffer; 3] {
    let Weights { query, key, value, .. } = weights;
    if geometry.has_all_queries() {
        return affine_of_tokens(geometry.hidden_size, [query, key, value], x);
    }
    let [query] = affine_of_tokens(geometry.hidden_size, [query], &geometry.queries(x));
    let [key, value] = affine_of_tokens(geometry.hidden_size, [key, value], x);
    [query, key, value]
}

/// Each of these dense layers on all of `x`, `[.., hidden]` as their results.
fn affine_of_tokens<const N: usize>(hidden: usize, layers: [&Affine<'_>; N], x: &[f32]) -> [Buffer; N] {
    let mut results = layers.map(|_| Buffer::new(x.len()));
    let of_hidden = rows_per_block(x.len() / hidden) * hidden;
    let mut rest = results.each_mut().map(|result| result.chunks_mut(of_hidden));
    let blocks: Vec<_> = x
        .chunks(of_hidden)
        .map(|x| (x, rest.each_mut().map(|chunks| chunks.next().expect("a result has as many blocks as x"))))
        .collect();
    blocks.into_par_iter().with_max_len(1).for_each(|(x, results)| {
        for (affine, y) in layers.iter().zip(results) {
            affine.operand.affine(x, affine.bias, y);
        }
    });
    results
}

/// What is kept of a block of tokens.
struct Block<'a> {
    attended: &'a mut [f32],
    inner: &'a mut [f32],
    summed: &'a mut [f32],
}

/// From attention's result to the layer's, for a block of computed tokens of which `first` is the first.
fn behind_attention(
    geometry: &Geometry,
    weights: &Weights<'_>,
    first: usize,
    x: &[f32],
    context: &[f32],
    block: Block<'_>,
    y: &mut [f32],
) {
    let (eps, hidden) = (geometry.eps, geometry.hidden_size);
    let Block { attended, inner, summed } = block;
    let (mut middle, mut activated) = (Buffer::new(x.len()), Buffer::new(inner.len()));
    weights.attention_output.operand.product(context, Start::Zero, attended);
    for (tokens, place) in geometry.runs(first, x.len() / hidden) {
        let values = tokens.start * hidden..tokens.end * hidden;
        let (attended, x) = (&mut attended[values.clone()], &x[values]);
        let mask = geometry.attention_output_mask;
        bias_dropout_add(attended, weights.attention_output.bias, x, mask, place * hidden);
    }
    let norm = weights.attention_layer_norm;
    layer_norm_block(attended, norm.weight, norm.bias, eps, &mut middle);

    weights.ffn_in.operand.product(&middle, Start::Zero, inner);
    bias_gelu(inner, weights.ffn_in.bias, &mut activated);
    weights.ffn_out.operand.product(&activated, Start::Zero, summed);
    for (tokens, place) in geometry.runs(first, x.len() / hidden) {
        let values = tokens.start * hidden..tokens.end * hidden;
        let (summed, middle) = (&mut summed[values.clone()], &middle[values]);
        bias_dropout_add(summed, weights.ffn_out.bias, middle, geometry.ffn_mask, place * hidden);
    }
    let norm = weights.ffn_layer_norm;
    layer_norm_block(summed, norm.weight, norm.bias, eps, y);
}

/// As [`behind_attention`] where only the result is needed: the bias and GELU are left to the product.
fn evaluate_behind_attention(
    geometry: &Geometry,
    weights: &Weights<'_>,
    first: usize,
    x: &[f32],
    context: &[f32],
    y: &mut [f32],
) {
    let Geometry { hidden_size: hidden, intermediate_size, eps, .. } = *geometry;
    let add = |sum: &mut [f32], residual: &[f32], mask: Option<DropoutMask>| {
        for (tokens, place) in geometry.runs(first, x.len() / hidden) {
            let values = tokens.start * hidden..tokens.end * hidden;
            dropout_add(&mut sum[values.clone()], &residual[values], mask, place * hidden);
        }
    };
    let [mut sum, mut middle] = [(); 2].map(|()| Buffer::new(x.len()));
    weights.attention_output.operand.affine(context, weights.attention_output.bias, &mut sum);
    add(&mut sum, x, geometry.attention_output_mask);
    let norm = weights.attention_layer_norm;
    layer_norm_block(&sum, norm.weight, norm.bias, eps, &mut middle);

    let mut activated = Buffer::new(x.len() / hidden * intermediate_size);
    weights.ffn_in.operand.affine_gelu(&middle, weights.ffn_in.bias, &mut activated);
    weights.ffn_out.operand.affine(&activated, weights.ffn_out.bias, &mut sum);
    add(&mut sum, &middle, geometry.ffn_mask);
    let norm = weights.ffn_layer_norm;
    layer_norm_block(&sum, norm.weight, norm.bias, eps, y);
}
