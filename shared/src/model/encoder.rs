//! The encoder: embeddings and post-norm Transformer layers (Devlin et al. 2018).

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Architecture, LayerModule, ModelConfig, Module, ParameterPath};
use crate::dataset::Batch;
use crate::error::Result;
use crate::nn::{
    AttentionMask, Dropout, Kernels, LayerNorm, Linear, attention, attention_probabilities, dropout, embedding, gelu,
};
use crate::seed::Stream;

/// Whether a forward pass drops elements.
#[derive(Clone, Copy, Debug)]
pub enum ForwardMode<'a> {
    /// No dropout.
    Evaluation,
    /// Dropout from this stream, which belongs to one micro-batch.
    Training(&'a Stream),
}

impl ForwardMode<'_> {
    /// The dropout of a `site` that is unique within the model.
    pub(super) fn dropout(self, site: u64, probability: f64) -> Option<Dropout> {
        match self {
            Self::Evaluation => None,
            Self::Training(stream) => Dropout::new(stream, site, probability),
        }
    }
}

/// Sites of dropout, unique within a model: each layer has three.
const SITE_EMBEDDINGS: u64 = 0;
pub(super) const SITE_HEAD: u64 = 1;
const SITES_BEFORE_LAYERS: u64 = 2;
const SITES_PER_LAYER: u64 = 3;

/// Embeddings and layers.
#[derive(Debug)]
pub struct Encoder {
    word_embeddings: Tensor,
    position_embeddings: Tensor,
    token_type_embeddings: Option<Tensor>,
    layer_norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    hidden_dropout: f64,
    dtype: DType,
    kernels: Kernels,
}

impl Encoder {
    /// Assembles the encoder from tensors that `get` supplies; activations have the number format `dtype`.
    pub fn new(
        config: &ModelConfig,
        kernels: &Kernels,
        dtype: DType,
        get: &dyn Fn(ParameterPath) -> Result<Tensor>,
    ) -> Result<Self> {
        let token_type_embeddings = match config.architecture {
            Architecture::Bert => Some(get(ParameterPath::weight(Module::TokenTypeEmbeddings))?),
            Architecture::DistilBert => None,
        };
        Ok(Self {
            word_embeddings: get(ParameterPath::weight(Module::WordEmbeddings))?,
            position_embeddings: get(ParameterPath::weight(Module::PositionEmbeddings))?,
            token_type_embeddings,
            layer_norm: layer_norm(Module::EmbeddingsLayerNorm, config, kernels, get)?,
            layers: (0..config.n_layers)
                .map(|layer_idx| EncoderLayer::new(layer_idx, config, kernels, get))
                .collect::<Result<_>>()?,
            hidden_dropout: config.hidden_dropout,
            dtype,
            kernels: *kernels,
        })
    }

    /// The attention mask of a batch, made once for all layers.
    pub fn mask(&self, batch: &Batch) -> Result<AttentionMask> {
        let mask = Arc::new(batch.attention_mask.clone());
        Ok(AttentionMask::new(mask, batch.n_rows, batch.n_columns, self.device(), &self.kernels)?)
    }

    fn device(&self) -> &Device {
        self.word_embeddings.device()
    }

    /// Word + position + token-type embeddings, LayerNorm, dropout: `[batch, seq, hidden]`.
    pub fn embed(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let (n_rows, n_tokens) = (batch.n_rows, batch.n_columns);
        let lookup = |table: &Tensor, ids: Vec<u32>| embedding(table, &Arc::new(ids), &self.kernels);
        let words = lookup(&self.word_embeddings, batch.input_ids.clone())?; // [batch · seq, hidden]
        let hidden_size = words.dim(1)?;
        let positions = lookup(&self.position_embeddings, (0..n_tokens as u32).collect())?; // [seq, hidden]
        let mut x = words.reshape((n_rows, n_tokens, hidden_size))?.broadcast_add(&positions)?;
        if let Some(table) = &self.token_type_embeddings {
            let types = if batch.token_type_ids.iter().all(|id| *id == 0) {
                // One row for all tokens: its gradient is a sum instead of a scatter.
                lookup(table, vec![0])?.reshape((1, 1, hidden_size))?.broadcast_as(x.shape())?
            } else {
                lookup(table, batch.token_type_ids.clone())?.reshape(x.shape())?
            };
            x = (x + types)?;
        }
        let x = self.layer_norm.forward(&x.to_dtype(self.dtype)?)?;
        Ok(dropout(&x, mode.dropout(SITE_EMBEDDINGS, self.hidden_dropout).as_ref(), &self.kernels)?)
    }

