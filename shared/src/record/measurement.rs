//! What is measured while a model is damaged and trains.

use super::null_if_not_finite;
use super::outcome::Environment;
use crate::condition::Condition;
use crate::corruption::Report;
use crate::inspection::WeightChange;
use serde::{Deserialize, Serialize};

/// What the corruption of a run did in detail: `corruption.json`.
///
/// The weights before it are nowhere on disk under protocol `pretrained` (they are the pre-trained model's, with the
/// run's new head), so what is to be shown of them is counted when they are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorruptionDetail {
    /// What the plan does to this model, in words.
    pub sentence: String,
    /// What each step did to each tensor.
    pub report: Report,
    /// The values of the touched tensors before and after.
    pub weights: Vec<WeightChange>,
}

/// One optimiser step: a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsLine {
    /// The model that the fine-tuning makes.
    pub phase: Condition,
    /// Optimiser steps taken, this one included; from 1.
    pub step: usize,
    /// Passes over the training rows so far.
    pub epoch: f64,
    /// Mean cross-entropy over the rows of this step.
    #[serde(with = "null_if_not_finite")]
    pub loss: f64,
    /// Share of this step's rows whose label was predicted.
    pub accuracy: f64,
    /// The rate used by this step.
    pub learning_rate: f64,
    /// L2 norm of all gradients before clipping.
    #[serde(with = "null_if_not_finite")]
    pub grad_norm: f64,
    /// Rows in this step.
    pub samples: usize,
    /// Real tokens in this step (sum of the attention mask).
    pub tokens: usize,
}

/// The result of `bench train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchTrain {
    /// Speed of training, warm-up steps not counted.
    pub train: BenchThroughput,
    /// Where the timed steps' seconds went.
    pub time: BenchTime,
    /// Floating-point operations a second that the model needs for real tokens: matrix products of a forward pass and
    /// twice as many for the backward pass; padding and element-wise work are not counted.
    pub flops_per_sec: f64,
    /// This machine's rate of matrix products in the same run: the best of several of `[1024, 384]·[384, 1536]` by the
    /// fastest kernels at hand.
    pub matmul_flops_per_sec: f64,
    /// `flops_per_sec / matmul_flops_per_sec`, 0–1.
    pub matmul_share: f64,
    /// The largest resident set so far, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
    /// Where it was measured.
    pub environment: Environment,
}

/// How fast a benchmark went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchThroughput {
    /// Optimiser steps that were timed.
    pub steps: usize,
    /// Seconds they took.
    pub secs: f64,
    /// Rows a second.
    pub samples_per_sec: f64,
    /// Real tokens a second (sum of the attention mask).
    pub tokens_per_sec: f64,
}

/// Seconds of the timed steps, by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchTime {
    /// Choosing rows and padding them into rectangles.
    pub data_secs: f64,
    /// From token ids to the loss.
    pub forward_secs: f64,
    /// From the loss to every gradient.
    pub backward_secs: f64,
    /// The gradient norm, clipping and the update.
    pub optimizer_secs: f64,
}
