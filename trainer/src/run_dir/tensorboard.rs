//! What TensorBoard shows of a run: `tensorboard/{healthy,corrupted,healed}/events.out.tfevents.*`.
//!
//! A folder for each model, since TensorBoard draws one line a folder: `tensorboard --logdir <out>/tensorboard` lays
//! healing over the healthy fine-tuning, `--logdir runs` lays runs over one another.
//!
//! Invariant: a log says nothing that `metrics.jsonl` and the record do not say, but for times of day and speed. Event
//! files are append-only and a resumed fine-tuning takes some steps once more, so it starts a new file with the steps
//! that `metrics.jsonl` keeps; there is one file in a folder.

mod event;
mod record;

pub use event::{Content, Event, What};
pub use record::read;
use shared::Condition;

use super::atomic;
use anyhow::Context;
use event::{SESSION_START, SessionLog, Summary, Value};
use shared::record::{MetricsLine, ModelResult};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the format of which TensorBoard heeds [`SESSION_START`].
const FILE_VERSION: &str = "brain.Event:2";

/// Charts of single steps.
pub mod tags {
    /// Mean cross-entropy of a step's rows.
    pub const LOSS: &str = "train/loss";
    /// Share of a step's rows whose label was predicted.
    pub const ACCURACY: &str = "train/accuracy";
    /// The rate used by a step.
    pub const LEARNING_RATE: &str = "train/learning_rate";
    /// L2 norm of a step's gradients before clipping.
    pub const GRAD_NORM: &str = "train/grad_norm";
    /// Rows a second, in a step.
    pub const SAMPLES_PER_SEC: &str = "train/samples_per_sec";
    /// Accuracy of a finished model on the reported rows.
    pub const FINAL_ACCURACY: &str = "evaluation/accuracy";
    /// Its macro-F1.
    pub const FINAL_MACRO_F1: &str = "evaluation/macro_f1";
    /// Its mean cross-entropy.
    pub const FINAL_LOSS: &str = "evaluation/loss";
    /// The spec of the run, as text.
    pub const SPEC: &str = "spec";
}

/// The log of one model, open at its end.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
}

impl EventLog {
    /// Starts the log of a fine-tuning anew with `lines`, the steps that are kept from earlier processes.
    ///
    /// Times and speed of these steps are taken from the log that was there, as far as it has them. `spec` is JSON to
    /// show beside the charts.
    pub(super) fn start(run: &Path, which: Condition, spec: &str, lines: &[MetricsLine]) -> anyhow::Result<Self> {
        let folder = folder(run, which);
        let mut earlier = BTreeMap::new();
        if let Some(path) = file_in(&folder)? {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            earlier.extend(record::decode_until_broken(&bytes).0.into_iter().map(|event| (event.step, event)));
        }
        let steps = lines.iter().map(|line| {
            let logged = earlier.remove(&(line.step as i64));
            logged
                .filter(|event| event.scalar(tags::LOSS) == Some(line.loss as f32))
                .unwrap_or_else(|| step(line, None))
        });
        let content: Vec<u8> = head(spec).into_iter().chain(steps).flat_map(|event| record::encode(&event)).collect();
        // A new name, by which a TensorBoard that is watching knows that the old file is over.
        let name = format!("events.out.tfevents.{:010.0}.{}.bert-heal", now().floor(), std::process::id());
        atomic::write_dir(&folder, &[(name.as_str(), &content)])?;
        Self::open(folder.join(name))
    }

    /// Opens a log at its end; an incomplete last entry, which a killed process may leave, is dropped.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let context = || path.display().to_string();
        let bytes = fs::read(&path).with_context(context)?;
        let (_, rest) = record::decode_until_broken(&bytes);
        let file = File::options().append(true).open(&path).with_context(context)?;
        file.set_len((bytes.len() - rest.len()) as u64).with_context(context)?;
        Ok(Self { path, file })
    }

    /// Appends a step that took `secs`.
    pub fn append_step(&mut self, line: &MetricsLine, secs: f64) -> anyhow::Result<()> {
        self.append(&step(line, Some(secs)))
    }

    fn append(&mut self, event: &Event) -> anyhow::Result<()> {
        self.file.write_all(&record::encode(event)).with_context(|| self.path.display().to_string())
    }
}

/// Adds the judgement of a finished model after `n_steps` steps, unless it is there.
pub(super) fn append_evaluation(
    run: &Path,
    which: Condition,
    spec: &str,
    n_steps: usize,
    result: &ModelResult,
) -> anyhow::Result<()> {
    let mut log = match file_in(&folder(run, which))? {
        Some(path) => EventLog::open(path)?,
        // A corrupted model has no fine-tuning, and one that was taken over from another run has it there.
        None => EventLog::start(run, which, spec, &[])?,
    };
    if read(&log.path)?.iter().any(|event| event.scalar(tags::FINAL_ACCURACY).is_some()) {
        return Ok(());
    }
    log.append(&summary(
        n_steps,
        vec![
            Value::scalar(tags::FINAL_ACCURACY, result.accuracy),
            Value::scalar(tags::FINAL_MACRO_F1, result.macro_f1),
            Value::scalar(tags::FINAL_LOSS, result.loss),
        ],
    ))
}

/// The log of a model, if there is one.
pub fn log_path(run: &Path, which: Condition) -> anyhow::Result<Option<PathBuf>> {
    file_in(&folder(run, which))
}

fn folder(run: &Path, which: Condition) -> PathBuf {
    run.join("tensorboard").join(which.as_str())
}

fn file_in(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths.pop())
}

/// What every file begins with.
fn head(spec: &str) -> Vec<Event> {
    let at_start = |what| Event { wall_time: now(), step: 0, what: Some(what) };
    vec![
        at_start(What::FileVersion(FILE_VERSION.to_owned())),
        at_start(What::SessionLog(SessionLog { status: SESSION_START })),
        summary(0, vec![Value::text(tags::SPEC, &format!("```json\n{spec}\n```"))]),
    ]
}

fn step(line: &MetricsLine, secs: Option<f64>) -> Event {
    let mut values = vec![
        Value::scalar(tags::LOSS, line.loss),
        Value::scalar(tags::ACCURACY, line.accuracy),
        Value::scalar(tags::LEARNING_RATE, line.learning_rate),
        Value::scalar(tags::GRAD_NORM, line.grad_norm),
    ];
    values.extend(secs.map(|secs| Value::scalar(tags::SAMPLES_PER_SEC, line.samples as f64 / secs)));
    summary(line.step, values)
}

fn summary(step: usize, values: Vec<Value>) -> Event {
    Event { wall_time: now(), step: step as i64, what: Some(What::Summary(Summary { values })) }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
