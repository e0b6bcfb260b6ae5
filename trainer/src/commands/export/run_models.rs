//! A finished run, as far as a bundle is made of it: its models, its rows, and its control.

use shared::Condition;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use shared::bundle::{ControlEntry, FineTuned, Manifest};
use shared::checkpoint::{Checkpoint, Treatment};
use shared::dataset::{Example, Limits};
use shared::evaluation::Prediction;
use shared::random::Seed;
use shared::record::{RunRecord, RunStatus, TextLine};
use shared::training::TrainingArgs;

use crate::dataset_request::DatasetRequest;
use crate::exit_code::bad_input;
use crate::open_dataset::Purpose;
use crate::open_model::{ModelSource, TokenizerSource, Weights};
use crate::run_dir::{self, predictions};
use crate::say;

/// A finished run.
pub(super) struct RunModels {
    path: PathBuf,
    pub(super) record: RunRecord,
}

impl RunModels {
    /// Opens the folder of a run that came to its end.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let refuse = |why: String| Err(bad_input(anyhow!("run {}: {why}", path.display())));
        if !run_dir::is_run_dir(path) {
            return refuse(
                "expected a run folder (made by bert-heal run), or a bundle together with --healed RUN".to_owned(),
            );
        }
        let Some(record) = run_dir::read_record(path)? else {
            return refuse("it is not finished; repeat its bert-heal run command to resume it".to_owned());
        };
        if let RunStatus::Failed { phase, step, reason, .. } = &record.status {
            return refuse(format!(
                "it failed while fine-tuning the {} model: {reason} at step {step}",
                phase.as_str()
            ));
        }
        Ok(Self { path: path.to_owned(), record })
    }

    /// How a message calls it.
    pub(super) fn name(&self) -> String {
        format!("run {}", self.path.display())
    }

    /// One of its models.
    pub(super) fn checkpoint(&self, which: Condition) -> anyhow::Result<Checkpoint> {
        ModelSource::open(&self.path.to_string_lossy(), Some(which), Weights::Read)?.load(None, Seed(0), &Device::Cpu)
    }

    /// The tokenizer of its models.
    pub(super) fn tokenizer(&self) -> anyhow::Result<TokenizerSource> {
        ModelSource::open(&self.path.to_string_lossy(), Some(Condition::Healthy), Weights::Read)?.tokenizer(&[])
    }

    /// What one of its models said about the held-out rows.
    pub(super) fn predictions(&self, which: Condition) -> anyhow::Result<Vec<Prediction>> {
        predictions::read(&self.path.join(run_dir::predictions_name(which.as_str())))
    }

    /// The rows that it was reported on, in their order.
    pub(super) fn held_out(&self) -> anyhow::Result<Vec<Example>> {
        let texts: Vec<TextLine> = predictions::read(&self.path.join(run_dir::TEXTS))?;
        let predictions = self.predictions(Condition::Healthy)?;
        let rows = texts.into_iter().zip(&predictions).map(|(line, prediction)| {
            let row = line.into_example(prediction.label);
            let is_it = row.row_hash() == prediction.row_hash;
            is_it.then_some(row).ok_or_else(|| anyhow!("{}: the texts and the predictions do not match", self.name()))
        });
        rows.collect()
    }

    /// Hashes of the rows that it learnt from; none when no dataset is given.
    pub(super) fn training_rows(&self, dataset: Option<&DatasetRequest>) -> anyhow::Result<Vec<String>> {
        let Some(dataset) = dataset else {
            say!("note: without --dataset the bundle does not record which rows its models were trained on");
            return Ok(Vec::new());
        };
        let (opened, _) = dataset.open(Purpose::Train, self.record.spec.seeds.into(), None)?;
        let (got, expected) = (opened.dataset.content_hash(), &self.record.spec.dataset.content_sha256);
        if got != *expected {
            let is_whole = dataset.limits == Limits::default();
            let hint = if is_whole { " (give the same --train-limit and other row flags as in the run)" } else { "" };
            return Err(bad_input(anyhow!(
                "--dataset {}: expected the rows of {}{hint}, SHA-256 {expected}, got {got}",
                dataset.name,
                self.name()
            )));
        }
        Ok(opened.dataset.train.iter().map(Example::row_hash).collect())
    }

    /// What a bundle says of its fine-tuning.
    pub(super) fn fine_tuned(&self) -> anyhow::Result<FineTuned> {
        let RunRecord { run_id, spec, environment, .. } = &self.record;
        Ok(FineTuned {
            run_id: run_id.clone(),
            spec: serde_json::to_value(spec)?,
            program: format!("bert-heal {} (commit {})", environment.version, environment.commit),
        })
    }

    /// What one of the run's models, its control or what stands for one, says of the held-out rows.
    pub(super) fn control(&self, which: Condition, budget: String) -> anyhow::Result<Option<ControlEntry>> {
        let Some(result) = self.record.result(which) else {
            say!(
                "note: {} was made by an older version and has no control, so the bundle has none either",
                self.name()
            );
            return Ok(None);
        };
        let predictions = self.predictions(which)?;
        Ok(Some(ControlEntry {
            budget,
            fine_tuned: self.fine_tuned()?,
            n: predictions.len(),
            accuracy: result.metrics.accuracy,
            answers: (&result.metrics).into(),
            predicted: predictions.iter().map(Prediction::predicted).collect(),
        }))
    }

    /// The plan and seed of the damage.
    pub(super) fn damage(&self) -> anyhow::Result<(&str, Seed)> {
        let plan = self.record.spec.corruption.as_deref();
        let plan = plan.with_context(|| format!("{}: the run has no corruption (--corrupt)", self.name()));
        Ok((plan.map_err(bad_input)?, self.record.spec.seeds.corruption))
    }
}

