//! What came of a run: `run.json`.

use super::{Phase, Provenance, RunId, RunSpec, null_if_not_finite};
use crate::training::Precision;
use serde::{Deserialize, Serialize};

/// Everything known about one finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The short hash of `spec`.
    pub run_id: RunId,
    /// What was asked, everything resolved.
    pub spec: RunSpec,
    /// Whether it came to its end.
    pub status: RunStatus,
    /// The uncorrupted model, fine-tuned; none when that fine-tuning failed.
    pub healthy: Option<ModelResult>,
    /// The model after corruption, before healing.
    pub corrupted: Option<ModelResult>,
    /// The corrupted model after the same fine-tuning as the healthy one.
    pub healed: Option<ModelResult>,
    /// How much of the loss in accuracy was made good.
    pub recovery: Option<Recovery>,
    /// How much is still missing.
    pub deficit: Option<Deficit>,
    /// What fine-tuning took.
    pub train: TrainSummary,
    /// What the corruption touched.
    pub corruption: Option<CorruptionSummary>,
    /// What it started from and what it made.
    pub hashes: Hashes,
    /// Where model and dataset were fetched from; records of before there was fetching lack it.
    #[serde(default)]
    pub provenance: Provenance,
    /// The largest resident set of the process that ended the run, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
    /// Where and with what it ran.
    pub environment: Environment,
    /// What a reader of the figures should know, each a full sentence.
    pub notes: Vec<String>,
}

/// Whether a run came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state", deny_unknown_fields)]
pub enum RunStatus {
    /// All figures are there.
    Ok,
    /// Training broke off; kept as a result, since the rate of failed runs is one (Mosbach et al. 2021).
    Failed {
        /// Which fine-tuning.
        phase: Phase,
        /// The optimiser step that failed; from 1.
        step: usize,
        /// The learning rate of that step.
        learning_rate: f64,
        /// What happened, such as `loss is NaN`.
        reason: String,
    },
}

/// One model on the reported split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelResult {
    /// Share of rows whose label was predicted, 0–1.
    pub accuracy: f64,
    /// The mean over classes of F1 = 2·TP / (2·TP + FP + FN), 0–1.
    pub macro_f1: f64,
    /// Mean cross-entropy over rows; `null` when it is not finite.
    #[serde(with = "null_if_not_finite")]
    pub loss: f64,
    /// Rows.
    pub n: usize,
    /// Rows with a logit that is not finite; they count as wrong.
    pub n_non_finite: usize,
    /// The file of per-example predictions, relative to the run's folder.
    pub predictions: String,
}

/// A range that holds the true value with probability `level`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence, such as 0.95.
    pub level: f64,
}

/// (healed − corrupted) / (healthy − corrupted); may exceed 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// As a fraction, 1 is full recovery; none when the denominator lies within its noise.
    pub value: Option<f64>,
    /// Where the true value lies, for as far as it can be told.
    pub interval: Option<Interval>,
    /// What to know when reading it, such as `corrupted = untrained head`.
    pub note: Option<String>,
}

/// healthy − healed, paired by example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deficit {
    /// In percentage points of accuracy; below 0 when the healed model is the better one.
    pub points: f64,
    /// Where the true value lies, in percentage points.
    pub interval: Interval,
}

/// What all fine-tunings of a run took together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSummary {
    /// Optimiser steps of all fine-tunings that this run made, whichever process took them.
    pub steps: usize,
    /// Of these, the steps that the process which ended the run took.
    pub steps_this_process: usize,
    /// Seconds in these steps, over all processes that worked on the run.
    pub secs: f64,
    /// Rows a second; none when no step was taken.
    pub samples_per_sec: Option<f64>,
    /// Real tokens a second (sum of the attention mask); none when no step was taken.
    pub tokens_per_sec: Option<f64>,
    /// The steps from which an interrupted fine-tuning went on, in order of time.
    pub resumed_from: Vec<usize>,
    /// Each fine-tuning.
    pub phases: Vec<PhaseSummary>,
}

impl TrainSummary {
    /// Adds up the fine-tunings; one that was reused from another run took nothing here.
    #[must_use]
    pub fn from_phases(phases: Vec<PhaseSummary>) -> Self {
        let made_here = || phases.iter().filter(|phase| phase.reused_from.is_none());
        // The sum of no numbers is minus zero in Rust, and a record would say so.
        let secs = made_here().map(|phase| phase.secs).sum::<f64>() + 0.0;
        let rate = |n: usize| (secs > 0.0).then(|| n as f64 / secs);
        Self {
            steps: made_here().map(|phase| phase.steps).sum(),
            steps_this_process: made_here().map(|phase| phase.steps_this_process).sum(),
            secs,
            samples_per_sec: rate(made_here().map(|phase| phase.samples).sum()),
            tokens_per_sec: rate(made_here().map(|phase| phase.tokens).sum()),
            resumed_from: made_here().flat_map(|phase| phase.resumed_from.iter().copied()).collect(),
            phases,
        }
    }
}