    /// The encoder layers, bottom first.
    #[must_use]
    pub fn layers(&self) -> &[EncoderLayer] {
        &self.layers
    }

    /// The last layer's hidden states, `[batch, seq, hidden]`.
    pub fn forward(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let mask = self.mask(batch)?;
        let embedded = self.embed(batch, mode)?;
        self.layers.iter().try_fold(embedded, |x, layer| layer.forward(&x, &mask, mode))
    }
}

/// Self-attention and a feed-forward network, each with a residual and a LayerNorm behind it.
#[derive(Debug)]
pub struct EncoderLayer {
    layer_idx: usize,
    n_heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_layer_norm: LayerNorm,
    ffn_in: Linear,
    ffn_out: Linear,
    ffn_layer_norm: LayerNorm,
    attention_dropout: f64,
    /// Dropout behind the attention's dense layer, which `DistilBERT` does not have.
    attention_output_dropout: f64,
    ffn_dropout: f64,
    kernels: Kernels,
}

impl EncoderLayer {
    fn new(
        layer_idx: usize,
        config: &ModelConfig,
        kernels: &Kernels,
        get: &dyn Fn(ParameterPath) -> Result<Tensor>,
    ) -> Result<Self> {
        let dense = |module| linear(Module::Layer(layer_idx, module), kernels, get);
        let norm = |module| layer_norm(Module::Layer(layer_idx, module), config, kernels, get);
        Ok(Self {
            layer_idx,
            n_heads: config.n_heads,
            query: dense(LayerModule::Query)?,
            key: dense(LayerModule::Key)?,
            value: dense(LayerModule::Value)?,
            attention_output: dense(LayerModule::AttentionOutput)?,
            attention_layer_norm: norm(LayerModule::AttentionLayerNorm)?,
            ffn_in: dense(LayerModule::FfnIn)?,
            ffn_out: dense(LayerModule::FfnOut)?,
            ffn_layer_norm: norm(LayerModule::FfnLayerNorm)?,
            attention_dropout: config.attention_dropout,
            attention_output_dropout: match config.architecture {
                Architecture::Bert => config.hidden_dropout,
                Architecture::DistilBert => 0.0,
            },
            ffn_dropout: config.hidden_dropout,
            kernels: *kernels,
        })
    }

    fn site(&self, which: u64) -> u64 {
        SITES_BEFORE_LAYERS + self.layer_idx as u64 * SITES_PER_LAYER + which
    }

    /// `[batch, seq, hidden]` → `[batch, seq, hidden]`.
    pub fn forward(&self, x: &Tensor, mask: &AttentionMask, mode: ForwardMode<'_>) -> Result<Tensor> {
        let (q, k, v) = (self.query.forward(x)?, self.key.forward(x)?, self.value.forward(x)?);
        let drop = mode.dropout(self.site(0), self.attention_dropout);
        let context = attention(&q, &k, &v, mask, self.n_heads, drop.as_ref(), &self.kernels)?;
        let drop = mode.dropout(self.site(1), self.attention_output_dropout);
        let attended = dropout(&self.attention_output.forward(&context)?, drop.as_ref(), &self.kernels)?;
        let x = self.attention_layer_norm.forward(&(attended + x)?)?;

        let inner = gelu(&self.ffn_in.forward(&x)?, &self.kernels)?; // [batch, seq, intermediate]
        let drop = mode.dropout(self.site(2), self.ffn_dropout);
        let out = dropout(&self.ffn_out.forward(&inner)?, drop.as_ref(), &self.kernels)?;
        Ok(self.ffn_layer_norm.forward(&(out + x)?)?)
    }

    /// The attention probabilities this layer computes from its input: `[batch, heads, seq, seq]`.
    pub fn attention_probabilities(&self, x: &Tensor, mask: &AttentionMask) -> Result<Tensor> {
        let (q, k) = (self.query.forward(x)?, self.key.forward(x)?);
        Ok(attention_probabilities(&q, &k, mask, self.n_heads, &self.kernels)?)
    }
}

pub(super) fn linear(
    module: Module,
    kernels: &Kernels,
    get: &dyn Fn(ParameterPath) -> Result<Tensor>,
) -> Result<Linear> {
    Ok(Linear::new(get(ParameterPath::weight(module))?, get(ParameterPath::bias(module))?, kernels))
}

fn layer_norm(
    module: Module,
    config: &ModelConfig,
    kernels: &Kernels,
    get: &dyn Fn(ParameterPath) -> Result<Tensor>,
) -> Result<LayerNorm> {
    let (weight, bias) = (get(ParameterPath::weight(module))?, get(ParameterPath::bias(module))?);
    Ok(LayerNorm::new(weight, bias, config.layer_norm_eps, kernels))
}