/// The budget of a bundle's healthy model that a run fine-tuned once more: that of the bundle, as far as its manifest tells,
/// and that of the run.
pub(super) fn healing_budget(manifest: &Manifest, healing: &TrainingArgs) -> anyhow::Result<String> {
    let spec = manifest.fine_tuned.as_ref().map(|fine_tuned| &fine_tuned.spec["training"]);
    let max_steps = spec.and_then(|spec| spec.get("max_steps")?.as_u64()).map(|n| n as usize);
    let Some(last) = spec.and_then(|spec| spec.get("epochs")?.as_f64()).map(|epochs| length(max_steps, epochs)) else {
        return Ok(words("the bundle's own fine-tuning", healing));
    };
    let config = manifest.config()?;
    let is_fine_tuning = |treatment: &&Treatment| matches!(treatment, Treatment::FineTuned { .. });
    Ok(match config.history.treatments().iter().filter(is_fine_tuning).count() {
        0 | 1 => words(&last, healing),
        // The manifest has the settings of the last one only.
        n => words(&format!("{n} fine-tunings, the last of {last},"), healing),
    })
}

/// `after 3 + 3 epochs`, or with both units where they differ.
fn words(first: &str, second: &TrainingArgs) -> String {
    let second = length(second.max_steps, second.epochs);
    match (first.split_once(' '), second.split_once(' ')) {
        (Some((n, unit)), Some((_, other))) if unit == other && n.parse::<f64>().is_ok() => {
            format!("after {n} + {second}")
        }
        _ => format!("after {first} + {second}"),
    }
}

fn length(max_steps: Option<usize>, epochs: f64) -> String {
    match max_steps {
        Some(n) => format!("{n} steps"),
        None => format!("{epochs} epochs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::words::control_budget;

    #[test]
    fn budgets_are_added_up_in_words() {
        let epochs = |epochs| TrainingArgs { epochs, max_steps: None, ..TrainingArgs::default() };
        let steps = |n| TrainingArgs { max_steps: Some(n), ..TrainingArgs::default() };
        assert_eq!(control_budget(&epochs(3.0)), "after 3 + 3 epochs");
        assert_eq!(words("2 epochs", &epochs(1.0)), "after 2 + 1 epochs");
        assert_eq!(words("2 epochs", &epochs(0.5)), "after 2 + 0.5 epochs");
        assert_eq!(words("30 steps", &steps(20)), "after 30 + 20 steps");
        assert_eq!(words("3 epochs", &steps(20)), "after 3 epochs + 20 steps");
        let twice = "2 fine-tunings, the last of 1 epochs,";
        assert_eq!(words(twice, &epochs(3.0)), "after 2 fine-tunings, the last of 1 epochs, + 3 epochs");
    }
}
