//! The layer's backward pass.

use core::ops::Range;

use crate::parallel::prelude::*;
use candle_core::{Result, Tensor};

use super::super::gradient::{Collector, Gradient, HostGradient};
use super::super::kernel_choice::Factors;
use super::super::kernels::{
    Buffer, DropoutMask, NormGradient, NormSums, Start, add_rows, attention_backward, dropout_block,
    gelu_and_backward_in_place, layer_norm_backward_block, layer_norm_block, linear_weight_gradient_rows,
    rows_per_block,
};
use super::forward::Saved;
use super::weights::{Affine, Geometry, HostWeights, LayerParameters, Pair, Weights};

/// Whether the gradient of the layer's input is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InputGradient {
    Wanted,
    /// Everything below is frozen.
    Unused,
}

/// Hands over the gradients of the layer's parameters and returns that of its input `x` `[batch · seq, hidden]`, for the
/// gradient `dy` of its result, `[n, hidden]` with n the computed tokens. What the forward pass saved is used up: the results of GELU and of the first LayerNorm are made again in the
/// place of what they are made of.
pub(super) fn backward(
    geometry: &Geometry,
    parameters: &LayerParameters,
    mut saved: Saved,
    x: &[f32],
    dy: &[f32],
    input_gradient: InputGradient,
) -> Result<Option<Buffer>> {
    let guards = HostWeights::new(parameters)?;
    let weights = guards.for_backward(geometry.factors);
    let behind = behind_attention(geometry, &weights, &mut saved, dy);
    let BehindAttention { dx, dffn_out, dinner, dattention_output, dcontext, ffn_norm, attention_norm } = behind;
    let Saved { query, key, value, context, attended: middle, inner: activated, summed } = saved;
    drop(summed);

    let (mut dq, [mut dk, mut dv]) = (Buffer::new(dy.len()), [(); 2].map(|()| Buffer::new(x.len())));
    attention_backward(&geometry.attention, &query, &key, &value, &dcontext, [&mut dq, &mut dk, &mut dv]);
    drop((dcontext, query, key, value));
    let dx =
        (input_gradient == InputGradient::Wanted).then(|| input_gradient_of(geometry, &weights, [&dq, &dk, &dv], dx));
    let queried = geometry.queries(x);

    let collector = &parameters.collector;
    give_norm(&parameters.ffn_layer_norm, ffn_norm, collector)?;
    give_norm(&parameters.attention_layer_norm, attention_norm, collector)?;
    // The order halves the work: a feed-forward matrix weighs as much as the four of the attention.
    let dense = [
        Dense { pair: &parameters.ffn_in, dy: &dinner, x: &middle },
        Dense { pair: &parameters.query, dy: &dq, x: &queried },
        Dense { pair: &parameters.key, dy: &dk, x },
        Dense { pair: &parameters.ffn_out, dy: &dffn_out, x: &activated },
        Dense { pair: &parameters.value, dy: &dv, x },
        Dense { pair: &parameters.attention_output, dy: &dattention_output, x: &context },
    ];
    give_dense(&dense, geometry.factors, collector)?;
    Ok(dx)
}

/// Gradients down to attention's result; `[n, hidden]` unless said, with n the computed tokens.
struct BehindAttention {
    /// Of the layer's input, as far as the residual brings it.
    dx: Buffer,
    /// Of the feed-forward network's result before dropout.
    dffn_out: Buffer,
    /// Before GELU, `[n, intermediate]`.
    dinner: Buffer,
    /// Of the attention's dense layer before dropout.
    dattention_output: Buffer,
    /// Of attention's result.
    dcontext: Buffer,
    ffn_norm: NormGradient,
    attention_norm: NormGradient,
}

