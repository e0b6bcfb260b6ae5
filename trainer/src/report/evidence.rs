//! What a run's folder holds, read and checked to fit together.

use shared::Condition;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;
use shared::dataset::default_label_names;
use shared::evaluation::{Metrics, Prediction, evaluate, softmax};
use shared::model::ModelConfig;
use shared::record::{CorruptionDetail, MetricsLine, ModelResult, RunRecord, TextLine};

use super::words::percent;
use crate::exit_code::bad_input;
use crate::run_dir::{self, metrics, predictions};

/// The most that a recorded accuracy may differ from that of the predictions: both are the same division.
const TOLERANCE: f64 = 1e-12;

/// Everything a report is made of.
#[derive(Debug)]
pub struct Evidence {
    /// The record.
    pub record: RunRecord,
    /// The models there are, in the order of [`Condition::ALL`].
    pub models: Vec<ModelEvidence>,
    /// Class names by label id.
    pub label_names: Vec<String>,
    /// The steps that this run logged.
    pub metrics: Vec<MetricsLine>,
    /// Texts by row hash; empty when they were not kept.
    pub texts: BTreeMap<String, TextLine>,
    /// What the corruption did.
    pub corruption: Option<CorruptionDetail>,
    /// The model's sizes.
    pub config: Option<ModelConfig>,
    /// The command that ended the run.
    pub command: Option<Vec<String>>,
    /// What is not there, as sentences.
    pub missing: Vec<String>,
}

/// One of the run's models.
#[derive(Debug)]
pub struct ModelEvidence {
    /// Which.
    pub which: Condition,
    /// What the record says of it.
    pub result: ModelResult,
    /// What it said, in the dataset's order, with the metrics of that; none when the file is not there.
    pub predicted: Option<(Vec<Prediction>, Metrics)>,
}

impl Evidence {
    /// Reads the folder of a finished run.
    ///
    /// # Errors
    /// Bad input when it is not one, when a file in it is damaged, or when predictions and record contradict each other.
    /// A file that is missing is no error: it may have been left out when the run was passed on.
    pub fn read(run: &Path) -> anyhow::Result<Self> {
        let name = run.display();
        if !run_dir::is_run_dir(run) {
            return Err(bad_input(anyhow!("{name} is not a run folder: there is no spec.json in it")));
        }
        let mut missing = Vec::new();
        let metrics_path = run.join(run_dir::METRICS);
        let metrics: Vec<MetricsLine> = if metrics_path.is_file() { metrics::read(&metrics_path)? } else { Vec::new() };
        let Some(record) = run_dir::read_record(run).map_err(bad_input)? else {
            return Err(bad_input(anyhow!(
                "{name} is not finished ({} fine-tuning steps are done), so there is nothing to report yet; repeat the \
                 command that started it to resume it",
                metrics.len()
            )));
        };
        let config = Condition::ALL.into_iter().find_map(|which| config(run, which));
        if config.is_none() {
            missing.push(
                "There is no checkpoint in the run folder, so classes are shown by number instead of by name."
                    .to_owned(),
            );
        }
        let n_labels = record.spec.dataset.n_labels;
        let label_names = config.as_ref().map(|config| config.label_names.clone());
        let label_names = label_names.filter(|names| names.len() == n_labels);
        let models = Condition::ALL.into_iter().filter_map(|which| Some((which, record.result(which)?.clone())));
        let models = models
            .map(|(which, result)| ModelEvidence::read(run, which, result, n_labels, &mut missing))
            .collect::<anyhow::Result<_>>()?;
        let texts = texts(&run.join(run_dir::TEXTS), &mut missing)?;
        let corruption: Option<CorruptionDetail> = read_json(&run.join(run_dir::CORRUPTION))?;
        if corruption.is_none() && record.corruption.is_some() {
            missing.push(format!("{} is missing from the run folder.", run_dir::CORRUPTION));
        }
        Ok(Self {
            models,
            label_names: label_names.unwrap_or_else(|| default_label_names(n_labels)),
            metrics,
            texts,
            corruption,
            config,
            command: read_json(&run.join(run_dir::COMMAND))?,
            missing,
            record,
        })
    }

    /// One of the models, when the run came that far.
    #[must_use]
    pub fn model(&self, which: Condition) -> Option<&ModelEvidence> {
        self.models.iter().find(|model| model.which == which)
    }

    /// The text of a row, when it was kept and is that row's.
    #[must_use]
    pub fn text(&self, prediction: &Prediction) -> Option<String> {
        let row = self.texts.get(&prediction.row_hash)?.clone().into_example(prediction.label);
        (row.row_hash() == prediction.row_hash).then(|| row.in_words().into_owned())
    }

    /// The name of a class.
    #[must_use]
    pub fn label(&self, label_id: u32) -> String {
        self.label_names.get(label_id as usize).cloned().unwrap_or_else(|| format!("LABEL_{label_id}"))
    }

    /// What a model said, such as `positive 98.1 %`.
    #[must_use]
    pub fn answer(&self, prediction: &Prediction) -> String {
        match prediction.predicted() {
            Some(label_id) => format!("{} {}", self.label(label_id), percent(confidence(prediction))),
            None => "not finite".to_owned(),
        }
    }
}

/// The probability of the predicted class; 0 without one.
pub(super) fn confidence(prediction: &Prediction) -> f64 {
    prediction.predicted().map_or(0.0, |label_id| softmax(&prediction.logits)[label_id as usize])
}

impl ModelEvidence {
    fn read(
        run: &Path,
        which: Condition,
        result: ModelResult,
        n_labels: usize,
        missing: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        let path = run.join(&result.predictions);
        if !path.is_file() {
            missing.push(format!("{} is missing from the run folder.", result.predictions));
            return Ok(Self { which, result, predicted: None });
        }
        let predictions: Vec<Prediction> = predictions::read(&path)?;
        let metrics =
            evaluate(&predictions, n_labels).map_err(bad_input).with_context(|| path.display().to_string())?;
        if metrics.n != result.metrics.n || (metrics.accuracy - result.metrics.accuracy).abs() > TOLERANCE {
            return Err(bad_input(anyhow!(
                "{}: accuracy is {} over {} rows, but run.json says {} over {}",
                path.display(),
                metrics.accuracy,
                metrics.n,
                result.metrics.accuracy,
                result.metrics.n
            )));
        }
        Ok(Self { which, result, predicted: Some((predictions, metrics)) })
    }
}

fn config(run: &Path, which: Condition) -> Option<ModelConfig> {
    let bytes = fs::read(run_dir::checkpoint_path(run, which).join("config.json")).ok()?;
    ModelConfig::from_json(&bytes).ok()
}

fn texts(path: &Path, missing: &mut Vec<String>) -> anyhow::Result<BTreeMap<String, TextLine>> {
    if !path.is_file() {
        missing.push(format!("{} is missing from the run folder, so no sentences can be shown.", run_dir::TEXTS));
        return Ok(BTreeMap::new());
    }
    let lines: Vec<TextLine> = predictions::read(path)?;
    Ok(lines.into_iter().map(|line| (line.row_hash.clone(), line)).collect())
}

/// A JSON file; none when it is not there.
fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        bytes => {
            let bytes = bytes.with_context(|| path.display().to_string())?;
            let value = serde_json::from_slice(&bytes);
            Ok(Some(value.map_err(bad_input).with_context(|| path.display().to_string())?))
        }
    }
}
