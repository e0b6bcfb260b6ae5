//! The encoder: embeddings and post-norm Transformer layers (Devlin et al. 2018).

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::parameters::Source;
use super::{LayerModule, ModelConfig, Module, ParameterPath};
use crate::dataset::Batch;
use crate::error::Result;
use crate::nn::{
    AttentionMask, Collector, Dropout, Kernel, Kernels, LayerDropout, LayerNorm, LayerParameters, LayerShape, Linear,
    Pair, Queries, attention, attention_probabilities, dropout, embedding, encoder_layer, gelu,
};
use crate::random::Stream;

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
    position_offset: usize,
    layer_norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    hidden_dropout: f64,
    dtype: DType,
    kernels: Kernels,
    collector: Collector,
}

impl Encoder {
    /// Assembles the encoder; activations have the number format `dtype`.
    pub(super) fn new(config: &ModelConfig, kernels: &Kernels, dtype: DType, source: Source<'_>) -> Result<Self> {
        let family = config.architecture.family();
        let token_types = || source.tensor(ParameterPath::weight(Module::TokenTypeEmbeddings));
        let token_type_embeddings = family.has_token_types().then(token_types).transpose()?;
        Ok(Self {
            word_embeddings: source.tensor(ParameterPath::weight(Module::WordEmbeddings))?,
            position_embeddings: source.tensor(ParameterPath::weight(Module::PositionEmbeddings))?,
            token_type_embeddings,
            position_offset: family.position_offset,
            layer_norm: layer_norm(Module::EmbeddingsLayerNorm, config, kernels, source)?,
            // A layer that was deleted has no parameters; those above it keep their numbers.
            layers: (0..config.n_layers)
                .filter(|layer_idx| source.has_layer(*layer_idx))
                .map(|layer_idx| EncoderLayer::new(layer_idx, config, kernels, source))
                .collect::<Result<_>>()?,
            hidden_dropout: config.hidden_dropout,
            dtype,
            kernels: *kernels,
            collector: source.collector.clone(),
        })
    }

    /// The attention mask of a batch, made once for all layers.
    ///
    /// # Errors
    /// When the batch's mask has not an entry for each of its tokens.
    pub fn mask(&self, batch: &Batch) -> Result<AttentionMask> {
        let mask = Arc::new(batch.attention_mask.clone());
        Ok(AttentionMask::new(mask, batch.n_rows, batch.n_columns, self.device(), &self.kernels)?)
    }

    fn device(&self) -> &Device {
        self.word_embeddings.device()
    }

    /// Word + position + token-type embeddings, LayerNorm, dropout: `[batch, seq, hidden]`.
    ///
    /// # Errors
    /// When a token id or the number of columns is beyond the tables of embeddings.
    pub fn embed(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let (n_rows, n_tokens) = (batch.n_rows, batch.n_columns);
        // Padding comes last, so a token's position is its place, and where padding is does not matter.
        let first = self.position_offset as u32;
        let positions = (0..n_rows).flat_map(|_| first..first + n_tokens as u32).collect();
        let mut tables = vec![
            (&self.word_embeddings, Arc::new(batch.input_ids.clone())),
            (&self.position_embeddings, Arc::new(positions)),
        ];
        if let Some(table) = &self.token_type_embeddings {
            tables.push((table, Arc::new(batch.token_type_ids.clone())));
        }
        let x = embedding(&tables, &self.kernels, &self.collector)?; // [batch · seq, hidden]
        let x = x.reshape((n_rows, n_tokens, ()))?;
        let x = self.layer_norm.forward(&x.to_dtype(self.dtype)?)?;
        Ok(dropout(&x, mode.dropout(SITE_EMBEDDINGS, self.hidden_dropout).as_ref(), &self.kernels)?)
    }

    /// The encoder layers, bottom first.
    #[must_use]
    pub fn layers(&self) -> &[EncoderLayer] {
        &self.layers
    }

