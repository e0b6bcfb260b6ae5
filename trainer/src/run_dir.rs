//! The folder of a run.
//!
//! ```text
//! <out>/  numerics.json  spec.json  run.json  metrics.jsonl  predictions/<name>.jsonl.zst  texts.jsonl.zst
//!         corruption.json  command.json  checkpoint/{healthy,control,corrupted,healed}/  state/<phase>/step-<n>/
//!         tensorboard/{healthy,control,corrupted,healed}/events.out.tfevents.*  report/
//! ../results.jsonl
//! ```
//!
//! Invariants: only one process at a time holds a [`RunDir`]; a file or folder in it is complete or absent (but for the
//! last line of `metrics.jsonl` and the last entry of an event file); all of it belongs to the one spec in `spec.json` and was computed
//! as `numerics.json` says; these two are written first, `spec.json` as the second. A folder
//! that got nothing else when its [`RunDir`] is dropped is removed again, so bad input leaves no trace.

pub mod metrics;
pub(crate) mod predictions;
pub(crate) mod results;
pub(crate) mod state;
pub mod tensorboard;

use crate::atomic;
use crate::exit_code::bad_input;
use anyhow::{Context, anyhow};
use metrics::MetricsLog;
use serde::Serialize;
use serde_json::Value;
use shared::Condition;
use shared::record::{MetricsLine, ModelResult, Numerics, RunRecord, RunSpec, first_difference};
use state::StateStore;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use tensorboard::EventLog;

const LOCK: &str = ".lock";
const SPEC: &str = "spec.json";
const NUMERICS: &str = "numerics.json";
const RECORD: &str = "run.json";

/// The log of optimiser steps in a run's folder.
pub const METRICS: &str = "metrics.jsonl";
/// The texts of the reported rows: lines of [`shared::record::TextLine`].
pub const TEXTS: &str = "texts.jsonl.zst";
/// What the corruption did: a [`shared::record::CorruptionDetail`].
pub const CORRUPTION: &str = "corruption.json";
/// The words of the command that ended the run, as a list. It may hold paths, so it is no part of the record.
pub const COMMAND: &str = "command.json";

/// A run's folder, held by this process.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// The lock is the open file; it ends with the process, however that ends.
    _lock: File,
    /// The folders that did not exist before, outermost first.
    created: Vec<PathBuf>,
    /// Whether this process wrote `spec.json`.
    is_new: bool,
}

impl RunDir {
    /// Takes the folder `path` for a run of `spec` that `numerics` computes, making it when it does not exist.
    ///
    /// # Errors
    /// Bad input when another process holds it, when it holds a run of another spec or an unfinished one of other numerics
    /// (the message names the first field that differs), or when it holds something that is not a run.
    pub fn open(path: &Path, spec: &RunSpec, numerics: &Numerics) -> anyhow::Result<Self> {
        let created = atomic::create_dirs(path)?;
        // From here on, dropping it on an error removes what was made.
        let mut run_dir = Self { path: path.to_owned(), _lock: lock(path)?, created, is_new: false };
        let checkpoints =
            [Condition::Healthy, Condition::Corrupted, Condition::Healed].map(|which| checkpoint_path(path, which));
        let others = ["checkpoint", "predictions", "tensorboard"].map(|name| path.join(name));
        for folder in checkpoints.into_iter().chain(others).chain([path.to_owned()]) {
            if folder.exists() {
                atomic::remove_leftovers(&folder)?;
            }
        }
        run_dir.claim(spec, numerics).with_context(|| path.display().to_string())?;
        Ok(run_dir)
    }

    /// Writes `numerics.json` and `spec.json`, or compares with those that are there.
    fn claim(&mut self, spec: &RunSpec, numerics: &Numerics) -> anyhow::Result<()> {
        let asked = serde_json::to_value(spec)?;
        let spec_path = self.path.join(SPEC);
        if spec_path.exists() {
            let there: Value = serde_json::from_slice(&fs::read(&spec_path)?)
                .map_err(|error| bad_input(anyhow!(error).context(format!("{SPEC} is not JSON"))))?;
            return match first_difference(&there, &asked) {
                None => self.check_numerics(numerics),
                Some(difference) => {
                    Err(bad_input(anyhow!("already holds a different run: {difference} (choose another --out)")))
                }
            };
        }
        if let Some(name) = self.content()? {
            let name = name.display();
            return Err(bad_input(anyhow!(
                "is not a run folder: it contains {name} but no {SPEC} (choose another --out)"
            )));
        }
        self.is_new = true;
        atomic::write_json(&self.path.join(NUMERICS), numerics)?;
        atomic::write_json(&spec_path, &asked)
    }

    /// A run is computed by one and the same arithmetic from its first step to its last. One that is finished may be
    /// looked at anywhere.
    fn check_numerics(&self, now: &Numerics) -> anyhow::Result<()> {
        if self.path.join(RECORD).exists() {
            return Ok(());
        }
        let path = self.path.join(NUMERICS);
        let there: Numerics = fs::read(&path)
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
            .map_err(bad_input)
            .with_context(|| format!("{NUMERICS} cannot be read, so it is unknown what this run was computed with"))?;
        match there.difference(now) {
            None => Ok(()),
            Some(difference) => Err(bad_input(anyhow!(
                "this run was started with different numerics: {difference}; resuming here would mix results (choose \
                 another --out, or resume it where it was started)"
            ))),
        }
    }

