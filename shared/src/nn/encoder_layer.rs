//! A whole encoder layer as one operation with a hand-written backward pass.
//!
//! Inside it nothing passes through candle: no tensor of zeros and no addition for every gradient, no look-up of the
//! number of threads, and only the activations that the backward pass reads are kept. The layer spelled out in single
//! operations is the reference it is tested against, and is what CUDA runs.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::gradient::{Gradient, hand_over_parameter};
use super::host::{HostSlice, slice};
use super::kernels::{
    Accumulate, AttentionShape, DropoutMask, attention, attention_backward, column_sums, dropout, dropout_add, gelu,
    gelu_backward, layer_norm, layer_norm_backward, linear_input_gradient, linear_weight_gradient,
};
use super::{AttentionMask, Dropout, WeightCache};

/// A dense layer's or a LayerNorm's two tensors.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `[out, in]`, or a gain `[hidden]`.
    pub weight: Tensor,
    /// `[out]`, or `[hidden]`.
    pub bias: Tensor,
    /// What is kept of a dense layer's weight.
    pub cache: WeightCache,
}

/// The tensors of one encoder layer.
#[derive(Clone, Debug)]
pub struct LayerParameters {
    /// `[hidden, hidden]`
    pub query: Pair,
    /// `[hidden, hidden]`
    pub key: Pair,
    /// `[hidden, hidden]`
    pub value: Pair,
    /// `[hidden, hidden]`
    pub attention_output: Pair,
    /// `[hidden]`
    pub attention_layer_norm: Pair,
    /// `[intermediate, hidden]`
    pub ffn_in: Pair,
    /// `[hidden, intermediate]`
    pub ffn_out: Pair,
    /// `[hidden]`
    pub ffn_layer_norm: Pair,
}

impl LayerParameters {
    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        [
            &self.query,
            &self.key,
            &self.value,
            &self.attention_output,
            &self.attention_layer_norm,
            &self.ffn_in,
            &self.ffn_out,
            &self.ffn_layer_norm,
        ]
        .into_iter()
        .flat_map(|pair| [&pair.weight, &pair.bias])
    }
}

/// Where a layer drops elements during one forward pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayerDropout {
    /// Attention probabilities.
    pub attention: Option<Dropout>,
    /// Behind the attention's dense layer.
    pub attention_output: Option<Dropout>,
    /// Behind the feed-forward network.
    pub ffn: Option<Dropout>,
}

/// Self-attention and feed-forward network, each with residual and LayerNorm: `[batch, seq, hidden]` in and out.
///
/// # Errors
/// In the backward pass, unless it is run by [`collect`](super::collect): the operation has more parameters than candle
/// lets it return gradients for.
pub fn encoder_layer(
    x: &Tensor,
    parameters: &Arc<LayerParameters>,
    mask: &AttentionMask,
    n_heads: usize,
    eps: f64,
    sites: LayerDropout,
) -> Result<Tensor> {
    let (_, _, hidden_size) = x.dims3()?;
    // Candle records the operation when an argument is tracked: with frozen layers below, only a parameter is.
    let anchor = parameters.tensors().find(|tensor| tensor.is_variable()).unwrap_or(&parameters.query.weight);
    let op = FusedLayer {
        parameters: Arc::clone(parameters),
        attention: mask.shape(n_heads, hidden_size, sites.attention.as_ref()),
        attention_output_mask: sites.attention_output.as_ref().map(Dropout::mask),
        ffn_mask: sites.ffn.as_ref().map(Dropout::mask),
        eps: eps as f32,
        is_tracked: x.track_op() || anchor.is_variable(),
        saved: OnceLock::new(),
    };
    x.contiguous()?.apply_op2(anchor, op)
}

struct FusedLayer {
    parameters: Arc<LayerParameters>,
    attention: AttentionShape,
    attention_output_mask: Option<DropoutMask>,
    ffn_mask: Option<DropoutMask>,
    eps: f32,
    is_tracked: bool,
    saved: OnceLock<Saved>,
}

/// What the backward pass reads, besides the layer's input.
struct Saved {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    /// Attention's result, before its dense layer.
    context: Vec<f32>,
    /// Input of the first LayerNorm.
    attended: Vec<f32>,
    /// Its result.
    middle: Vec<f32>,
    /// Before GELU, `[n, intermediate]`.
    inner: Vec<f32>,
    /// After GELU.
    activated: Vec<f32>,
    /// Input of the second LayerNorm.
    summed: Vec<f32>,
}

/// A dense layer on the host.
fn dense(x: &[f32], pair: &Pair) -> Result<Vec<f32>> {
    let (_, n_in) = pair.weight.dims2()?;
    let (weight, bias) = (HostSlice::new(&pair.weight)?, HostSlice::new(&pair.bias)?);
    Ok(pair.cache.linear(x, weight.as_slice(), bias.as_slice(), n_in))
}

/// A dense layer and GELU on the host, where no backward pass needs what lies between.
fn dense_gelu(x: &[f32], pair: &Pair) -> Result<Vec<f32>> {
    let (_, n_in) = pair.weight.dims2()?;
    let (weight, bias) = (HostSlice::new(&pair.weight)?, HostSlice::new(&pair.bias)?);
    Ok(pair.cache.linear_gelu(x, weight.as_slice(), bias.as_slice(), n_in))
}

/// A LayerNorm on the host.
fn norm(x: &[f32], pair: &Pair, eps: f32) -> Result<Vec<f32>> {
    let mut y = vec![0.0; x.len()];
    layer_norm(x, HostSlice::new(&pair.weight)?.as_slice(), HostSlice::new(&pair.bias)?.as_slice(), eps, &mut y);
    Ok(y)
}

