//! `results.jsonl`: the records of all finished runs beside one another, one line each.
//!
//! Invariants: a line is complete or absent (a torn last line is dropped by the next writer); a run id is there once, so
//! repeating a command adds nothing; writers take turns, by a lock on the file itself.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use shared::record::{RunId, RunRecord};

use crate::atomic;

/// The file's name in the folder that holds the runs' folders.
pub const RESULTS: &str = "results.jsonl";

/// Whether a record had to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is the last line now, and durable.
    New,
    /// A line of this run was there already.
    AlreadyThere,
}

/// The part of a line that decides whether a run is there; records of other versions have it too.
#[derive(Deserialize)]
struct Line {
    run_id: RunId,
}

/// Appends `record` to the results of the folder `runs`, unless its run is there.
///
/// # Errors
/// When the file cannot be locked, read or written.
pub fn append(runs: &Path, record: &RunRecord) -> anyhow::Result<Appended> {
    let path = runs.join(RESULTS);
    let context = || format!("cannot append to {}", path.display());
    let is_new = !path.exists();
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).with_context(context)?;
    // Held until the file is closed, however this process ends.
    file.lock().with_context(context)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(context)?;
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // A line that is not a record was not written here; it is left alone.
    let is_there = bytes[..complete]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .any(|line| line.run_id == record.run_id);
    if is_there {
        return Ok(Appended::AlreadyThere);
    }
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    file.set_len(complete as u64).with_context(context)?;
    file.seek(SeekFrom::Start(complete as u64)).with_context(context)?;
    file.write_all(&line).and_then(|()| file.sync_all()).with_context(context)?;
    if is_new {
        atomic::sync_dir(runs).with_context(context)?;
    }
    Ok(Appended::New)
}

/// The folder that holds a run's folder, also when that is `.` or was given by a link.
pub(super) fn runs_of(run: &Path) -> anyhow::Result<Option<std::path::PathBuf>> {
    Ok(fs::canonicalize(run).with_context(|| run.display().to_string())?.parent().map(Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;
    use crate::run_dir::metrics;
    use shared::random::Seed;

    fn seeded(seed: u64) -> RunRecord {
        let mut record = record();
        record.spec.seeds.data = Seed(seed);
        record.run_id = record.spec.id();
        record
    }

    fn seeds(runs: &Path) -> Vec<u64> {
        let records: Vec<RunRecord> = metrics::read(&runs.join(RESULTS)).unwrap();
        records.iter().map(|record| record.spec.seeds.data.0).collect()
    }

    #[test]
    fn a_run_is_appended_once_however_often_its_command_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(append(folder.path(), &seeded(0)).unwrap(), Appended::New);
        assert_eq!(append(folder.path(), &seeded(1)).unwrap(), Appended::New);
        assert_eq!(append(folder.path(), &seeded(0)).unwrap(), Appended::AlreadyThere);
        assert_eq!(seeds(folder.path()), [0, 1]);
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_its_run_can_be_appended_again() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), &seeded(0)).unwrap();
        append(folder.path(), &seeded(1)).unwrap();
        let path = folder.path().join(RESULTS);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(append(folder.path(), &seeded(1)).unwrap(), Appended::New);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn lines_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RESULTS);
        fs::write(&path, "{\"someone\":\"else\"}\nnot json\n").unwrap();
        append(folder.path(), &seeded(0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"someone\":\"else\"}\nnot json\n{\"run_id\""), "{text}");
    }

    #[test]
    fn writers_at_the_same_time_lose_no_line_and_tear_none() {
        let folder = tempfile::tempdir().unwrap();
        // Each opens the file for itself, as processes do; every seed is written by two of them.
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let runs = folder.path();
                scope.spawn(move || {
                    for seed in 0..10 {
                        append(runs, &seeded(10 * (writer % 4) + seed)).unwrap();
                    }
                });
            }
        });
        let mut seeds = seeds(folder.path());
        seeds.sort_unstable();
        assert_eq!(seeds, (0..40).collect::<Vec<_>>());
    }
}
