//! Runs that differ in nothing but their seeds, and the cells that differ in nothing but place and level.

use shared::Condition;
use shared::record::{RunRecord, Seeds};
use shared::statistics::claims::{self, ClaimsFile, Damage, Judgement, Question, Run, judge};
use std::collections::BTreeMap;

/// Runs that may be put together, by plan, and what they allow to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// What its runs share.
    pub common: claims::Experiment,
    /// By plan.
    pub cells: Vec<Cell>,
    /// The usual claims, judged on these runs; within a family they are corrected for those of all experiments.
    pub judgements: Vec<Judgement>,
}

/// Runs that differ in nothing but their seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The plan in its canonical form.
    pub plan: String,
    /// The scheme, the end and the share of layers, when the plan is of that form.
    pub damage: Option<Damage>,
    /// One for each run, in the order of their seeds.
    pub seeds: Vec<SeedOutcome>,
    /// Rows that each run was judged on.
    pub n_rows: usize,
    /// Runs that broke off. One whose healing did counts with its corrupted model for the healed one.
    pub n_failed: usize,
}

/// What came of one seed; accuracies are 0–1.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedOutcome {
    /// The run's seeds.
    pub seeds: Seeds,
    /// Accuracy of the healthy model.
    pub healthy: f64,
    /// Accuracy of the control, where the run has one.
    pub control: Option<f64>,
    /// Accuracy of the corrupted model.
    pub corrupted: f64,
    /// Accuracy of the healed model.
    pub healed: f64,
}

impl SeedOutcome {
    /// What the healed model lacks, in percentage points: against the control, which has had the healing's budget as well,
    /// or where there is none against the healthy model.
    #[must_use]
    pub fn deficit(&self) -> f64 {
        100.0 * (self.control.unwrap_or(self.healthy) - self.healed)
    }
}

impl Experiment {
    /// What may be said of a plan's recovery.
    #[must_use]
    pub fn recovery_of(&self, plan: &str) -> Option<&Judgement> {
        let is_asked = |judgement: &&Judgement| {
            judgement.question == Question::FullRecovery && judgement.plan.as_deref() == Some(plan)
        };
        self.judgements.iter().find(is_asked)
    }

    /// In which fields it differs from another experiment of its model, dataset and protocol; none for another's.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let name = |experiment: &Self| {
            let common = &experiment.common;
            (common.model.clone(), common.dataset.clone(), common.protocol, common.superseded.clone())
        };
        if name(self) != name(other) {
            return Vec::new();
        }
        self.common.differences(&other.common).iter().map(ToString::to_string).collect()
    }
}

/// Sorts records into experiments, those of earlier versions last and never together with others. Runs without a
/// corruption are in none: every run brings its own healthy model.
///
/// # Panics
/// Never: the usual claims are in range.
#[must_use]
pub fn experiments(records: &[RunRecord]) -> Vec<Experiment> {
    let runs: Vec<Run> = records.iter().filter_map(Run::from_record).collect();
    // What another version computed is shown and claims nothing, nor counts among the claims.
    let today: Vec<Run> = runs.iter().filter(|run| run.experiment.superseded.is_none()).cloned().collect();
    let judgements = judge(&ClaimsFile::default(), &today).expect("the usual claims are in range");
    let mut by_id: BTreeMap<&str, (claims::Experiment, BTreeMap<String, Cell>)> = BTreeMap::new();
    for run in &runs {
        let (_, cells) = by_id.entry(run.experiment.id()).or_insert_with(|| (run.experiment.clone(), BTreeMap::new()));
        let cell = cells.entry(run.plan.clone()).or_insert_with(|| Cell {
            plan: run.plan.clone(),
            damage: run.damage.clone(),
            seeds: Vec::new(),
            n_rows: 0,
            n_failed: 0,
        });
        let accuracy = |condition: Condition| run.arm(condition).map(|arm| arm.accuracy);
        let control = accuracy(Condition::Control);
        let is_whole = run.undamaged().is_some();
        match (accuracy(Condition::Healthy), accuracy(Condition::Corrupted), run.healed()) {
            (Some(healthy), Some(corrupted), Some(healed)) if is_whole => {
                cell.n_rows = healed.n_rows;
                cell.n_failed += usize::from(run.is_healing_failed);
                let healed = healed.accuracy;
                cell.seeds.push(SeedOutcome { seeds: run.seeds, healthy, control, corrupted, healed });
            }
            _ => cell.n_failed += 1,
        }
    }
    let mut finished: Vec<Experiment> = by_id
        .into_values()
        .map(|(common, cells)| {
            let judgements = judgements.iter().filter(|judgement| judgement.experiment.id() == common.id());
            let judgements = judgements.cloned().collect();
            Experiment { common, cells: cells.into_values().collect(), judgements }
        })
        .collect();
    for cell in finished.iter_mut().flat_map(|experiment| &mut experiment.cells) {
        cell.seeds.sort_by_key(|outcome| (outcome.seeds.corruption.0, outcome.seeds.head.0, outcome.seeds.data.0));
    }
    finished.sort_by_key(|experiment| {
        let common = &experiment.common;
        (common.superseded.is_some(), common.model.clone(), common.dataset.clone())
    });
    finished
}
