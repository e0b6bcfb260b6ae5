//! The encoder with a classification head on its first token.

use candle_core::{DType, Device, Tensor};

use super::encoder::{SITE_HEAD, linear};
use super::source::Source;
use super::{Architecture, Encoder, ForwardMode, ModelConfig, Module};
use crate::dataset::Batch;
use crate::error::Result;
use crate::nn::{Kernels, Linear, dropout};
use crate::parameters::Parameters;

/// `BertForSequenceClassification` or `DistilBertForSequenceClassification`.
#[derive(Debug)]
pub struct TextClassifier {
    architecture: Architecture,
    encoder: Encoder,
    pooler: Linear,
    classifier: Linear,
    classifier_dropout: f64,
    kernels: Kernels,
}

impl TextClassifier {
    /// A model whose operations are tracked for `backward`; it sees later updates of `parameters`.
    pub fn for_training(
        config: &ModelConfig,
        parameters: &Parameters,
        kernels: &Kernels,
        dtype: DType,
    ) -> Result<Self> {
        Self::new(config, kernels, dtype, Source::for_training(parameters))
    }

    /// A model on the same storage that builds no graph; it sees later updates of `parameters`, too.
    pub fn for_evaluation(
        config: &ModelConfig,
        parameters: &Parameters,
        kernels: &Kernels,
        dtype: DType,
    ) -> Result<Self> {
        Self::new(config, kernels, dtype, Source::for_evaluation(parameters))
    }

    fn new(config: &ModelConfig, kernels: &Kernels, dtype: DType, source: Source<'_>) -> Result<Self> {
        Ok(Self {
            architecture: config.architecture,
            encoder: Encoder::new(config, kernels, dtype, source)?,
            pooler: linear(Module::Pooler, kernels, source)?,
            classifier: linear(Module::Classifier, kernels, source)?,
            classifier_dropout: config.classifier_dropout,
            kernels: *kernels,
        })
    }

    /// The part below the head.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.classifier.device()
    }

    /// Logits in f32, `[batch, labels]`.
    pub fn forward(&self, batch: &Batch, mode: ForwardMode<'_>) -> Result<Tensor> {
        let hidden = self.encoder.forward(batch, mode)?;
        self.classify(&self.pool(&hidden)?, mode)
    }

    /// The first token through the head's dense layer, `[batch, hidden]`: tanh in BERT's pooler, ReLU in `DistilBERT`'s
    /// `pre_classifier`.
    pub fn pool(&self, hidden: &Tensor) -> Result<Tensor> {
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?; // [batch, hidden]
        let pooled = self.pooler.forward(&first)?;
        Ok(match self.architecture {
            Architecture::Bert => pooled.tanh()?,
            Architecture::DistilBert => pooled.relu()?,
        })
    }

    /// Dropout and the classifier: `[batch, hidden]` → logits in f32, `[batch, labels]`.
    pub fn classify(&self, pooled: &Tensor, mode: ForwardMode<'_>) -> Result<Tensor> {
        let site = mode.dropout(SITE_HEAD, self.classifier_dropout);
        let pooled = dropout(pooled, site.as_ref(), &self.kernels)?;
        Ok(self.classifier.forward(&pooled)?.to_dtype(DType::F32)?)
    }
}
