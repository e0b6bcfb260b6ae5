//! The report of many runs: what they allow to be said, claim by claim, and every run with its figures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::json;
use shared::Condition;
use shared::claims::{ClaimsFile, Judgement, Run, judge};
use shared::evaluation::Prediction;
use shared::evidence::{Experiment, Problem, Results, experiments, figures, plans_caption, plans_table, runs_table};
use shared::figure::{Chart, DataTable};
use shared::record::{RunRecord, RunStatus};

use super::document::{Block, Document, Section};
use crate::exit_code::bad_input;
use crate::run_dir::{self, predictions};
use crate::say;

/// More than that is no results file of ours.
const MAX_RESULTS_BYTES: u64 = 1 << 30;

/// Runs, with what they allow to be said.
#[derive(Debug)]
pub struct Runs {
    /// Each once, in the order of their folders, or of the lines.
    pub records: Vec<RunRecord>,
    /// By the claims, in their order.
    pub judgements: Vec<Judgement>,
    /// Those with a damage, by what they may be put together with.
    pub experiments: Vec<Experiment>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Whether a path holds many runs: a results file, or a folder that is no run itself.
#[must_use]
pub fn holds_many(path: &Path) -> bool {
    path.is_file() || (path.is_dir() && !run_dir::is_run_dir(path))
}

impl Runs {
    /// Reads the finished runs of a folder (its runs, or those of folders in it) or the lines of a `results.jsonl`, and
    /// judges the claims. A folder's runs bring the predictions of every row, so that intervals are over rows as well.
    ///
    /// # Errors
    /// Bad input when there is no run, a record is none, or predictions contradict their record.
    pub fn read(path: &Path, claims: &ClaimsFile) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let (mut records, mut runs) = (Vec::new(), Vec::new());
        if path.is_file() {
            records = results(path, &mut notes)?;
            runs = records.iter().filter_map(Run::from_record).collect();
        } else {
            let mut seen = BTreeSet::new();
            for folder in run_folders(path)? {
                let Some(record) = run_dir::read_record(&folder).map_err(bad_input)? else {
                    notes.push(format!("{} is not finished and was left out", folder.display()));
                    continue;
                };
                if !seen.insert(record.run_id.clone()) {
                    notes.push(format!("{}: run {} occurs twice; the first is used", folder.display(), record.run_id));
                    continue;
                }
                if let Some(run) = Run::from_record(&record) {
                    runs.push(with_predictions(run, &record, &folder, &mut notes)?);
                }
                records.push(record);
            }
        }
        if records.is_empty() {
            return Err(bad_input(anyhow!(
                "{}: expected a run folder, a folder of runs or a results.jsonl, but found no finished run in it",
                path.display()
            )));
        }
        let n_superseded = runs.iter().filter(|run| run.experiment.superseded.is_some()).count();
        if n_superseded > 0 {
            notes.push(format!(
                "{n_superseded} runs were made by another version of the program (superseded) and support no claims"
            ));
        }
        let judgements = judge(claims, &runs).map_err(bad_input)?;
        let experiments = experiments(&runs, &judgements);
        Ok(Self { records, judgements, experiments, notes })
    }

