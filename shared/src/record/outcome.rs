//! What came of a run: `run.json`.

use super::null_if_not_finite;
use super::numerics::Numerics;
use super::provenance::Provenance;
use super::spec::RunSpec;
use crate::condition::Condition;
use crate::corruption::{Report, TensorReport};
use crate::evaluation::Metrics;
use crate::inspection::WeightDistance;
use crate::model::RunId;
use crate::statistics::{Deficit, Recovery};
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
    /// The healthy model fine-tuned once more with the healing's budget; only under protocol `finetuned`, and records of
    /// schema 1 lack it.
    #[serde(default)]
    pub control: Option<ModelResult>,
    /// The model after corruption, before healing.
    pub corrupted: Option<ModelResult>,
    /// The corrupted model after the same fine-tuning as the healthy one.
    pub healed: Option<ModelResult>,
    /// How much of the loss in accuracy was recovered; against the control where there is one.
    pub recovery: Option<Recovery>,
    /// How much is still missing; against the control where there is one.
    pub deficit: Option<Deficit>,
    /// The same two figures against the healthy model, which has had one fine-tuning less; only where there is a control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_healthy: Option<Comparison>,
    /// What fine-tuning took.
    pub train: TrainSummary,
    /// How far the weights are from those of the undamaged model, before and after healing; only runs of a sweep have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsReturned>,
    /// What the corruption touched.
    pub corruption: Option<CorruptionSummary>,
    /// What it started from and what it made.
    pub hashes: Hashes,
    /// Where model and dataset were fetched from; records of before there was fetching lack it.
    #[serde(default)]
    pub provenance: Provenance,
    /// The largest resident set of the process that ended the run, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
    /// What computed it, as far as that decides its bits; records of schema 1 lack it.
    #[serde(default)]
    pub numerics: Option<Numerics>,
    /// Where and with what it ran.
    pub environment: Environment,
    /// What a reader of the figures should know, each a full sentence.
    pub notes: Vec<String>,
}

impl RunRecord {
    /// The judgement of one of the models, where the run has it.
    #[must_use]
    pub fn result(&self, condition: Condition) -> Option<&ModelResult> {
        match condition {
            Condition::Healthy => self.healthy.as_ref(),
            Condition::Control => self.control.as_ref(),
            Condition::Corrupted => self.corrupted.as_ref(),
            Condition::Healed => self.healed.as_ref(),
        }
    }

    /// The same without what differs from one machine, or one try, to the next: times, memory, and where it was resumed.
    /// What is left is a function of spec and numerics, so it is equal byte for byte however often it is made.
    #[must_use]
    pub fn without_measurements(mut self) -> Self {
        let phases = self.train.phases.into_iter().map(PhaseSummary::without_measurements).collect();
        self.environment.threads = None;
        Self { train: TrainSummary::from_phases(phases), peak_rss_mib: None, ..self }
    }

    /// Whether another arithmetic, or another layout of specs, made it: it may be looked at, but not put together with
    /// runs of today.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.spec.is_superseded()
    }
}

/// Recovery and deficit against one undamaged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// How much of the loss in accuracy was recovered.
    pub recovery: Recovery,
    /// How much is still missing.
    pub deficit: Deficit,
}

/// Whether healing brings the weights back, or only the accuracy: distances from the undamaged model, which is the control
/// where there is one, else the healthy model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsReturned {
    /// Of the corrupted model.
    pub corrupted: Vec<WeightDistance>,
    /// Of the healed model; none when its fine-tuning failed.
    pub healed: Option<Vec<WeightDistance>>,
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
        phase: Condition,
        /// The optimiser step that failed; from 1.
        step: usize,
        /// The learning rate of that step.
        learning_rate: f64,
        /// What happened, such as `loss is NaN`.
        reason: String,
    },
}

/// One model on the reported split.
// `deny_unknown_fields` does not go with `flatten`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// How good it is.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The file of per-example predictions, relative to the run's folder; empty where none was kept, as on the page.
    pub predictions: String,
}

