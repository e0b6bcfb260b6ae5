//! Taking the healthy model over from another run that has made the very same one.

use std::fs;
use std::path::Path;

use shared::record::{Phase, PhaseSummary};

use super::Prepared;
use crate::cli::input::Which;
use crate::run_dir::{self, RunDir};

/// Copies the healthy checkpoint of a finished run with the same healthy spec that lies beside this run's folder.
///
/// The spec decides the bits for one machine type and thread count, so this is what training again would give.
pub(super) fn healthy(prepared: &Prepared, run_dir: &RunDir) -> anyhow::Result<Option<PhaseSummary>> {
    if run_dir.checkpoint_path(Which::Healthy).is_dir() || run_dir.path().join("state/healthy").is_dir() {
        return Ok(None);
    }
    let Some(siblings) = run_dir.path().canonicalize()?.parent().map(Path::to_owned) else { return Ok(None) };
    let wanted = prepared.spec.healthy().id();
    let mut folders: Vec<_> = fs::read_dir(siblings)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        // A folder that is not a finished run of this version is simply not a candidate.
        let Ok(Some(record)) = run_dir::read_record(&folder) else { continue };
        let checkpoint = run_dir::checkpoint_path(&folder, Which::Healthy);
        if record.healthy.is_none() || record.spec.healthy().id() != wanted || !checkpoint.is_dir() {
            continue;
        }
        let Some(summary) = record.train.phases.iter().find(|summary| summary.phase == Phase::Healthy) else {
            continue;
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&checkpoint)? {
            let entry = entry?;
            files.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
        }
        files.sort();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        run_dir.write_checkpoint(Which::Healthy, &files)?;
        let made_in = summary.reused_from.clone().unwrap_or(record.run_id);
        return Ok(Some(PhaseSummary { reused_from: Some(made_in), ..summary.clone() }));
    }
    Ok(None)
}
