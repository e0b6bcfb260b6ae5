//! Removing what a sweep needs only while it runs.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use shared::Condition;

use super::attempt::{self, Last};
use super::plan::{Plan, Task};
use super::status::states;
use crate::run_dir::checkpoint_path;
use crate::say;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Bytes of files.
    pub n_bytes: u64,
    /// Shared models whose weights went.
    pub n_models: usize,
    /// Shared models that cells still wait for, and that stay.
    pub n_kept: usize,
}

/// Removes the weights, full predictions and logs of shared models that no cell waits for, and what tries left at tasks
/// that are done. Results stay, and so does what a process holds.
///
/// # Errors
/// When something cannot be read or removed.
pub fn clean(plan: &Plan) -> anyhow::Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    let waiting: std::collections::BTreeSet<Task> = states(plan)?
        .into_iter()
        .filter(|(_, state)| !state.is_done())
        .flat_map(|(cell, _)| plan.needs(&Task::Cell(cell.id.clone())))
        .collect();
    let folder = plan.folder.path().join("undamaged");
    for name in super::folder::names(&folder)? {
        let path = folder.join(&name);
        if name.starts_with(".tmp-") {
            cleaned.n_bytes += remove(&path)?;
            continue;
        }
        if waiting.iter().any(|task| task.to_string() == name) {
            cleaned.n_kept += 1;
            continue;
        }
        let condition = if name.ends_with("-control") { Condition::Control } else { Condition::Healthy };
        let had_weights = checkpoint_path(&path, condition).is_dir();
        for name in ["checkpoint", "predictions", "metrics.jsonl", "phases", "numerics.json", ".lock"] {
            cleaned.n_bytes += remove(&path.join(name))?;
        }
        cleaned.n_models += usize::from(had_weights);
    }
    for task in plan.folder.attempted()? {
        let tries = plan.folder.attempts(&task);
        let is_done = task.contains('-') && !waiting.iter().any(|waiting| waiting.to_string() == task)
            || plan.folder.path().join("results").join(format!("{task}.json.zst")).is_file();
        if !is_done {
            continue;
        }
        match attempt::last(&tries)? {
            Last::Held(lease) if !attempt::looks_abandoned(&tries) => {
                say!("note: process {} on {} still works on {task}, which is done", lease.pid, lease.host);
            }
            _ => cleaned.n_bytes += remove(&tries)?,
        }
    }
    cleaned.n_bytes += remove(&plan.folder.path().join("logs"))?;
    Ok(cleaned)
}

/// Removes a file or folder that may not be there; returns the bytes that went.
fn remove(path: &Path) -> anyhow::Result<u64> {
    let n_bytes = size(path)?;
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(n_bytes),
    }
}

/// Bytes of a file, or of all files in a folder; 0 when nothing is there.
///
/// # Errors
/// When a folder cannot be read.
pub fn size(path: &Path) -> anyhow::Result<u64> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(0) };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut n_bytes = 0;
    for name in super::folder::names(path)? {
        n_bytes += size(&path.join(name))?;
    }
    Ok(n_bytes)
}