    /// What they allow to be said, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.judgements.iter().map(Judgement::to_string).collect()
    }

    /// What they allow to be said, for scripts.
    #[must_use]
    pub fn judgements_json(&self) -> Vec<serde_json::Value> {
        let json = |judgement: &Judgement| {
            json!({
                "claim": judgement.claim, "question": judgement.question, "family": judgement.family,
                "subject": judgement.subject, "plan": judgement.plan, "experiment": judgement.experiment.id(),
                "outcome": judgement.outcome, "effect_points": judgement.effect_points,
                "interval_points": judgement.interval_points, "margin_points": judgement.margin_points,
                "n_pairs": judgement.n_pairs, "p": judgement.p, "adjusted_p": judgement.adjusted_p,
                "p_floor": judgement.p_floor, "adjusted_equivalence_p": judgement.adjusted_equivalence_p,
                "n_failed": judgement.n_failed, "n_non_finite": judgement.n_non_finite,
                "recovery": judgement.recovery, "kept": judgement.kept, "seeds_to_decide": judgement.seeds_to_decide,
                "sentence": judgement.to_string(),
            })
        };
        self.judgements.iter().map(json).collect()
    }

    /// The report.
    pub(super) fn document(&self) -> Document {
        let n_failed = self.records.iter().filter(|record| record.status != RunStatus::Ok).count();
        let n_experiments = self.experiments.len();
        let said = Section {
            id: "claims",
            title: "Claims",
            blocks: std::iter::once(Block::Text(RULE.to_owned()))
                .chain(self.sentences().into_iter().map(Block::Text))
                .chain(self.notes.iter().cloned().map(Block::Note))
                .collect(),
        };
        let plans = Section {
            id: "plans",
            title: "All plans",
            blocks: self.experiments.iter().flat_map(of_experiment).collect(),
        };
        let apart = Section { id: "apart", title: "Experiments that are not pooled", blocks: apart(&self.experiments) };
        let every = Section {
            id: "runs",
            title: "All runs",
            blocks: self.experiments.iter().map(|one| table(one, runs_table(one))).collect(),
        };
        Document {
            title: format!("{} runs", self.records.len()),
            headline: format!(
                "{} runs in {n_experiments} {}, {n_failed} of them failed.",
                self.records.len(),
                if n_experiments == 1 { "experiment" } else { "experiments" }
            ),
            setting: self
                .experiments
                .iter()
                .map(|experiment| experiment.common.to_string())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            is_failed: false,
            sections: [said, plans, apart, every].into_iter().filter(|section| !section.blocks.is_empty()).collect(),
        }
    }
}

/// Means over seeds with their charts; the deficits, whose rows have long names, across the whole page.
fn of_experiment(experiment: &Experiment) -> Vec<Block> {
    let (deficits, levels): (Vec<_>, Vec<_>) =
        figures(experiment).into_iter().partition(|figure| matches!(figure.chart, Chart::Intervals(_)));
    let means = [table(experiment, plans_table(experiment)), Block::Text(plans_caption(experiment))];
    let charts = [levels, deficits].into_iter().filter(|figures| !figures.is_empty()).map(Block::Figures);
    means.into_iter().chain(charts).collect()
}

fn table(experiment: &Experiment, table: DataTable) -> Block {
    let common = &experiment.common;
    Block::Table { caption: format!("{common}; {}", common.budget()), table }
}

const RULE: &str = "One rule decides: “worse” or “better” if an exact sign-flip test over pairs of seeds is \
                    significant after Holm's adjustment within the family of claims; “equivalent” if two one-sided \
                    tests against the margin are; otherwise “undecided”. Intervals are not adjusted for the number of \
                    claims.";

/// Which field keeps two experiments of one model, dataset and protocol apart.
fn apart(experiments: &[Experiment]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (i, first) in experiments.iter().enumerate() {
        for other in &experiments[i + 1..] {
            let differences = first.differences(other);
            if differences.is_empty() {
                continue;
            }
            let fields = differences.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
            let more = differences.len().saturating_sub(3);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            blocks.push(Block::Text(format!(
                "{}: two experiments that are not pooled, because they differ in {fields}{more}.",
                first.common
            )));
        }
    }
    blocks
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

/// With the predictions of all its models, or where one is missing with none: an interval is over rows or it is not.
fn with_predictions(run: Run, record: &RunRecord, folder: &Path, notes: &mut Vec<String>) -> anyhow::Result<Run> {
    let mut whole = run.clone();
    for which in Condition::ALL {
        let Some(result) = record.result(which) else { continue };
        let path = folder.join(&result.predictions);
        if !path.is_file() {
            notes.push(format!(
                "{} is missing, so intervals that include this run are over seeds alone",
                path.display()
            ));
            return Ok(run);
        }
        let rows: Vec<Prediction> = predictions::read(&path)?;
        whole =
            whole.with_predictions(which, &rows).map_err(|error| bad_input(anyhow!("{}: {error}", path.display())))?;
    }
    Ok(whole)
}

/// Reads a claims file; the usual claims without one.
///
/// # Errors
/// Bad input when it cannot be read or is none.
pub fn claims(path: Option<&Path>) -> anyhow::Result<ClaimsFile> {
    let Some(path) = path else { return Ok(ClaimsFile::default()) };
    let context = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(bad_input).with_context(context)?;
    ClaimsFile::parse(&text).map_err(bad_input).with_context(context)
}

/// Says what was left out.
pub fn say_notes(runs: &Runs) {
    runs.notes.iter().for_each(|note| say!("note: {note}"));
}