    /// The last layer's hidden states, `[batch, seq, hidden]`.
    ///
    /// # Errors
    /// As [`Encoder::embed`], or when a tensor operation fails.
    pub fn forward(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let (embedded, mask) = (self.embed(batch, mode)?, self.mask(batch)?);
        self.layers.iter().try_fold(embedded, |x, layer| layer.forward(&x, &mask, mode))
    }

    /// The last layer's hidden states of each row's first token, `[batch, 1, hidden]`: what a classifier reads. With the
    /// bits that [`Encoder::forward`] gives them; the last layer computes no others.
    pub(super) fn forward_first(&self, mask: &AttentionMask, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        self.first_of_embedded(self.embed(batch, mode)?, mask, mode)
    }

    /// As [`Encoder::forward_first`], from the embeddings' output.
    pub(crate) fn first_of_embedded(
        &self,
        embedded: Tensor,
        mask: &AttentionMask,
        mode: ForwardMode<'_>,
    ) -> Result<Tensor> {
        self.first_from(0, embedded, mask, mode)
    }

    /// As [`Encoder::forward_first`], from the input of a layer, `[batch, seq, hidden]`.
    pub(crate) fn first_from(
        &self,
        layer_idx: usize,
        hidden: Tensor,
        mask: &AttentionMask,
        mode: ForwardMode<'_>,
    ) -> Result<Tensor> {
        let Some((last, below)) = self.layers.split_last() else { return Ok(hidden.narrow(1, 0, 1)?) };
        let hidden = below.iter().skip(layer_idx).try_fold(hidden, |x, layer| layer.forward(&x, mask, mode))?;
        last.forward_first(&hidden, mask, mode)
    }
}

/// Self-attention and a feed-forward network, each with a residual and a LayerNorm behind it.
#[derive(Debug)]
pub struct EncoderLayer {
    layer_idx: usize,
    n_heads: usize,
    parameters: Arc<LayerParameters>,
    layer_norm_eps: f64,
    attention_dropout: f64,
    /// Dropout behind the attention's dense layer, which not every family has.
    attention_output_dropout: f64,
    ffn_dropout: f64,
    kernels: Kernels,
}

impl EncoderLayer {
    fn new(layer_idx: usize, config: &ModelConfig, kernels: &Kernels, source: Source<'_>) -> Result<Self> {
        let drops_attention_output = config.architecture.family().drops_attention_output;
        let pair = |module| source.pair(Module::Layer(layer_idx, module));
        let parameters = LayerParameters {
            query: pair(LayerModule::Query)?,
            key: pair(LayerModule::Key)?,
            value: pair(LayerModule::Value)?,
            attention_output: pair(LayerModule::AttentionOutput)?,
            attention_layer_norm: pair(LayerModule::AttentionLayerNorm)?,
            ffn_in: pair(LayerModule::FfnIn)?,
            ffn_out: pair(LayerModule::FfnOut)?,
            ffn_layer_norm: pair(LayerModule::FfnLayerNorm)?,
            collector: source.collector.clone(),
        };
        Ok(Self {
            layer_idx,
            n_heads: config.n_heads,
            parameters: Arc::new(parameters),
            layer_norm_eps: config.layer_norm_eps,
            attention_dropout: config.attention_dropout,
            attention_output_dropout: if drops_attention_output { config.hidden_dropout } else { 0.0 },
            ffn_dropout: config.hidden_dropout,
            kernels: *kernels,
        })
    }

    fn site(&self, which: u64) -> u64 {
        SITES_BEFORE_LAYERS + self.layer_idx as u64 * SITES_PER_LAYER + which
    }

    /// `[batch, seq, hidden]` → `[batch, seq, hidden]`.
    ///
    /// # Errors
    /// When `x` is not of the mask's rows and tokens and the model's hidden size.
    pub fn forward(&self, x: &Tensor, mask: &AttentionMask, mode: ForwardMode<'_>) -> Result<Tensor> {
        self.forward_queries(x, mask, Queries::All, mode)
    }

