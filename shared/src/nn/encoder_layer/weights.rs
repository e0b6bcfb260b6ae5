//! A layer's tensors as slices of host memory.

use candle_core::Result;

use super::super::WeightCache;
use super::super::host::HostSlice;
use super::{LayerParameters, Pair};

/// Read guards on all tensors of a layer.
pub(super) struct HostWeights<'a> {
    pairs: [(HostSlice<'a>, HostSlice<'a>, &'a WeightCache); 8],
}

/// A weight and its bias.
#[derive(Clone, Copy)]
pub(super) struct Affine<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    cache: &'a WeightCache,
}

impl Affine<'_> {
    /// y = x·Wᵀ + b for a block of rows `x` `[n, n_in]`, with what an evaluation model keeps of W.
    pub(super) fn evaluate(&self, x: &[f32], n_in: usize, y: &mut [f32]) {
        self.cache.linear(x, self.weight, self.bias, n_in, y);
    }

    /// y = gelu(x·Wᵀ + b), as [`Affine::evaluate`].
    pub(super) fn evaluate_gelu(&self, x: &[f32], n_in: usize, y: &mut [f32]) {
        self.cache.linear_gelu(x, self.weight, self.bias, n_in, y);
    }
}

/// All weights of a layer, with the shapes of [`LayerParameters`].
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub query: Affine<'a>,
    pub key: Affine<'a>,
    pub value: Affine<'a>,
    pub attention_output: Affine<'a>,
    pub attention_layer_norm: Affine<'a>,
    pub ffn_in: Affine<'a>,
    pub ffn_out: Affine<'a>,
    pub ffn_layer_norm: Affine<'a>,
}

impl<'a> HostWeights<'a> {
    /// # Errors
    /// When a tensor is not on the CPU, not f32 or not contiguous.
    pub(super) fn new(p: &'a LayerParameters) -> Result<Self> {
        let of = |pair: &'a Pair| {
            Ok::<_, candle_core::Error>((HostSlice::new(&pair.weight)?, HostSlice::new(&pair.bias)?, &pair.cache))
        };
        Ok(Self {
            pairs: [
                of(&p.query)?,
                of(&p.key)?,
                of(&p.value)?,
                of(&p.attention_output)?,
                of(&p.attention_layer_norm)?,
                of(&p.ffn_in)?,
                of(&p.ffn_out)?,
                of(&p.ffn_layer_norm)?,
            ],
        })
    }

    pub(super) fn as_slices(&self) -> Weights<'_> {
        let [query, key, value, attention_output, attention_layer_norm, ffn_in, ffn_out, ffn_layer_norm] = self
            .pairs
            .each_ref()
            .map(|(weight, bias, cache)| Affine { weight: weight.as_slice(), bias: bias.as_slice(), cache });
        Weights { query, key, value, attention_output, attention_layer_norm, ffn_in, ffn_out, ffn_layer_norm }
    }
}