/// Through y = LayerNorm(middle + dropout(W₂·gelu(W₁·middle))) and middle = LayerNorm(x + dropout(Wₒ·context)). In `saved`
/// `inner` becomes its GELU and `attended` becomes `middle`.
fn behind_attention(geometry: &Geometry, weights: &Weights<'_>, saved: &mut Saved, dy: &[f32]) -> BehindAttention {
    let Geometry { hidden_size: hidden, intermediate_size: inner, eps, .. } = *geometry;
    let n = dy.len() / hidden;
    let [mut dx, mut dffn_out, mut dattention_output, mut dcontext] = [(); 4].map(|()| Buffer::new(dy.len()));
    let mut dinner = Buffer::new(n * inner);
    let rows = rows_per_block(n);
    let (of_hidden, of_inner) = (rows * hidden, rows * inner);
    let saved_blocks = (
        saved.summed.par_chunks(of_hidden),
        saved.inner.par_chunks_mut(of_inner),
        saved.attended.par_chunks_mut(of_hidden),
        dy.par_chunks(of_hidden),
    );
    let (ffn_norms, attention_norms): (Vec<_>, Vec<_>) = (
        saved_blocks.into_par_iter(),
        dx.par_chunks_mut(of_hidden),
        dffn_out.par_chunks_mut(of_hidden),
        dinner.par_chunks_mut(of_inner),
        dattention_output.par_chunks_mut(of_hidden),
        dcontext.par_chunks_mut(of_hidden),
    )
        .into_par_iter()
        .with_max_len(1)
        .enumerate()
        .map(|(index, ((summed, inner, attended, dy), dx, dffn_out, dinner, dattention_output, dcontext))| {
            let runs: Vec<_> = geometry.runs(index * rows, dy.len() / hidden).collect();
            let drop_out = |x: &[f32], mask: Option<DropoutMask>, y: &mut [f32]| {
                for (tokens, place) in &runs {
                    let values = tokens.start * hidden..tokens.end * hidden;
                    dropout_block(&x[values.clone()], mask, place * hidden, &mut y[values]);
                }
            };
            let norm_backward = |x: &[f32], gain: &[f32], dy: &[f32], dx: &mut [f32]| -> Vec<NormSums> {
                let of_run = |(tokens, place): &(Range<usize>, usize)| {
                    let values = tokens.start * hidden..tokens.end * hidden;
                    let (x, dy, dx) = (&x[values.clone()], &dy[values.clone()], &mut dx[values]);
                    layer_norm_backward_block(x, gain, eps, dy, *place, dx)
                };
                runs.iter().map(of_run).collect()
            };
            let mut dmiddle = Buffer::new(dy.len());
            let ffn_norm = norm_backward(summed, weights.ffn_layer_norm.weight, dy, &mut dmiddle);
            drop_out(&dmiddle, geometry.ffn_mask, dffn_out);
            weights.ffn_out.operand.product(dffn_out, Start::Zero, dinner);
            gelu_and_backward_in_place(inner, dinner);
            weights.ffn_in.operand.product(dinner, Start::Out, &mut dmiddle);

            let (gain, bias) = (weights.attention_layer_norm.weight, weights.attention_layer_norm.bias);
            let attention_norm = norm_backward(attended, gain, &dmiddle, dx);
            let mut middle = dmiddle;
            layer_norm_block(attended, gain, bias, eps, &mut middle);
            attended.copy_from_slice(&middle);
            drop_out(dx, geometry.attention_output_mask, dattention_output);
            weights.attention_output.operand.product(dattention_output, Start::Zero, dcontext);
            (ffn_norm, attention_norm)
        })
        .unzip();
    BehindAttention {
        dx,
        dffn_out,
        dinner,
        dattention_output,
        dcontext,
        ffn_norm: NormGradient::sum(ffn_norms.into_iter().flatten(), hidden),
        attention_norm: NormGradient::sum(attention_norms.into_iter().flatten(), hidden),
    }
}

/// dx + dq·Wq + dk·Wk + dv·Wv for every token, `[batch · seq, hidden]`; `dx` and `dq` are those of the computed ones.
fn input_gradient_of(geometry: &Geometry, weights: &Weights<'_>, [dq, dk, dv]: [&[f32]; 3], mut dx: Buffer) -> Buffer {
    let Weights { query, key, value, .. } = weights;
    if geometry.has_all_queries() {
        add_products(geometry.hidden_size, [(query, dq), (key, dk), (value, dv)], &mut dx);
        return dx;
    }
    add_products(geometry.hidden_size, [(query, dq)], &mut dx);
    let mut dx = geometry.spread(&dx);
    add_products(geometry.hidden_size, [(key, dk), (value, dv)], &mut dx);
    dx
}