    /// As [`EncoderLayer::forward`] for each row's first token alone: → `[batch, 1, hidden]`.
    ///
    /// # Errors
    /// As [`EncoderLayer::forward`].
    pub fn forward_first(&self, x: &Tensor, mask: &AttentionMask, mode: ForwardMode<'_>) -> Result<Tensor> {
        self.forward_queries(x, mask, Queries::First, mode)
    }

    fn forward_queries(
        &self,
        x: &Tensor,
        mask: &AttentionMask,
        queries: Queries,
        mode: ForwardMode<'_>,
    ) -> Result<Tensor> {
        let sites = LayerDropout {
            attention: mode.dropout(self.site(0), self.attention_dropout),
            attention_output: mode.dropout(self.site(1), self.attention_output_dropout),
            ffn: mode.dropout(self.site(2), self.ffn_dropout),
        };
        match self.kernels.encoder_layer {
            Kernel::Fused => {
                let shape = LayerShape { n_heads: self.n_heads, eps: self.layer_norm_eps, queries };
                Ok(encoder_layer(x, &self.parameters, mask, shape, sites, &self.kernels)?)
            }
            Kernel::Composite => {
                let all = self.forward_by_operations(x, mask, sites)?;
                Ok(if queries == Queries::First { all.narrow(1, 0, 1)? } else { all })
            }
        }
    }

    fn forward_by_operations(&self, x: &Tensor, mask: &AttentionMask, sites: LayerDropout) -> Result<Tensor> {
        let p = &self.parameters;
        let (q, k, v) = (self.dense(&p.query, x)?, self.dense(&p.key, x)?, self.dense(&p.value, x)?);
        let context = attention(&q, &k, &v, mask, self.n_heads, sites.attention.as_ref(), &self.kernels)?;
        let attended = self.dense(&p.attention_output, &context)?;
        let attended = dropout(&attended, sites.attention_output.as_ref(), &self.kernels)?;
        let x = self.norm(&p.attention_layer_norm, &(attended + x)?)?;

        let inner = gelu(&self.dense(&p.ffn_in, &x)?, &self.kernels)?; // [batch, seq, intermediate]
        let out = dropout(&self.dense(&p.ffn_out, &inner)?, sites.ffn.as_ref(), &self.kernels)?;
        self.norm(&p.ffn_layer_norm, &(out + x)?)
    }

    /// The attention probabilities this layer computes from its input: `[batch, heads, seq, seq]`.
    ///
    /// # Errors
    /// As [`EncoderLayer::forward`].
    pub fn attention_probabilities(&self, x: &Tensor, mask: &AttentionMask) -> Result<Tensor> {
        let (q, k) = (self.dense(&self.parameters.query, x)?, self.dense(&self.parameters.key, x)?);
        Ok(attention_probabilities(&q, &k, mask, self.n_heads, &self.kernels)?)
    }

    fn dense(&self, pair: &Pair, x: &Tensor) -> Result<Tensor> {
        let dense = Linear::new(pair.weight.clone(), pair.bias.clone(), &self.kernels);
        Ok(dense.collecting(&self.parameters.collector).forward(x)?)
    }

    fn norm(&self, pair: &Pair, x: &Tensor) -> Result<Tensor> {
        let norm = LayerNorm::new(pair.weight.clone(), pair.bias.clone(), self.layer_norm_eps, &self.kernels);
        Ok(norm.collecting(&self.parameters.collector).forward(x)?)
    }
}

pub(super) fn linear(module: Module, kernels: &Kernels, source: Source<'_>) -> Result<Linear> {
    let Pair { weight, bias, .. } = source.pair(module)?;
    Ok(Linear::new(weight, bias, kernels).collecting(source.collector))
}

fn layer_norm(module: Module, config: &ModelConfig, kernels: &Kernels, source: Source<'_>) -> Result<LayerNorm> {
    let Pair { weight, bias, .. } = source.pair(module)?;
    Ok(LayerNorm::new(weight, bias, config.layer_norm_eps, kernels).collecting(source.collector))
}
