//! The fine-tuning recipe: every number that decides a result, with Hugging Face's names and one table of defaults.

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::{Factors, Kernels};

/// The number format of matrix products. Parameters, gradients and optimiser state are always f32, and so is the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// On a GPU bf16 activations. On a CPU with AVX512-BF16 the factors of an encoder layer's products are rounded to bf16
    /// and all else is f32, see [`Factors::Bf16`].
    Bf16,
}

impl Precision {
    /// The kernels that compute in this format on a device.
    ///
    /// # Errors
    /// When bf16 is asked of a processor that lacks it.
    pub fn kernels(self, device: &Device) -> Result<Kernels> {
        let kernels = Kernels::for_device(device);
        match self {
            Self::Bf16 if device.is_cpu() => {
                if !Factors::Bf16.is_available() {
                    return Err(Error::Bf16Unavailable);
                }
                Ok(Kernels { factors: Factors::Bf16, ..kernels })
            }
            Self::F32 | Self::Bf16 => Ok(kernels),
        }
    }

    /// The number format of hidden states in training.
    pub(super) fn activations(self, device: &Device) -> DType {
        match self {
            Self::Bf16 if !device.is_cpu() => DType::BF16,
            Self::F32 | Self::Bf16 => DType::F32,
        }
    }
}

/// Everything about a fine-tuning that changes its result, apart from model, data and seeds.
///
/// The defaults are those of Hugging Face's `TrainingArguments`, except batch size 32 (there 8), warm-up ratio 0.1 (0),
/// weight decay 0.01 (0) and rows grouped by length (not grouped).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingArgs {
    /// Peak learning rate, reached at the end of warm-up.
    pub learning_rate: f64,
    /// Rows in one forward pass; an optimiser step sees `batch_size × gradient_accumulation_steps` rows.
    pub batch_size: usize,
    /// Passes over the training rows; a fraction stops inside the last one.
    pub epochs: f64,
    /// Optimiser steps, instead of `epochs`.
    pub max_steps: Option<usize>,
    /// Tokens a text is cut to, with `[CLS]` and `[SEP]`.
    pub max_length: usize,
    /// Share of all steps in which the learning rate rises linearly from 0.
    pub warmup_ratio: f64,
    /// Decoupled weight decay (Loshchilov & Hutter 2019); not on biases and LayerNorms.
    pub weight_decay: f64,
    /// AdamW's decay of the mean of gradients.
    pub adam_beta1: f64,
    /// AdamW's decay of the mean of squared gradients.
    pub adam_beta2: f64,
    /// AdamW's term against division by zero.
    pub adam_epsilon: f64,
    /// Gradients are scaled down to this L2 norm over all parameters; 0 turns clipping off.
    pub max_grad_norm: f64,
    /// Batches whose gradients are averaged before an optimiser step.
    pub gradient_accumulation_steps: usize,
    /// Replaces every dropout probability of the model's config.
    pub dropout: Option<f64>,
    /// The selection of the plan grammar whose parameters stay as they are, such as `embeddings,bottom:0.5`.
    pub freeze: Option<String>,
    /// Puts rows of like length into one batch, so that less padding is computed.
    pub group_by_length: bool,
    /// Stops after so many epochs without a better accuracy on a held-out tenth of train, and keeps the best epoch.
    pub early_stopping: Option<usize>,
    /// The number format of activations.
    pub dtype: Precision,
}

impl Default for TrainingArgs {
    fn default() -> Self {
        Self {
            learning_rate: 5e-5,
            batch_size: 32,
            epochs: 3.0,
            max_steps: None,
            max_length: 128,
            warmup_ratio: 0.1,
            weight_decay: 0.01,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
            gradient_accumulation_steps: 1,
            dropout: None,
            freeze: None,
            group_by_length: true,
            early_stopping: None,
            dtype: Precision::F32,
        }
    }
}
