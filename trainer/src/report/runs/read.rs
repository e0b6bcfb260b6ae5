//! Many runs, read: a results file, a folder with one at its top, or a folder of run folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::evaluation::{CompactPredictions, Prediction};
use shared::evidence::{EvaluatedRow, Problem, Results, RowPredictions};
use shared::record::{RunRecord, TextLine};

use crate::exit_code::bad_input;
use crate::run_dir::{self, predictions};
use crate::sweep::{self, CellResult, Plan, ReportedRow, SharedModel, SweepFolder};

/// More than that is no results file of ours.
const MAX_RESULTS_BYTES: u64 = 1 << 30;

/// The file of records at the top of a folder.
const RESULTS: &str = "results.jsonl";

/// What a path holds.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Each once, in the order of their folders, or of the lines.
    pub(super) records: Vec<RunRecord>,
    /// Of the runs whose models' predictions are all there.
    pub(super) predictions: Vec<RowPredictions>,
    /// What could not be read.
    pub(super) notes: Vec<String>,
}

/// Whether a path holds many runs: a results file, or a folder that is no run itself.
#[must_use]
pub fn holds_many(path: &Path) -> bool {
    path.is_file() || (path.is_dir() && !run_dir::is_run_dir(path))
}

impl Read {
    /// Reads the runs of a folder (its runs, or those of folders in it), with the predictions of every row; or the lines of a
    /// `results.jsonl`, which may be at the top of a folder without runs in it.
    ///
    /// # Errors
    /// Bad input when there is no run, a record is none, or a file is damaged.
    pub(super) fn path(path: &Path) -> anyhow::Result<Self> {
        let mut read = Self::default();
        if SweepFolder::is_one(path) {
            read.sweep(path)?;
        } else if path.is_file() {
            read.records = results(path, &mut read.notes)?;
        } else {
            let (folders, at_top) = (run_folders(path)?, path.join(RESULTS));
            if folders.is_empty() && at_top.is_file() {
                read.records = results(&at_top, &mut read.notes)?;
            } else {
                read.folders(&folders)?;
            }
        }
        if read.records.is_empty() {
            return Err(bad_input(anyhow!(
                "{}: expected a run folder, a folder of runs, or a results.jsonl or a folder with one, but found no finished \
                 run in it",
                path.display()
            )));
        }
        Ok(read)
    }

    /// The results of a sweep, as far as there are any, with the predictions of the models that its cells share.
    fn sweep(&mut self, path: &Path) -> anyhow::Result<()> {
        let plan = Plan::open(path)?;
        let mut rows = BTreeMap::new();
        let mut shared = BTreeMap::new();
        let mut n_missing = 0;
        for (cell, state) in sweep::states(&plan)? {
            if !state.is_done() {
                n_missing += 1;
                continue;
            }
            let Some(result) = CellResult::read(&plan.folder, &cell.id)? else { continue };
            let mut by_condition: BTreeMap<_, _> =
                result.predictions.into_iter().map(|(condition, of)| (condition, Arc::new(of))).collect();
            for condition in [Condition::Healthy, Condition::Control] {
                if result.record.result(condition).is_none() {
                    continue;
                }
                let key = (result.undamaged.clone(), condition);
                if !shared.contains_key(&key) {
                    let model = SharedModel::read(&plan.folder, &key.0, condition)?;
                    shared.insert(key.clone(), model.map(|model| Arc::new(model.predictions)));
                }
                by_condition.extend(shared[&key].clone().map(|predictions| (condition, predictions)));
            }
            if !rows.contains_key(&result.rows) {
                rows.insert(result.rows.clone(), rows_of_sweep(&plan, &result.rows)?);
            }
            if result.record.spec.corruption.is_some() {
                let run_id = result.record.run_id.clone();
                let rows = Arc::clone(&rows[&result.rows]);
                self.predictions.push(RowPredictions { run_id, rows, by_condition });
            }
            self.records.push(result.record);
        }
        if n_missing > 0 {
            self.notes.push(format!("{n_missing} cells of the sweep {} have no result yet", plan.name));
        }
        Ok(())
    }

    fn folders(&mut self, folders: &[PathBuf]) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        let mut known_rows = BTreeMap::new();
        for folder in folders {
            let Some(record) = run_dir::read_record(folder).map_err(bad_input)? else {
                self.notes.push(format!("{} is not finished and was left out", folder.display()));
                continue;
            };
            if !seen.insert(record.run_id.clone()) {
                self.notes.push(format!("{}: run {} occurs twice; the first is used", folder.display(), record.run_id));
                continue;
            }
            if record.spec.corruption.is_some() {
                self.predictions.extend(of_run(&record, folder, &mut known_rows, &mut self.notes)?);
            }
            self.records.push(record);
        }
        Ok(())
    }
}

