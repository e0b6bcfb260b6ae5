//! A finished run, as far as a bundle is made of it.

use shared::Condition;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use shared::bundle::FineTuned;
use shared::checkpoint::Checkpoint;
use shared::dataset::{Example, Limits, row_hash};
use shared::evaluation::Prediction;
use shared::record::{RunRecord, RunStatus, TextLine};
use shared::seed::Seed;

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
            return refuse("expected the folder of a run (bert-heal run), or a bundle with --healed RUN".to_owned());
        }
        let Some(record) = run_dir::read_record(path)? else {
            return refuse("it is not finished: the same bert-heal run goes on where it was".to_owned());
        };
        if let RunStatus::Failed { phase, step, reason, .. } = &record.status {
            return refuse(format!("it failed in fine-tuning the {} model: {reason} at step {step}", phase.as_str()));
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
            let row = Example { text: line.text, label: prediction.label };
            let is_it = row_hash(&row.text, row.label) == prediction.row_hash;
            is_it.then_some(row).ok_or_else(|| anyhow!("{}: texts and predictions do not belong together", self.name()))
        });
        rows.collect()
    }

    /// Hashes of the rows that it learnt from; none when no dataset is given.
    pub(super) fn training_rows(&self, dataset: Option<&DatasetRequest>) -> anyhow::Result<Vec<String>> {
        let Some(dataset) = dataset else {
            say!("note: without --dataset the bundle does not tell which rows its models learnt from");
            return Ok(Vec::new());
        };
        let (opened, _) = dataset.open(Purpose::Train, self.record.spec.seeds.into(), None)?;
        let (got, expected) = (opened.dataset.content_hash(), &self.record.spec.dataset.content_sha256);
        if got != *expected {
            let is_whole = dataset.limits == Limits::default();
            let hint = if is_whole { " (with the same --train-limit and so on)" } else { "" };
            return Err(bad_input(anyhow!(
                "--dataset {}: expected the rows of {}{hint}, SHA-256 {expected}, got {got}",
                dataset.name,
                self.name()
            )));
        }
        Ok(opened.dataset.train.iter().map(|row| row_hash(&row.text, row.label)).collect())
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

    /// The plan and seed of the damage.
    pub(super) fn damage(&self) -> anyhow::Result<(&str, Seed)> {
        let plan = self.record.spec.corruption.as_deref();
        let plan = plan.with_context(|| format!("{}: it corrupted nothing (--corrupt)", self.name()));
        Ok((plan.map_err(bad_input)?, self.record.spec.seeds.corruption))
    }
}
