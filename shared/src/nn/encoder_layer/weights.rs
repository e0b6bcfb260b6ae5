//! A layer's tensors and sizes, and the tensors as slices of host memory.

use core::ops::{Deref, Range};
use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::super::gradient::Collector;
use super::super::host::HostSlice;
use super::super::kernel_choice::Factors;
use super::super::kernels::{AttentionShape, Buffer, DropoutMask, Operand, PackedWeight};
use super::super::weight_cache::WeightCache;

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
    /// Where the gradients of all of them go.
    pub collector: Collector,
}

impl LayerParameters {
    pub(super) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
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

/// What a layer is besides its weights.
pub(super) struct Geometry {
    /// With the tokens of a row that are computed as its queries.
    pub attention: AttentionShape,
    pub attention_output_mask: Option<DropoutMask>,
    pub ffn_mask: Option<DropoutMask>,
    pub eps: f32,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    /// What its dense layers multiply.
    pub factors: Factors,
}

impl Geometry {
    /// Whether every token of the input is computed.
    pub(super) fn has_all_queries(&self) -> bool {
        self.attention.n_queries == self.attention.n_tokens
    }

    /// The tokens of `x` `[batch · seq, hidden]` that are computed, `[batch · queries, hidden]`.
    pub(super) fn queries<'a>(&self, x: &'a [f32]) -> Tokens<'a> {
        if self.has_all_queries() {
            return Tokens::All(x);
        }
        let [from, to] = [self.attention.n_tokens, self.attention.n_queries].map(|n| n * self.hidden_size);
        let mut some = Buffer::new(self.attention.n_rows * to);
        some.chunks_exact_mut(to).zip(x.chunks_exact(from)).for_each(|(some, row)| some.copy_from_slice(&row[..to]));
        Tokens::Some(some)
    }

    /// `x` `[batch · queries, hidden]` at its places among all tokens, with 0 elsewhere.
    pub(super) fn spread(&self, x: &[f32]) -> Buffer {
        let [to, from] = [self.attention.n_tokens, self.attention.n_queries].map(|n| n * self.hidden_size);
        let mut all = Buffer::new(self.attention.n_rows * to);
        for (row, some) in all.chunks_exact_mut(to).zip(x.chunks_exact(from)) {
            row[..from].copy_from_slice(some);
            row[from..].fill(0.0);
        }
        all
    }

    /// Cuts `n` computed tokens from `first` on into runs that lie side by side in the input: where a run lies among the `n`,
    /// and the place of its first token in the input. Dropout and partial sums go by places in the input, so that they are the
    /// same for a token however many others are computed.
    pub(super) fn runs(&self, first: usize, n: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
        let all = self.has_all_queries().then_some((0..n, first));
        // There is one in each row.
        let n_single = if all.is_some() { 0 } else { n };
        let n_tokens = self.attention.n_tokens;
        all.into_iter().chain((0..n_single).map(move |i| (i..i + 1, (first + i) * n_tokens)))
    }
}

/// Tokens that a layer computes.
pub(super) enum Tokens<'a> {
    All(&'a [f32]),
    Some(Buffer),
}

impl Deref for Tokens<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::All(x) => x,
            Self::Some(x) => x,
        }
    }
}

/// Read guards on all tensors of a layer.
pub(super) struct HostWeights<'a> {
    pairs: [(HostSlice<'a>, HostSlice<'a>, &'a WeightCache); 8],
}

/// A dense layer, ready for the products of one pass.
pub(super) struct Affine<'a> {
    /// Wᵀ in a forward pass, W in a backward pass.
    pub operand: Operand<'a>,
    pub bias: &'a [f32],
}

/// A LayerNorm's gain and bias.
#[derive(Clone, Copy)]
pub(super) struct Norm<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

/// All weights of a layer, with the shapes of [`LayerParameters`].
pub(super) struct Weights<'a> {
    pub query: Affine<'a>,
    pub key: Affine<'a>,
    pub value: Affine<'a>,
    pub attention_output: Affine<'a>,
    pub attention_layer_norm: Norm<'a>,
    pub ffn_in: Affine<'a>,
    pub ffn_out: Affine<'a>,
    pub ffn_layer_norm: Norm<'a>,
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

    /// For a forward pass.
    pub(super) fn for_forward(&self, factors: Factors) -> Weights<'_> {
        self.prepare(|weight, n_in, cache| Operand::new(weight, n_in, cache.pack(weight, n_in, factors)))
    }

    /// For a backward pass.
    pub(super) fn for_backward(&self, factors: Factors) -> Weights<'_> {
        self.prepare(|weight, n_in, _| {
            let packed = PackedWeight::for_input_gradient(weight, n_in, factors).map(Arc::new);
            Operand::for_input_gradient(weight, n_in, packed)
        })
    }

    fn prepare<'s>(&'s self, operand: impl Fn(&'s [f32], usize, &WeightCache) -> Operand<'s>) -> Weights<'s> {
        let [query, key, value, attention_output, attention_layer_norm, ffn_in, ffn_out, ffn_layer_norm] = &self.pairs;
        let affine = |(weight, bias, cache): &'s (HostSlice<'_>, HostSlice<'_>, &WeightCache)| {
            let (weight, bias) = (weight.as_slice(), bias.as_slice());
            Affine { operand: operand(weight, weight.len() / bias.len().max(1), cache), bias }
        };
        let norm = |(weight, bias, _): &'s (HostSlice<'_>, HostSlice<'_>, &WeightCache)| Norm {
            weight: weight.as_slice(),
            bias: bias.as_slice(),
        };
        Weights {
            query: affine(query),
            key: affine(key),
            value: affine(value),
            attention_output: affine(attention_output),
            attention_layer_norm: norm(attention_layer_norm),
            ffn_in: affine(ffn_in),
            ffn_out: affine(ffn_out),
            ffn_layer_norm: norm(ffn_layer_norm),
        }
    }
}