/// What all fine-tunings of a run took together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSummary {
    /// Optimiser steps of all fine-tunings that this run made, whichever process took them.
    pub steps: usize,
    /// Of these, the steps that the process which ended the run took.
    pub steps_this_process: usize,
    /// Seconds in these steps, over all processes that worked on the run; none in a record without measurements.
    pub secs: Option<f64>,
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
        let secs = made_here().map(|phase| phase.secs).sum::<Option<f64>>().map(|secs| secs + 0.0);
        let rate = |n: usize| secs.filter(|secs| *secs > 0.0).map(|secs| n as f64 / secs);
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
    pub phase: Condition,
    /// Optimiser steps, whichever process took them.
    pub steps: usize,
    /// Of these, the steps that the process which ended the run took.
    pub steps_this_process: usize,
    /// Passes over the training rows.
    pub epochs: f64,
    /// Seconds in steps, over all processes; none in a record without measurements.
    pub secs: Option<f64>,
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

impl PhaseSummary {
    /// The same without times, and without where it was resumed.
    #[must_use]
    pub fn without_measurements(self) -> Self {
        let steps_this_process = if self.reused_from.is_some() { 0 } else { self.steps };
        Self { steps_this_process, secs: None, resumed_from: Vec::new(), ..self }
    }
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

impl CorruptionSummary {
    /// Sums over the tensors of a report; norms add up as squares.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let norm =
            |of: fn(&TensorReport) -> f64| report.tensors.iter().map(|tensor| of(tensor).powi(2)).sum::<f64>().sqrt();
        Self {
            n_tensors: report.totals.n_tensors,
            n_elements_changed: report.totals.n_changed,
            n_non_finite: report.totals.n_non_finite,
            norm_before: norm(|tensor| tensor.norm_before),
            norm_after: norm(|tensor| tensor.norm_after),
        }
    }
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
    /// Of the control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Of the corrupted model.
    pub corrupted: Option<String>,
    /// Of the healed model.
    pub healed: Option<String>,
}

impl ResultHashes {
    /// The hash of one model.
    #[must_use]
    pub fn of(&self, condition: Condition) -> Option<&str> {
        match condition {
            Condition::Healthy => self.healthy.as_deref(),
            Condition::Control => self.control.as_deref(),
            Condition::Corrupted => self.corrupted.as_deref(),
            Condition::Healed => self.healed.as_deref(),
        }
    }

    /// Keeps the hash of one model.
    pub fn set(&mut self, condition: Condition, hash: String) {
        let slot = match condition {
            Condition::Healthy => &mut self.healthy,
            Condition::Control => &mut self.control,
            Condition::Corrupted => &mut self.corrupted,
            Condition::Healed => &mut self.healed,
        };
        *slot = Some(hash);
    }
}

/// Where and with what something was measured; it does not decide the figures, but their last bits and their speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The program's version; `page` and the version for runs of the page.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// The number format of activations.
    pub dtype: Precision,
    /// Threads of the CPU; none in a record without measurements.
    pub threads: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(phase: Condition) -> PhaseSummary {
        PhaseSummary {
            phase,
            steps: 100,
            steps_this_process: 40,
            epochs: 3.0,
            secs: Some(50.0),
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
        let reused = PhaseSummary { reused_from: Some(id), ..phase(Condition::Healthy) };
        let summary = TrainSummary::from_phases(vec![reused, phase(Condition::Healed)]);
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
        assert!(summary.secs.is_some_and(f64::is_sign_positive));
    }

    #[test]
    fn a_loss_that_is_not_there_is_null_and_not_zero() {
        let metrics = Metrics {
            accuracy: 0.5,
            macro_f1: 0.4,
            loss: None,
            expected_calibration_error: None,
            n: 10,
            n_non_finite: 3,
            n_saturated: 0,
            largest_class_share: Some(0.7),
        };
        let result = ModelResult { metrics, predictions: "predictions/corrupted.jsonl.zst".into() };
        let text = serde_json::to_string(&result).unwrap();
        assert!(text.contains(r#""loss":null"#), "{text}");
        assert_eq!(serde_json::from_str::<ModelResult>(&text).unwrap(), result);
    }
}
