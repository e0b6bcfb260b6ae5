//! A whole encoder layer as one operation with a hand-written backward pass.
//!
//! Inside it nothing passes through candle: no tensor of zeros and no addition for every gradient, no look-up of the
//! number of threads. Only activations that the backward pass reads are kept, and only until it has read them: what takes no
//! product of matrices to make (GELU, LayerNorm, the attention's probabilities) is made again, and with
//! [`Activations::Recomputed`] all of it. Threads meet three times in a forward pass: each computes blocks of tokens up to
//! the attention, then sequences, then blocks of tokens again, so that what one operation writes is still in the cache when
//! the next reads it. The layer spelled out in single operations is the reference it is tested against, and is what CUDA
//! runs.

mod backward;
mod forward;
mod weights;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use self::forward::Saved;
use self::weights::{Geometry, HostWeights};
pub use self::weights::{LayerParameters, Pair};
use super::attention::AttentionMask;
use super::dropout::Dropout;
use super::host::{HostSlice, slice};
use super::kernel_choice::{Activations, Kernels, Queries};
use super::kernels::Buffer;

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

/// What of a layer is neither a weight nor of one forward pass alone.
#[derive(Clone, Copy, Debug)]
pub struct LayerShape {
    /// Heads of its attention.
    pub n_heads: usize,
    /// Added to the variance in both LayerNorms.
    pub eps: f64,
    /// The tokens that are computed: the others serve as keys and values alone.
    pub queries: Queries,
}

/// Self-attention and feed-forward network, each with residual and LayerNorm: `[batch, seq, hidden]` →
/// `[batch, queries, hidden]`.
///
/// A token's result has the same bits whichever others are computed, and so has every gradient of f32 factors; those of bf16 are
/// added in other pairs. Where [`Kernels::computed`] says so, all tokens are computed.
///
/// # Errors
/// In the backward pass, unless it is run by [`collect`](super::collect): the operation has more parameters than candle
/// lets it return gradients for.
pub fn encoder_layer(
    x: &Tensor,
    parameters: &Arc<LayerParameters>,
    mask: &AttentionMask,
    shape: LayerShape,
    sites: LayerDropout,
    kernels: &Kernels,
) -> Result<Tensor> {
    let (_, _, hidden_size) = x.dims3()?;
    let LayerShape { n_heads, eps, queries } = shape;
    if queries != kernels.computed(queries) {
        let shape = LayerShape { queries: Queries::All, ..shape };
        return encoder_layer(x, parameters, mask, shape, sites, kernels)?.narrow(1, 0, 1);
    }
    // Candle records the operation when an argument is tracked: with frozen layers below, only a parameter is.
    let anchor = parameters.tensors().find(|tensor| tensor.is_variable()).unwrap_or(&parameters.query.weight);
    let geometry = Geometry {
        attention: mask.shape(n_heads, hidden_size, queries, sites.attention.as_ref()),
        attention_output_mask: sites.attention_output.as_ref().map(Dropout::mask),
        ffn_mask: sites.ffn.as_ref().map(Dropout::mask),
        eps: eps as f32,
        hidden_size,
        intermediate_size: parameters.ffn_in.bias.elem_count(),
        factors: kernels.factors,
    };
    let op = FusedLayer {
        parameters: Arc::clone(parameters),
        geometry,
        is_tracked: x.track_op() || anchor.is_variable(),
        activations: kernels.activations,
        saved: Mutex::new(None),
    };
    x.contiguous()?.apply_op2(anchor, op)
}

struct FusedLayer {
    parameters: Arc<LayerParameters>,
    geometry: Geometry,
    is_tracked: bool,
    activations: Activations,
    /// From the forward pass until the backward pass uses it up, so that its memory is free for what comes below.
    saved: Mutex<Option<Saved>>,
}

impl FusedLayer {
    fn shape_of_result(&self) -> Shape {
        let attention = &self.geometry.attention;
        (attention.n_rows, attention.n_queries, self.geometry.hidden_size).into()
    }

    /// What the backward pass reads of the forward pass on `x`.
    fn take_saved(&self, x: &[f32]) -> Result<Saved> {
        if let Some(saved) = self.saved.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(saved);
        }
        if self.activations == Activations::Kept || !self.is_tracked {
            bail!("encoder layer: the forward pass was not tracked, or its backward pass has been run before");
        }
        let guards = HostWeights::new(&self.parameters)?;
        let mut y = Buffer::new(self.shape_of_result().elem_count());
        Ok(forward::tracked(&self.geometry, &guards.for_forward(self.geometry.factors), x, &mut y))
    }
}

impl CustomOp2 for FusedLayer {
    fn name(&self) -> &'static str {
        "encoder-layer"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = &self.geometry.attention;
        let expected = [shape.n_rows, shape.n_tokens, self.geometry.hidden_size];
        if layout.dims() != expected {
            bail!("encoder layer: expected hidden states of shape {expected:?}, got {:?}", layout.dims());
        }
        let x = slice(x, layout, "encoder-layer")?; // [n, hidden]
        let guards = HostWeights::new(&self.parameters)?;
        let weights = guards.for_forward(self.geometry.factors);
        let mut y = vec![0.0; self.shape_of_result().elem_count()];
        if self.is_tracked {
            // Also where it is dropped again: the untracked pass adds biases in another order, with other last bits.
            let saved = forward::tracked(&self.geometry, &weights, x, &mut y);
            if self.activations == Activations::Kept {
                *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
            }
        } else {
            forward::untracked(&self.geometry, &weights, x, &mut y);
        }
        Ok((CpuStorage::F32(y), self.shape_of_result()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (input, dy) = (HostSlice::new(x)?, HostSlice::new(&dy)?);
        let saved = self.take_saved(input.as_slice())?;
        let wants_dx = if x.track_op() { backward::InputGradient::Wanted } else { backward::InputGradient::Unused };
        let dx =
            backward::backward(&self.geometry, &self.parameters, saved, input.as_slice(), dy.as_slice(), wants_dx)?;
        let dx = dx.map(|dx| Tensor::from_slice(&dx, x.shape(), x.device())).transpose()?;
        Ok((dx, None))
    }
}
