//! The encoder with a classification head on its first token.

use candle_core::{DType, Device, Tensor};

use super::encoder::{SITE_HEAD, linear};
use super::parameters::Source;
use super::{Encoder, ForwardMode, HeadActivation, ModelConfig, Module, Parameters};
use crate::dataset::Batch;
use crate::error::Result;
use crate::nn::{Collector, Kernels, Linear, dropout};

/// `BertForSequenceClassification` or `DistilBertForSequenceClassification`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use shared::Parameters;
/// use shared::dataset::{Batch, EncodedExample};
/// use shared::model::{ForwardMode, ModelConfig, Module, ParameterPath, TextClassifier};
/// use shared::nn::Kernels;
///
/// let config = ModelConfig::from_json(
///     br#"{"model_type": "bert", "vocab_size": 3, "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,
///          "intermediate_size": 2, "max_position_embeddings": 4, "num_labels": 2}"#,
/// )?;
/// let zeros = |path| Tensor::zeros(config.shape_of(path), DType::F32, &Device::Cpu).map(|tensor| (path, tensor));
/// let tensors = config.parameters().into_iter().map(zeros).collect::<candle_core::Result<Vec<_>>>()?;
/// let mut parameters = Parameters::new(config.architecture, tensors)?;
/// let model =
///     TextClassifier::for_evaluation(&config, &parameters, &Kernels::for_device(&Device::Cpu), DType::F32)?;
///
/// let examples = [EncodedExample::of_one_text(vec![1, 2], 0)];
/// let batch = Batch::new(&examples, &[0], config.pad_token_id);
/// assert_eq!(model.forward(&batch, ForwardMode::Evaluation)?.to_vec2::<f32>()?, [[0.0, 0.0]]);
/// // The model sees what becomes of its parameters: with zeros below it the classifier's bias is all there is.
/// parameters.set(ParameterPath::bias(Module::Classifier), vec![0.5, -1.0])?;
/// assert_eq!(model.forward(&batch, ForwardMode::Evaluation)?.to_vec2::<f32>()?, [[0.5, -1.0]]);
/// # Ok::<(), shared::Error>(())
/// ```
#[derive(Debug)]
pub struct TextClassifier {
    head_activation: HeadActivation,
    encoder: Encoder,
    pooler: Linear,
    classifier: Linear,
    classifier_dropout: f64,
    kernels: Kernels,
    collector: Collector,
}

/// What a model computes for one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowOutput {
    /// Scores before softmax, `[labels]`; not finite when the model's arithmetic was not.
    pub logits: Vec<f32>,
    /// Whether all logits are finite although ±∞ was met on the way to them, at one of the places where its limit is exact:
    /// the pooler's tanh or ReLU of ±∞, or a score of −∞ for a token, beside a finite one, in any head of any layer; of the
    /// last layer, which computes the first token alone where [`Kernels::computed`] allows it, for that token.
    ///
    /// GELU has no such limit: x·Φ(x) of ±∞ is ∞ or NaN. Nor has LayerNorm, which makes NaN of it.
    pub is_saturated: bool,
}

impl TextClassifier {
    /// A model whose operations are tracked for `backward`; it sees later updates of `parameters`.
    ///
    /// # Errors
    /// When a parameter is missing.
    pub fn for_training(
        config: &ModelConfig,
        parameters: &Parameters,
        kernels: &Kernels,
        dtype: DType,
    ) -> Result<Self> {
        Self::new(config, kernels, dtype, Source::for_training(parameters, &Collector::default()))
    }

    /// A model on the same storage that builds no graph; it sees later updates of `parameters`, too.
    ///
    /// # Errors
    /// When a parameter is missing.
    pub fn for_evaluation(
        config: &ModelConfig,
        parameters: &Parameters,
        kernels: &Kernels,
        dtype: DType,
    ) -> Result<Self> {
        Self::new(config, kernels, dtype, Source::for_evaluation(parameters, &Collector::default()))
    }

    fn new(config: &ModelConfig, kernels: &Kernels, dtype: DType, source: Source<'_>) -> Result<Self> {
        Ok(Self {
            head_activation: config.architecture.family().head_activation,
            encoder: Encoder::new(config, kernels, dtype, source)?,
            pooler: linear(Module::Pooler, kernels, source)?,
            classifier: linear(Module::Classifier, kernels, source)?,
            classifier_dropout: config.classifier_dropout,
            kernels: *kernels,
            collector: source.collector.clone(),
        })
    }

    /// The part below the head.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Where the gradients of this model's parameters go, for [`collect`](crate::nn::collect).
    #[must_use]
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.classifier.device()
    }

    /// Logits in f32, `[batch, labels]`.
    ///
    /// # Errors
    /// When a token id or the number of columns is beyond the tables of embeddings, or a tensor operation fails.
    pub fn forward(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let hidden = self.encoder.forward_first(&self.encoder.mask(batch)?, batch, mode)?;
        self.classify(&self.pool(&hidden)?, mode)
    }

    /// Logits of each row without dropout, and whether they hide an overflow.
    ///
    /// # Errors
    /// As [`TextClassifier::forward`].
    pub fn evaluate(&self, batch: &Batch) -> Result<Vec<RowOutput>> {
        let mode = ForwardMode::Evaluation;
        let mask = self.encoder.mask(batch)?;
        let hidden = self.encoder.forward_first(&mask, batch, mode)?;
        let before = self.before_activation(&hidden)?;
        let logits: Vec<Vec<f32>> = self.classify(&self.activate(&before)?, mode)?.to_vec2()?;
        let before: Vec<Vec<f32>> = before.to_dtype(DType::F32)?.to_vec2()?;
        Ok(logits
            .into_iter()
            .zip(before)
            .zip(mask.saturated_rows()?)
            .map(|((logits, before), is_attention_saturated)| RowOutput {
                is_saturated: logits.iter().all(|logit| logit.is_finite())
                    && (is_attention_saturated || before.iter().any(|x| x.is_infinite())),
                logits,
            })
            .collect())
    }

    /// The first token through the head's dense layer, `[batch, hidden]`: tanh in BERT's pooler, ReLU in `DistilBERT`'s
    /// `pre_classifier`.
    ///
    /// # Errors
    /// When `hidden` is not `[batch, seq, hidden]` of the model's size.
    pub fn pool(&self, hidden: &Tensor) -> Result<Tensor> {
        self.activate(&self.before_activation(hidden)?)
    }

    /// As [`TextClassifier::pool`], before tanh or ReLU.
    fn before_activation(&self, hidden: &Tensor) -> Result<Tensor> {
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?; // [batch, hidden]
        Ok(self.pooler.forward(&first)?)
    }

    fn activate(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self.head_activation {
            HeadActivation::Tanh => x.tanh()?,
            // Candle's `relu` is max(x, 0), which makes 0 of NaN.
            HeadActivation::Relu => x.le(0.0)?.where_cond(&x.zeros_like()?, x)?,
        })
    }

    /// Dropout and the classifier: `[batch, hidden]` → logits in f32, `[batch, labels]`.
    ///
    /// # Errors
    /// When `pooled` is not `[batch, hidden]` of the model's size.
    pub fn classify(&self, pooled: &Tensor, mode: ForwardMode<'_>) -> Result<Tensor> {
        let site = mode.dropout(SITE_HEAD, self.classifier_dropout);
        let pooled = dropout(pooled, site.as_ref(), &self.kernels)?;
        Ok(self.classifier.forward(&pooled)?.to_dtype(DType::F32)?)
    }
}