/// What one fine-tuning took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSummary {
    /// Which fine-tuning.
    pub phase: Phase,
    /// Optimiser steps, whichever process took them.
    pub steps: usize,
    /// Of these, the steps that the process which ended the run took.
    pub steps_this_process: usize,
    /// Passes over the training rows.
    pub epochs: f64,
    /// Seconds in steps, over all processes.
    pub secs: f64,
    /// Rows seen.
    pub samples: usize,
    /// Real tokens seen (sum of the attention mask).
    pub tokens: usize,
    /// Loss of the first step; none when there was none.
    pub loss_first: Option<f64>,
    /// Loss of the last step; none when there was none.
    pub loss_last: Option<f64>,
    /// The steps from which it went on after an interruption.
    pub resumed_from: Vec<usize>,
    /// The finished run whose result was taken over instead of training again; the other fields are then that run's.
    pub reused_from: Option<RunId>,
}

/// What a corruption touched, summed over tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorruptionSummary {
    /// Tensors selected.
    pub n_tensors: usize,
    /// Elements whose bits are others than before.
    pub n_elements_changed: usize,
    /// Elements that are not finite afterwards.
    pub n_non_finite: usize,
    /// L2 norm of the selected tensors before.
    #[serde(with = "null_if_not_finite")]
    pub norm_before: f64,
    /// L2 norm of the selected tensors afterwards; `null` when it is not finite.
    #[serde(with = "null_if_not_finite")]
    pub norm_after: f64,
}

/// SHA-256 (hex) of what a run started from and what it made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// Of the weight files read; none for a random initialisation.
    pub weights: Option<String>,
    /// Of the rows of all splits.
    pub data: String,
    /// Of `model.safetensors` in each checkpoint.
    pub checkpoints: ResultHashes,
}

/// One hash for each model of a run that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultHashes {
    /// Of the healthy model.
    pub healthy: Option<String>,
    /// Of the corrupted model.
    pub corrupted: Option<String>,
    /// Of the healed model.
    pub healed: Option<String>,
}

/// Where and with what something was measured; it does not decide the figures, but their last bits and their speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The program's version.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// The number format of activations.
    pub dtype: Precision,
    /// Threads of the CPU.
    pub threads: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(phase: Phase) -> PhaseSummary {
        PhaseSummary {
            phase,
            steps: 100,
            steps_this_process: 40,
            epochs: 3.0,
            secs: 50.0,
            samples: 3200,
            tokens: 64_000,
            loss_first: Some(1.8),
            loss_last: Some(0.2),
            resumed_from: vec![50, 60],
            reused_from: None,
        }
    }

    #[test]
    fn a_summary_counts_only_the_fine_tunings_made_in_this_run() {
        let id = crate::record::spec::tests::spec().id();
        let reused = PhaseSummary { reused_from: Some(id), ..phase(Phase::Healthy) };
        let summary = TrainSummary::from_phases(vec![reused, phase(Phase::Healed)]);
        assert_eq!((summary.steps, summary.steps_this_process), (100, 40));
        assert_eq!(summary.samples_per_sec, Some(64.0));
        assert_eq!(summary.tokens_per_sec, Some(1280.0));
        assert_eq!(summary.resumed_from, [50, 60]);
        assert_eq!(summary.phases.len(), 2);
    }

    #[test]
    fn a_run_without_steps_has_no_speed_rather_than_zero() {
        let summary = TrainSummary::from_phases(vec![]);
        assert_eq!(summary.samples_per_sec, None);
        assert!(summary.secs.is_sign_positive());
    }

    #[test]
    fn a_failed_status_names_its_step() {
        let status =
            RunStatus::Failed { phase: Phase::Healed, step: 12, learning_rate: 1e-2, reason: "loss is NaN".into() };
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(
            text,
            r#"{"state":"failed","phase":"healed","step":12,"learning_rate":0.01,"reason":"loss is NaN"}"#
        );
        assert_eq!(serde_json::from_str::<RunStatus>(&text).unwrap(), status);
    }

    #[test]
    fn a_loss_that_is_not_finite_is_null_and_not_zero() {
        let result = ModelResult {
            accuracy: 0.5,
            macro_f1: 0.4,
            loss: f64::INFINITY,
            n: 10,
            n_non_finite: 3,
            predictions: "predictions/corrupted.jsonl.zst".into(),
        };
        let text = serde_json::to_string(&result).unwrap();
        assert!(text.contains(r#""loss":null"#), "{text}");
        assert!(serde_json::from_str::<ModelResult>(&text).unwrap().loss.is_nan());
    }
}
