//! What is measured while a model trains.

use super::{Environment, null_if_not_finite};
use serde::{Deserialize, Serialize};

/// Which of a run's fine-tunings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The fine-tuning without corruption.
    Healthy,
    /// The fine-tuning after corruption.
    Healed,
}

impl Phase {
    /// The name in files and folders.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Healed => "healed",
        }
    }
}

/// One optimiser step: a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsLine {
    /// Which fine-tuning.
    pub phase: Phase,
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
    /// The largest resident set so far, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
    /// Share of the machine's measured matrix-product rate that training reached, 0–1.
    pub matmul_share: f64,
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
