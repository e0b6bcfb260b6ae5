//! The results of tasks: files that appear whole and once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::evaluation::CompactPredictions;
use shared::record::{ModelResult, Numerics, PhaseSummary, RunRecord, RunSpec, RunStatus, TextLine};

use super::folder::SweepFolder;
use super::settings::SettingsId;
use crate::atomic;
use crate::exit_code::bad_input;
use crate::run_dir::predictions;

/// What a cell leaves: a function of its settings, the files that they name, and the numerics; times are elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// Of its settings.
    pub cell: SettingsId,
    /// The record, without measurements.
    pub record: RunRecord,
    /// The hash that names the file of its reported rows.
    pub rows: String,
    /// Of its own models; those of the shared ones are with them.
    pub predictions: BTreeMap<Condition, CompactPredictions>,
    /// The shared models that it was compared with.
    pub undamaged: SettingsId,
}

/// What a shared model leaves beside its weights: `undamaged/<id>-<condition>/model.json.zst`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedModel {
    /// Which of the two.
    pub condition: Condition,
    /// The spec of the run without damage.
    pub spec: RunSpec,
    /// What computed it.
    pub numerics: Numerics,
    /// Whether its fine-tuning came to its end.
    pub status: RunStatus,
    /// What it took, without measurements; none when the fine-tuning before it failed.
    pub phase: Option<PhaseSummary>,
    /// How good it is; none when its fine-tuning failed.
    pub result: Option<ModelResult>,
    /// SHA-256 (hex) of its weights.
    pub sha256: Option<String>,
    /// What it said of the reported rows.
    pub predictions: CompactPredictions,
    /// The hash that names the file of the reported rows.
    pub rows: String,
}

/// What a task took: `costs/<task>.json`. It differs from one try to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The task.
    pub task: String,
    /// Seconds from its start to its result, in the process that published it.
    pub secs: f64,
    /// Of these, seconds in optimiser steps.
    pub training_secs: f64,
    /// Of these, seconds in which models were evaluated.
    pub evaluation_secs: f64,
    /// Optimiser steps, of all processes.
    pub steps: usize,
    /// The largest resident set of the process so far, in MiB.
    pub peak_rss_mib: Option<f64>,
    /// CPU threads.
    pub threads: usize,
    /// The machine.
    pub host: String,
    /// The number of the try.
    pub attempt: u32,
    /// The steps from which it was resumed.
    pub resumed_from: Vec<usize>,
    /// Seconds since 1970 when it ended, by that machine's clock.
    pub ended: u64,
}

/// One of the reported rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedRow {
    /// The true class.
    pub label: u32,
    /// Its text.
    pub text: TextLine,
}

/// Whether a result was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// This is the one.
    First,
    /// Another try was faster, and its result is the same byte for byte.
    Duplicate,
}

impl CellResult {
    /// Reads the result of a cell; none when there is none.
    ///
    /// # Errors
    /// Bad input when it is not what this version writes.
    pub fn read(folder: &SweepFolder, cell: &SettingsId) -> anyhow::Result<Option<Self>> {
        read_zst(&folder.result(cell))
    }

    /// Puts it in its place, unless there is one.
    ///
    /// # Errors
    /// When the one that is there is another: then something does not depend on spec and numerics alone.
    pub fn publish(&self, folder: &SweepFolder) -> anyhow::Result<Published> {
        publish(&folder.result(&self.cell), &to_zst(self)?)
    }
}

/// The name of a shared model's file in its folder.
pub const SHARED_MODEL: &str = "model.json.zst";

impl SharedModel {
    /// Reads the shared model of a condition; none when there is none.
    ///
    /// # Errors
    /// Bad input when it is not what this version writes.
    pub fn read(folder: &SweepFolder, of: &SettingsId, condition: Condition) -> anyhow::Result<Option<Self>> {
        read_zst(&folder.undamaged(of, condition).join(SHARED_MODEL))
    }

    /// As bytes.
    ///
    /// # Errors
    /// Never, in effect.
    pub fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        to_zst(self)
    }
}

/// The hash that names these rows.
#[must_use]
pub fn rows_hash(rows: &[ReportedRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(row.text.row_hash.as_bytes());
        hash.update(row.label.to_le_bytes());
    }
    let mut hash = hex::encode(hash.finalize());
    hash.truncate(16);
    hash
}

/// Keeps the reported rows, unless they are there.
///
/// # Errors
/// When the disk fails.
pub fn keep_rows(folder: &SweepFolder, rows: &[ReportedRow]) -> anyhow::Result<String> {
    let hash = rows_hash(rows);
    let path = folder.rows(&hash);
    if !path.exists() {
        predictions::write(&path, rows)?;
    }
    Ok(hash)
}

/// Compressed JSON: the same value gives the same bytes.
fn to_zst(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    const LEVEL: i32 = 9;
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    serde_json::to_writer(&mut encoder, value)?;
    Ok(encoder.finish()?)
}

fn read_zst<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    /// More than that is no result of ours.
    const MAX_BYTES: u64 = 256 << 20;
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| path.display().to_string())?,
    };
    let read = || -> anyhow::Result<T> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(zstd::Decoder::new(file)?, MAX_BYTES), &mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    let value = read().map_err(bad_input);
    Ok(Some(value.with_context(|| format!("{} is not a result that this version can read", path.display()))?))
}

/// Puts bytes at `path` unless something is there, in one step that nobody else can be part of.
fn publish(path: &Path, bytes: &[u8]) -> anyhow::Result<Published> {
    let context = || format!("cannot write {}", path.display());
    let folder = path.parent().expect("a result lies in a folder");
    atomic::create_dirs(folder)?;
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder).with_context(context)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(context)?;
    atomic::make_readable(file.as_file()).with_context(context)?;
    crate::failpoint::reached("publish.before");
    match file.persist_noclobber(path) {
        Ok(_) => {
            atomic::sync_dir(folder).with_context(context)?;
            crate::failpoint::reached("publish.after");
            Ok(Published::First)
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::read(path).with_context(context)?;
            if there == bytes {
                return Ok(Published::Duplicate);
            }
            Err(anyhow!(
                "{}: another process has published another result of the same cell; it stays (are there two versions of \
                 the program, or two kinds of processors?)",
                path.display()
            ))
        }
        Err(error) => Err(error.error).with_context(context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_result_stays_and_another_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results/cell.json.zst");
        assert_eq!(publish(&path, b"result").unwrap(), Published::First);
        assert_eq!(publish(&path, b"result").unwrap(), Published::Duplicate);
        let error = publish(&path, b"other").unwrap_err();
        assert!(error.to_string().contains("another result of the same cell"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"result");
        // Nothing temporary is left.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
