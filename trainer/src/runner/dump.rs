//! Writing a fine-tuning's first checkpoint and batches, so that another program can repeat it step by step.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use shared::training::{MicroBatch, StepReport, TrainingArgs};

use crate::atomic;

/// The folder that `--dump-batches` names: `initial/` (Hugging Face layout), `training_args.json` and `batches.jsonl`,
/// one line a micro-batch.
#[derive(Clone, Debug)]
pub struct BatchDump {
    folder: PathBuf,
}

/// A dump under way.
pub(super) struct BatchWriter {
    file: BufWriter<File>,
}

impl BatchDump {
    /// # Errors
    /// Bad input when the folder holds something.
    pub fn new(folder: PathBuf) -> anyhow::Result<Self> {
        atomic::require_empty(&folder).context("--dump-batches")?;
        Ok(Self { folder })
    }

    /// Begins with the files of the first checkpoint and the recipe.
    pub(super) fn start(&self, files: &[(String, Vec<u8>)], training: &TrainingArgs) -> anyhow::Result<BatchWriter> {
        atomic::write_dir(&self.folder.join("initial"), files)?;
        atomic::write_json(&self.folder.join("training_args.json"), training)?;
        let path = self.folder.join("batches.jsonl");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(BatchWriter { file: BufWriter::new(file) })
    }
}

impl BatchWriter {
    pub(super) fn append(&mut self, report: &StepReport) -> anyhow::Result<()> {
        for MicroBatch { batch, loss, .. } in &report.batches {
            let rows = |flat: &[u32]| -> Vec<Vec<u32>> { flat.chunks(batch.n_columns).map(<[u32]>::to_vec).collect() };
            let line = json!({
                "step": report.step,
                "input_ids": rows(&batch.input_ids),
                "attention_mask": rows(&batch.attention_mask),
                "token_type_ids": rows(&batch.token_type_ids),
                "labels": batch.labels,
                "learning_rate": report.learning_rate,
                "loss": loss,
            });
            writeln!(self.file, "{line}")?;
        }
        self.file.flush()?;
        Ok(())
    }
}
