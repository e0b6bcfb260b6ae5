//! Runs, judged.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::anyhow;
use serde_json::json;
use shared::claims::{ClaimsFile, Judgement, Run, judge};
use shared::evidence::{Experiment, RowPredictions, experiments};
use shared::record::{RunId, RunRecord};

use super::read::Read;
use crate::exit_code::bad_input;

/// Runs, with what they allow to be said.
#[derive(Debug)]
pub struct Runs {
    /// Each once, in the order of their folders, or of the lines.
    pub records: Vec<RunRecord>,
    /// What the models of some of them said of each row.
    pub predictions: Vec<RowPredictions>,
    /// By the claims, in their order.
    pub judgements: Vec<Judgement>,
    /// Those with a damage, by what they may be put together with.
    pub experiments: Vec<Experiment>,
    /// What could not be read.
    pub notes: Vec<String>,
}

impl Runs {
    /// Reads the finished runs of a folder (its runs, or those of folders in it), or the lines of a `results.jsonl` or of the
    /// one at a folder's top, and judges the claims. A folder's runs bring the predictions of every row, so that intervals
    /// are over rows as well.
    ///
    /// # Errors
    /// Bad input when there is no run, a record is none, or predictions contradict their record.
    pub fn read(path: &Path, claims: &ClaimsFile) -> anyhow::Result<Self> {
        let read = Read::path(path)?;
        Self::new(read.records, read.predictions, read.notes, claims)
    }

    /// Judges the claims of records, wherever they were read, with the predictions of those runs that kept them.
    ///
    /// # Errors
    /// Bad input when predictions contradict their record.
    pub fn new(
        records: Vec<RunRecord>,
        predictions: Vec<RowPredictions>,
        mut notes: Vec<String>,
        claims: &ClaimsFile,
    ) -> anyhow::Result<Self> {
        let by_id: BTreeMap<&RunId, &RowPredictions> = predictions.iter().map(|of| (&of.run_id, of)).collect();
        let runs: Vec<Run> = Run::from_records(&records)
            .into_iter()
            .map(|run| match by_id.get(&run.run_id) {
                Some(rows) => {
                    let run_id = run.run_id.clone();
                    rows.add_to(run).map_err(|error| bad_input(anyhow!("run {run_id}: {error}")))
                }
                None => Ok(run),
            })
            .collect::<anyhow::Result<_>>()?;
        let n_superseded = runs.iter().filter(|run| run.experiment.superseded.is_some()).count();
        if n_superseded > 0 {
            notes.push(format!(
                "{n_superseded} runs were made by another version of the program (superseded) and support no claims"
            ));
        }
        let judgements = judge(claims, &runs).map_err(bad_input)?;
        let experiments = experiments(&runs, &judgements);
        Ok(Self { records, predictions, judgements, experiments, notes })
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
}