/// The reported rows that a sweep kept under this hash.
fn rows_of_sweep(plan: &Plan, hash: &str) -> anyhow::Result<Arc<[EvaluatedRow]>> {
    let rows: Vec<ReportedRow> = predictions::read(&plan.folder.rows(hash))?;
    let row = |row: ReportedRow| EvaluatedRow {
        row_hash: row.text.row_hash.clone(),
        label: row.label,
        text: Some(row.text.into_example(row.label).in_words().into_owned()),
    };
    Ok(rows.into_iter().map(row).collect())
}

type KnownRows = BTreeMap<[u8; 32], Arc<[EvaluatedRow]>>;

/// The predictions of all models of a run, or where one is missing of none: an interval is over rows or it is not.
fn of_run(
    record: &RunRecord,
    folder: &Path,
    known_rows: &mut KnownRows,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<RowPredictions>> {
    let mut by_condition = BTreeMap::new();
    let mut rows: Option<Arc<[EvaluatedRow]>> = None;
    for which in Condition::ALL {
        let Some(result) = record.result(which) else { continue };
        let path = folder.join(&result.predictions);
        if !path.is_file() {
            notes.push(format!(
                "{} is missing, so intervals that include this run are over seeds alone",
                path.display()
            ));
            return Ok(None);
        }
        let predictions: Vec<Prediction> = predictions::read(&path)?;
        let evaluated = match &rows {
            None => Arc::clone(rows.insert(evaluated_rows(&predictions, folder, known_rows)?)),
            Some(rows) => Arc::clone(rows),
        };
        let is_same = |(row, prediction): (&EvaluatedRow, &Prediction)| row.row_hash == prediction.row_hash;
        if evaluated.len() != predictions.len() || !evaluated.iter().zip(&predictions).all(is_same) {
            return Err(bad_input(anyhow!(
                "{}: expected predictions of the same rows as those of the run's other models, got other rows",
                path.display()
            )));
        }
        by_condition.insert(which, Arc::new(CompactPredictions::of(&predictions)));
    }
    Ok(rows.map(|rows| RowPredictions { run_id: record.run_id.clone(), rows, by_condition }))
}

/// The rows of some predictions, with their texts where the run kept them; the same rows are kept once.
fn evaluated_rows(
    predictions: &[Prediction],
    folder: &Path,
    known_rows: &mut KnownRows,
) -> anyhow::Result<Arc<[EvaluatedRow]>> {
    let mut hasher = Sha256::new();
    for prediction in predictions {
        hasher.update(format!("{} {}\n", prediction.row_hash, prediction.label));
    }
    let path = folder.join(run_dir::TEXTS);
    hasher.update([u8::from(path.is_file())]);
    let digest: [u8; 32] = hasher.finalize().into();
    if let Some(rows) = known_rows.get(&digest) {
        return Ok(Arc::clone(rows));
    }
    let lines: Vec<TextLine> = if path.is_file() { predictions::read(&path)? } else { Vec::new() };
    let texts: BTreeMap<&str, &TextLine> = lines.iter().map(|line| (line.row_hash.as_str(), line)).collect();
    let row = |prediction: &Prediction| {
        let text = texts.get(prediction.row_hash.as_str()).and_then(|line| {
            let row = TextLine::clone(line).into_example(prediction.label);
            (row.row_hash() == prediction.row_hash).then(|| row.in_words().into_owned())
        });
        EvaluatedRow { row_hash: prediction.row_hash.clone(), label: prediction.label, text }
    };
    let rows: Arc<[EvaluatedRow]> = predictions.iter().map(row).collect();
    known_rows.insert(digest, Arc::clone(&rows));
    Ok(rows)
}

/// The folders of runs in a folder, and in those folders of it that are none themselves, by name.
fn run_folders(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folders = |path: &Path| -> anyhow::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(path).map_err(bad_input).with_context(|| path.display().to_string())?;
        let mut folders: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| p.is_dir()).collect();
        folders.sort();
        Ok(folders)
    };
    let mut found = Vec::new();
    for folder in folders(path)? {
        if run_dir::is_run_dir(&folder) {
            found.push(folder);
        } else {
            found.extend(folders(&folder)?.into_iter().filter(|inner| run_dir::is_run_dir(inner)));
        }
    }
    Ok(found)
}

/// The records of a results file. A line that is none is bad input; what else is wrong is a note.
fn results(path: &Path, notes: &mut Vec<String>) -> anyhow::Result<Vec<RunRecord>> {
    let context = || path.display().to_string();
    let size = fs::metadata(path).map_err(bad_input).with_context(context)?.len();
    if size > MAX_RESULTS_BYTES {
        return Err(bad_input(anyhow!("{}: expected at most 1 GiB of records, got {size} bytes", path.display())));
    }
    let results = Results::read(&fs::read(path).map_err(bad_input).with_context(context)?);
    for problem in results.problems {
        if let Problem::NoRecord { .. } = problem {
            return Err(bad_input(anyhow!("{} {problem}", path.display())));
        }
        notes.push(problem.to_string());
    }
    Ok(results.records)
}