    /// The name of something that is more than the frame of a run's folder, when there is such a thing.
    fn content(&self) -> anyhow::Result<Option<OsString>> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            if name != LOCK && name != SPEC && name != NUMERICS {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the checkpoint of one of the models lies.
    #[must_use]
    pub fn checkpoint_path(&self, which: Condition) -> PathBuf {
        checkpoint_path(&self.path, which)
    }

    /// Puts a checkpoint in place as a whole; `files` are names and contents.
    pub fn write_checkpoint(
        &self,
        which: Condition,
        files: &[(impl AsRef<str>, impl AsRef<[u8]>)],
    ) -> anyhow::Result<()> {
        atomic::write_dir(&self.checkpoint_path(which), files)
    }

    /// The training states of this run.
    #[must_use]
    pub fn states(&self) -> StateStore {
        StateStore::new(self.path.join("state"))
    }

    /// The log of optimiser steps.
    pub fn metrics(&self) -> anyhow::Result<MetricsLog> {
        MetricsLog::open(&self.path.join(METRICS))
    }

    /// Opens TensorBoard's log of a fine-tuning after the steps that `metrics.jsonl` has of it.
    pub fn event_log(&self, phase: Condition, spec: &RunSpec) -> anyhow::Result<EventLog> {
        let mut lines: Vec<MetricsLine> = metrics::read(&self.path.join(METRICS))?;
        lines.retain(|line| line.phase == phase);
        EventLog::start(&self.path, phase, &serde_json::to_string_pretty(spec)?, &lines)
    }

    /// Adds the judgement of one of the models, made after `n_steps` steps, to TensorBoard's log of it.
    pub fn log_result(
        &self,
        which: Condition,
        spec: &RunSpec,
        n_steps: usize,
        result: &ModelResult,
    ) -> anyhow::Result<()> {
        tensorboard::append_evaluation(&self.path, which, &serde_json::to_string_pretty(spec)?, n_steps, result)
    }

    /// Where the predictions called `name` lie, absolutely.
    #[must_use]
    pub fn predictions_path(&self, name: &str) -> PathBuf {
        self.path.join(predictions_name(name))
    }

    /// Writes the record of the finished run; with it the run is done.
    pub fn write_record(&self, record: &RunRecord) -> anyhow::Result<()> {
        atomic::write_json(&self.path.join(RECORD), record)
    }

    /// Adds the record to `results.jsonl` of the folder that this one lies in, unless it is there.
    pub fn append_to_results(&self, record: &RunRecord) -> anyhow::Result<()> {
        if let Some(runs) = results::runs_of(&self.path)? {
            results::append(&runs, record)?;
        }
        Ok(())
    }

    /// Puts another JSON file in place as a whole.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        atomic::write_json(&self.path.join(name), value)
    }

    /// The record, when this run is finished.
    pub fn read_record(&self) -> anyhow::Result<Option<RunRecord>> {
        read_record(&self.path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if self.is_new && matches!(self.content(), Ok(None)) {
            atomic::remove_file_if_there(&self.path.join(SPEC));
            atomic::remove_file_if_there(&self.path.join(NUMERICS));
        }
        // A run of an earlier process stays, and so does one of this process that has content. The lock is still held here;
        // see `lock` for those who have opened its file already.
        if !self.path.join(SPEC).exists() {
            atomic::remove_file_if_there(&self.path.join(LOCK));
            // Only empty folders go, innermost first.
            for folder in self.created.iter().rev() {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
    }
}

/// Where the checkpoint of one of the models of the run in `run` lies.
#[must_use]
pub fn checkpoint_path(run: &Path, which: Condition) -> PathBuf {
    run.join("checkpoint").join(which.as_str())
}

/// The path of the predictions called `name`, relative to the run's folder, as records have it.
#[must_use]
pub fn predictions_name(name: &str) -> String {
    format!("predictions/{name}.jsonl.zst")
}

/// Whether `path` is the folder of a run, finished or not.
#[must_use]
pub fn is_run_dir(path: &Path) -> bool {
    path.join(SPEC).is_file()
}

/// The record of the run in `path`; none when it is not finished.
///
/// # Errors
/// When there is a record that this version cannot read.
pub fn read_record(path: &Path) -> anyhow::Result<Option<RunRecord>> {
    let path = path.join(RECORD);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.with_context(|| path.display().to_string())?,
    };
    let record = serde_json::from_slice(&bytes);
    Ok(Some(record.with_context(|| format!("{} is not a record that this version can read", path.display()))?))
}

/// Takes the lock of a run's folder away from a process that has lost its right to it, and may not know yet: who opens the
/// folder next locks another file.
///
/// # Errors
/// When the file system fails.
pub fn take_lock_away(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(LOCK);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

/// Locks a folder against other processes.
///
/// The process that holds the lock may remove its file. Who had opened that file before then locks one that no longer has
/// a name, while the next process makes a new one, and both would believe to be alone. So a lock counts only when the file
/// of that name is, after locking, the one that was locked.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let context = || format!("cannot lock {}", folder.display());
    loop {
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).with_context(context)?;
        match file.try_lock() {
            Ok(()) => {
                // The holder's number tells the files apart, and is for people who wonder; the lock itself is in the
                // kernel and goes with the process.
                let holder = format!("{}\n", std::process::id());
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                let is_another = match fs::read_to_string(&path) {
                    Ok(content) => content != holder,
                    // Where locks keep others from reading, a file that cannot be read is this locked one.
                    Err(error) => error.kind() == std::io::ErrorKind::NotFound,
                };
                if !is_another {
                    return Ok(file);
                }
            }
            Err(TryLockError::WouldBlock) => {
                // Where locks keep others from reading, its number is not to be had.
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("another process (pid {pid})"),
                };
                return Err(bad_input(anyhow!("{}: {holder} is using this folder", folder.display())));
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