/// dx ← dx + Σ dy·W, each `[.., hidden]`.
fn add_products<const N: usize>(hidden: usize, layers: [(&Affine<'_>, &[f32]); N], dx: &mut [f32]) {
    let rows = rows_per_block(dx.len() / hidden);
    dx.par_chunks_mut(rows * hidden).enumerate().with_max_len(1).for_each(|(index, dx)| {
        let first = index * rows * hidden;
        for (affine, dy) in layers {
            affine.operand.product(&dy[first..first + dx.len()], Start::Out, dx);
        }
    });
}

/// A dense layer, the gradient of its result and its input.
struct Dense<'a> {
    pair: &'a Pair,
    dy: &'a [f32],
    x: &'a [f32],
}

/// One piece of the work of [`give_dense`].
enum Piece<'a> {
    /// Rows of a weight's gradient, from this one on.
    Weight {
        dense: &'a Dense<'a>,
        n_out: usize,
        n_in: usize,
        first: usize,
        out: &'a mut [f32],
    },
    Bias {
        dense: &'a Dense<'a>,
        out: &'a mut [f32],
    },
}

/// Hands over the gradients of dense layers: dW = dyᵀ·x and db = Σ dy. All of them are shared out at once, so that no
/// thread waits for the end of each.
fn give_dense(layers: &[Dense<'_>], factors: Factors, collector: &Collector) -> Result<()> {
    let of = |tensor: &Tensor| tensor.is_variable().then(|| Buffer::new(tensor.elem_count()));
    let mut gradients: Vec<(Option<Buffer>, Option<Buffer>)> =
        layers.iter().map(|dense| (of(&dense.pair.weight), of(&dense.pair.bias))).collect();
    // On two threads whole matrices balance each other, and every part would pack `x` anew.
    let n_parts = crate::parallel::n_threads().div_ceil(2);
    let mut pieces = Vec::new();
    for (dense, (weight, bias)) in layers.iter().zip(&mut gradients) {
        let (n_out, n_in) = dense.pair.weight.dims2()?;
        if let Some(out) = weight {
            let rows = n_out.div_ceil(n_parts).max(1);
            let parts = out.chunks_mut(rows * n_in).enumerate();
            pieces.extend(parts.map(|(part, out)| Piece::Weight { dense, n_out, n_in, first: part * rows, out }));
        }
        if let Some(out) = bias {
            pieces.push(Piece::Bias { dense, out });
        }
    }
    pieces.into_par_iter().with_max_len(1).for_each(|piece| match piece {
        Piece::Weight { dense, n_out, n_in, first, out } => {
            linear_weight_gradient_rows(dense.dy, dense.x, (n_out, n_in), factors, first, out);
        }
        Piece::Bias { dense, out } => {
            out.fill(0.0);
            add_rows(dense.dy, out);
        }
    });
    for (dense, (weight, bias)) in layers.iter().zip(gradients) {
        for (parameter, gradient) in [(&dense.pair.weight, weight), (&dense.pair.bias, bias)] {
            if let Some(gradient) = gradient {
                collector.hand_over_parameter(parameter, Gradient::Host(HostGradient(gradient)))?;
            }
        }
    }
    Ok(())
}

/// Hands over a LayerNorm's gradients.
fn give_norm(pair: &Pair, gradient: NormGradient, collector: &Collector) -> Result<()> {
    for (parameter, gradient) in [(&pair.weight, gradient.gamma), (&pair.bias, gradient.beta)] {
        if parameter.is_variable() {
            collector.hand_over_parameter(parameter, Gradient::Host(HostGradient(Buffer::copy_of(&gradient))))?;
        }
    }
    Ok(())
}
