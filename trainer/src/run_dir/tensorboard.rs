//! What TensorBoard shows of a run: `tensorboard/{healthy,corrupted,healed}/events.out.tfevents.*`.
//!
//! A folder for each model, since TensorBoard draws one line a folder: `tensorboard --logdir <out>/tensorboard` lays
//! healing over the healthy fine-tuning, `--logdir runs` lays runs over one another.
//!
//! Invariants: a log says nothing that `metrics.jsonl` and the record do not say, but for times of day and speed. There is
//! one file in a folder, which is only ever appended to: TensorBoard's Python loader, the only one on Windows, Apple
//! Silicon and arm64 Linux, stands still for ever when the file that it reads is removed. A resumed fine-tuning takes some
//! steps once more; a session start at the first of them makes readers forget what they had from there on.

mod event;

pub use event::{Content, Event, What};
use shared::Condition;

use crate::atomic;
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
    /// Opens the log of a fine-tuning of which `lines`, the steps up to now, are kept from earlier processes.
    ///
    /// What the log says otherwise, lacks, or has of later steps is replaced from there on; times and speed of the other
    /// steps stay. `spec` is JSON to show beside the charts.
    pub(super) fn start(run: &Path, which: Condition, spec: &str, lines: &[MetricsLine]) -> anyhow::Result<Self> {
        let folder = folder(run, which);
        let Some(path) = file_in(&folder)? else {
            let events = head(spec).into_iter().chain(lines.iter().map(|line| step(line, None)));
            let content: Vec<u8> = events.flat_map(|event| event::encode(&event)).collect();
            let name = format!("events.out.tfevents.{:010.0}.{}.bert-heal", now().floor(), std::process::id());
            let path = folder.join(name);
            atomic::write_file(&path, &content)?;
            return Self::open(path);
        };
        let (mut log, events) = Self::open_with_events(path)?;
        let logged: BTreeMap<i64, f32> =
            shown(events).iter().filter_map(|event| Some((event.step, event.scalar(tags::LOSS)?))).collect();
        let is_there = |line: &&MetricsLine| logged.get(&(line.step as i64)) == Some(&(line.loss as f32));
        let kept = lines.iter().take_while(is_there).count();
        let last_kept = kept.checked_sub(1).map_or(0, |last| lines[last].step as i64);
        // Also where nothing has to be forgotten: it marks where this process began.
        log.append(&session_start(last_kept + 1))?;
        lines[kept..].iter().try_for_each(|line| log.append(&step(line, None)))?;
        Ok(log)
    }

    /// Opens a log at its end; an incomplete last entry, which a killed process may leave, is dropped.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        Self::open_with_events(path).map(|(log, _)| log)
    }

    /// As [`EventLog::open`], with the events that are there.
    fn open_with_events(path: PathBuf) -> anyhow::Result<(Self, Vec<Event>)> {
        let context = || path.display().to_string();
        let bytes = fs::read(&path).with_context(context)?;
        let (events, rest) = event::decode_until_broken(&bytes);
        let file = File::options().append(true).open(&path).with_context(context)?;
        if !rest.is_empty() {
            atomic::cut(&path, (bytes.len() - rest.len()) as u64).with_context(context)?;
        }
        Ok((Self { path, file }, events))
    }

    /// Appends a step that took `secs`.
    pub fn append_step(&mut self, line: &MetricsLine, secs: f64) -> anyhow::Result<()> {
        self.append(&step(line, Some(secs)))
    }

    fn append(&mut self, event: &Event) -> anyhow::Result<()> {
        self.file.write_all(&event::encode(event)).with_context(|| self.path.display().to_string())
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
    let (mut log, events) = match file_in(&folder(run, which))? {
        Some(path) => EventLog::open_with_events(path)?,
        // A corrupted model has no fine-tuning, and one that was taken over from another run has it there.
        None => (EventLog::start(run, which, spec, &[])?, Vec::new()),
    };
    if shown(events).iter().any(|event| event.scalar(tags::FINAL_ACCURACY).is_some()) {
        return Ok(());
    }
    log.append(&summary(
        n_steps,
        vec![
            Value::scalar(tags::FINAL_ACCURACY, result.metrics.accuracy),
            Value::scalar(tags::FINAL_MACRO_F1, result.metrics.macro_f1),
            Value::scalar(tags::FINAL_LOSS, result.metrics.loss.unwrap_or(f64::NAN)),
        ],
    ))
}

/// The events of a log as TensorBoard shows them: without what a later session start takes back.
///
/// # Errors
/// When the file cannot be read, or an entry of it is damaged.
pub fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    Ok(shown(event::read(path)?))
}

/// Without what a later session start takes back. Source: `_maybe_purge_orphaned_data` in TensorBoard's
/// `plugin_event_accumulator.py`.
fn shown(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().fold(Vec::new(), |mut shown, event| {
        if matches!(event.what, Some(What::SessionLog(SessionLog { status: SESSION_START }))) {
            shown
                .retain(|earlier: &Event| earlier.step < event.step || !matches!(earlier.what, Some(What::Summary(_))));
        }
        shown.push(event);
        shown
    })
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
        // Readers pass over the first session start of a file, so that one of a resumed run must not be the first.
        session_start(0),
        summary(0, vec![Value::text(tags::SPEC, &format!("```json\n{spec}\n```"))]),
    ]
}

/// Readers forget what they had at `step` and later.
fn session_start(step: i64) -> Event {
    Event { wall_time: now(), step, what: Some(What::SessionLog(SessionLog { status: SESSION_START })) }
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
