//! Taking a model over from another run that has made the very same one.

use std::fs;
use std::path::Path;

use shared::Condition;
use shared::record::{PhaseSummary, Protocol, RunRecord};

use super::prepare::Prepared;
use crate::run_dir::{self, RunDir};

/// Copies the healthy model or the control of a finished run that made it of the same healthy spec with the same numerics,
/// and lies beside this run's folder.
///
/// Spec and numerics decide the bits, so this is what training again would give. The control depends on no plan: runs that
/// damage the same healthy model in different ways share it.
pub(super) fn take_over(
    prepared: &Prepared,
    run_dir: &RunDir,
    condition: Condition,
) -> anyhow::Result<Option<PhaseSummary>> {
    let is_begun =
        run_dir.checkpoint_path(condition).is_dir() || run_dir.path().join("state").join(condition.as_str()).is_dir();
    if is_begun {
        return Ok(None);
    }
    let Some(siblings) = run_dir.path().canonicalize()?.parent().map(Path::to_owned) else { return Ok(None) };
    let mut folders: Vec<_> = fs::read_dir(siblings)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        // A folder that is not a finished run of this version is simply not a candidate.
        let Ok(Some(record)) = run_dir::read_record(&folder) else { continue };
        let checkpoint = run_dir::checkpoint_path(&folder, condition);
        if !made_alike(prepared, &record, condition) || !checkpoint.is_dir() {
            continue;
        }
        let Some(summary) = record.train.phases.iter().find(|summary| summary.phase == condition) else {
            continue;
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&checkpoint)? {
            let entry = entry?;
            files.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
        }
        files.sort();
        run_dir.write_checkpoint(condition, &files)?;
        let made_in = summary.reused_from.clone().unwrap_or(record.run_id);
        return Ok(Some(PhaseSummary { reused_from: Some(made_in), ..summary.clone() }));
    }
    Ok(None)
}

/// Whether a run has the model that this one would make.
fn made_alike(prepared: &Prepared, record: &RunRecord, condition: Condition) -> bool {
    let has_it = record.result(condition).is_some()
        && (condition == Condition::Healthy || record.spec.protocol == Protocol::Finetuned);
    has_it
        && record.spec.healthy().id() == prepared.spec.healthy().id()
        && record.numerics.as_ref() == Some(&prepared.numerics)
}
