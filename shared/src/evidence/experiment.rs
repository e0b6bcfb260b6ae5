//! Runs that differ in nothing but their seeds, and the cells that differ in nothing but place and level.

use std::collections::BTreeMap;

use super::mean::{Mean, over_seeds};
use crate::Condition;
use crate::claims::{self, Damage, Judgement, Question, Run};
use crate::record::Seeds;
use crate::statistics::{Interval, Method};

/// Runs that may be put together, by plan, and what they allow to be said.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What its runs share.
    pub common: claims::Experiment,
    /// By plan.
    pub cells: Vec<Cell>,
    /// The claims about these runs; within a family they are corrected for those of all experiments.
    pub judgements: Vec<Judgement>,
}

/// Runs that differ in nothing but their seeds.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The plan in its canonical form.
    pub plan: String,
    /// The scheme, the end and the share of layers, when the plan is of that form.
    pub damage: Option<Damage>,
    /// In the order of their seeds.
    pub runs: Vec<Run>,
    /// One for each run that has all its models, in the order of their seeds. A run whose healing broke off has its corrupted
    /// model for the healed one.
    pub seeds: Vec<SeedOutcome>,
    /// Rows that each run was judged on.
    pub n_rows: usize,
    /// Runs that broke off, those that count among `seeds` included.
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

    /// The mean deficit of a plan in percentage points, with the interval of its judgement where it has one; none without a
    /// whole run.
    pub(super) fn deficit(&self, cell: &Cell) -> Option<Mean> {
        let deficits: Vec<f64> = cell.seeds.iter().map(SeedOutcome::deficit).collect();
        let mean = over_seeds(&deficits)?;
        let judged = self.recovery_of(&cell.plan).and_then(|judgement| judgement.interval_points);
        // The judgement is of healed less undamaged.
        let judged = judged.map(|of| Interval { low: -of.high, high: -of.low, ..of });
        Some(Mean { interval: judged.or(mean.interval), ..mean })
    }

    /// What the intervals of deficits are over.
    pub(super) fn deficits_are_over(&self) -> &'static str {
        let of_recovery = self.judgements.iter().filter(|judgement| judgement.question == Question::FullRecovery);
        let mut methods = of_recovery.filter_map(|judgement| judgement.interval_method).peekable();
        let is_crossed = methods.peek().is_some() && methods.all(|method| method == Method::Crossed);
        if is_crossed { "over seeds and rows" } else { "over seeds on these rows (Student's t)" }
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

/// Sorts runs into experiments, each with those of `judgements` that are about it; those of earlier versions last and never
/// together with others.
#[must_use]
pub fn experiments(runs: &[Run], judgements: &[Judgement]) -> Vec<Experiment> {
    let mut by_id: BTreeMap<&str, BTreeMap<&str, Vec<Run>>> = BTreeMap::new();
    for run in runs {
        by_id.entry(run.experiment.id()).or_default().entry(&run.plan).or_default().push(run.clone());
    }
    let mut experiments: Vec<Experiment> = by_id
        .into_iter()
        .filter_map(|(id, cells)| {
            let common = cells.values().flatten().next()?.experiment.clone();
            let judgements = judgements.iter().filter(|judgement| judgement.experiment.id() == id).cloned().collect();
            Some(Experiment { common, cells: cells.into_values().filter_map(Cell::new).collect(), judgements })
        })
        .collect();
    experiments.sort_by_key(|experiment| {
        let common = &experiment.common;
        (common.superseded.is_some(), common.model.clone(), common.dataset.clone())
    });
    experiments
}

impl Cell {
    /// Of the runs of one plan; none without any.
    fn new(mut runs: Vec<Run>) -> Option<Self> {
        runs.sort_by_key(|run| (run.seeds.corruption.0, run.seeds.head.0, run.seeds.data.0));
        let first = runs.first()?;
        let seeds: Vec<SeedOutcome> = runs.iter().filter_map(SeedOutcome::of).collect();
        Some(Self {
            plan: first.plan.clone(),
            damage: first.damage.clone(),
            n_rows: runs.iter().filter_map(Run::healed).map(|arm| arm.n_rows).next_back().unwrap_or(0),
            n_failed: runs.iter().filter(|run| SeedOutcome::of(run).is_none() || run.is_healing_failed()).count(),
            seeds,
            runs,
        })
    }
}

impl SeedOutcome {
    /// None for a run that broke off before it had all of its models.
    fn of(run: &Run) -> Option<Self> {
        run.undamaged()?;
        let accuracy = |condition: Condition| run.arm(condition).map(|arm| arm.accuracy);
        Some(Self {
            seeds: run.seeds,
            healthy: accuracy(Condition::Healthy)?,
            control: accuracy(Condition::Control),
            corrupted: accuracy(Condition::Corrupted)?,
            healed: run.healed()?.accuracy,
        })
    }
}