/// x after dropout, plus the residual; in place of x.
fn add_residual(mut x: Vec<f32>, residual: &[f32], mask: Option<DropoutMask>) -> Vec<f32> {
    dropout_add(&mut x, residual, mask);
    x
}

/// The gradient of dropout, which is dropout.
fn undrop(dy: &[f32], mask: Option<DropoutMask>) -> Vec<f32> {
    let Some(mask) = mask else { return dy.to_vec() };
    let mut dx = vec![0.0; dy.len()];
    dropout(dy, mask, &mut dx);
    dx
}

/// Hands over a dense layer's gradients and adds dy·W to `dx`, where it is wanted.
fn dense_backward(pair: &Pair, x: &[f32], dy: &[f32], dx: Option<(&mut [f32], Accumulate)>) -> Result<()> {
    let (n_out, n_in) = pair.weight.dims2()?;
    if pair.weight.is_variable() {
        give(&pair.weight, linear_weight_gradient(dy, x, n_out, n_in))?;
    }
    if pair.bias.is_variable() {
        give(&pair.bias, column_sums(dy, n_out))?;
    }
    if let Some((dx, mode)) = dx {
        linear_input_gradient(dy, HostSlice::new(&pair.weight)?.as_slice(), n_out, dx, mode);
    }
    Ok(())
}

/// Hands over a LayerNorm's gradients and returns that of its input.
fn norm_backward(pair: &Pair, x: &[f32], dy: &[f32], eps: f32) -> Result<Vec<f32>> {
    let (dx, dweight, dbias) = layer_norm_backward(x, HostSlice::new(&pair.weight)?.as_slice(), eps, dy);
    for (parameter, gradient) in [(&pair.weight, dweight), (&pair.bias, dbias)] {
        if parameter.is_variable() {
            give(parameter, gradient)?;
        }
    }
    Ok(dx)
}

fn give(parameter: &Tensor, gradient: Vec<f32>) -> Result<()> {
    let gradient = Tensor::from_vec(gradient, parameter.shape(), parameter.device())?;
    hand_over_parameter(parameter, Gradient::Dense(gradient))
}

impl CustomOp2 for FusedLayer {
    fn name(&self) -> &'static str {
        "encoder-layer"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let p = &self.parameters;
        let shape = &self.attention;
        let expected = [shape.n_rows, shape.n_tokens, shape.n_heads * shape.head_size];
        if layout.dims() != expected {
            bail!("encoder layer: expected hidden states of shape {expected:?}, got {:?}", layout.dims());
        }
        let x = slice(x, layout, "encoder-layer")?; // [n, hidden]
        let (query, key, value) = (dense(x, &p.query)?, dense(x, &p.key)?, dense(x, &p.value)?);
        let mut context = vec![0.0; x.len()];
        attention(shape, &query, &key, &value, &mut context);
        let attended = add_residual(dense(&context, &p.attention_output)?, x, self.attention_output_mask);
        let middle = norm(&attended, &p.attention_layer_norm, self.eps)?;
        let (inner, activated) = if self.is_tracked {
            let inner = dense(&middle, &p.ffn_in)?; // [n, intermediate]
            let mut activated = vec![0.0; inner.len()];
            gelu(&inner, &mut activated);
            (inner, activated)
        } else {
            (Vec::new(), dense_gelu(&middle, &p.ffn_in)?)
        };
        let summed = add_residual(dense(&activated, &p.ffn_out)?, &middle, self.ffn_mask);
        let y = norm(&summed, &p.ffn_layer_norm, self.eps)?;
        if self.is_tracked {
            let saved = Saved { query, key, value, context, attended, middle, inner, activated, summed };
            if self.saved.set(saved).is_err() {
                bail!("encoder layer: one operation was run twice");
            }
        }
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(saved) = self.saved.get() else { bail!("encoder layer: the forward pass was not tracked") };
        let p = &self.parameters;
        let dy = dy.contiguous()?;
        let dy = HostSlice::new(&dy)?;

        // Feed-forward network: y = LayerNorm(middle + dropout(W₂·gelu(W₁·middle))).
        let mut dmiddle = norm_backward(&p.ffn_layer_norm, &saved.summed, dy.as_slice(), self.eps)?;
        let dout = undrop(&dmiddle, self.ffn_mask);
        let mut dactivated = vec![0.0; saved.activated.len()];
        dense_backward(&p.ffn_out, &saved.activated, &dout, Some((&mut dactivated, Accumulate::Set)))?;
        let mut dinner = vec![0.0; saved.inner.len()];
        gelu_backward(&saved.inner, &dactivated, &mut dinner);
        dense_backward(&p.ffn_in, &saved.middle, &dinner, Some((&mut dmiddle, Accumulate::Add)))?;

        // Attention: middle = LayerNorm(x + dropout(Wₒ·attention(x))).
        let mut dx = norm_backward(&p.attention_layer_norm, &saved.attended, &dmiddle, self.eps)?;
        let dout = undrop(&dx, self.attention_output_mask);
        let mut dcontext = vec![0.0; saved.context.len()];
        dense_backward(&p.attention_output, &saved.context, &dout, Some((&mut dcontext, Accumulate::Set)))?;
        let (dq, dk, dv) = attention_backward(&self.attention, &saved.query, &saved.key, &saved.value, &dcontext);
        let input = HostSlice::new(x)?;
        for (pair, dy) in [(&p.query, &dq), (&p.key, &dk), (&p.value, &dv)] {
            let dx = x.track_op().then_some((dx.as_mut_slice(), Accumulate::Add));
            dense_backward(pair, input.as_slice(), dy, dx)?;
        }
        let dx = if x.track_op() { Some(Tensor::from_vec(dx, x.shape(), x.device())?) } else { None };
        Ok((dx, None))
    }
}
