//! Runs that differ in nothing but their seeds, and the cells that differ in nothing but place and level.

use std::collections::BTreeMap;

use super::mean::{Mean, over_seeds};
use crate::Condition;
use crate::claims::{self, Damage, FieldDifference, Judgement, Question, Run};
use crate::record::{Protocol, Seeds};
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
    /// Accuracy of the undamaged model that the healed one is compared with: the control, or where there is none the
    /// healthy model.
    #[must_use]
    pub fn undamaged(&self) -> f64 {
        self.control.unwrap_or(self.healthy)
    }

    /// The accuracy of one of the models, where the run has it.
    #[must_use]
    pub fn accuracy(&self, which: Condition) -> Option<f64> {
        match which {
            Condition::Healthy => Some(self.healthy),
            Condition::Control => self.control,
            Condition::Corrupted => Some(self.corrupted),
            Condition::Healed => Some(self.healed),
        }
    }

    /// What came back and what was lost, as fractions of all rows.
    pub(super) fn gain_and_loss(&self) -> (f64, f64) {
        (self.healed - self.corrupted, self.undamaged() - self.corrupted)
    }

    /// What the healed model lacks, in percentage points: against the control, which has had the healing's budget as well,
    /// or where there is none against the healthy model.
    #[must_use]
    pub fn deficit(&self) -> f64 {
        100.0 * (self.undamaged() - self.healed)
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

    /// The mean deficit of a plan in percentage points, with its interval.
    #[must_use]
    pub fn deficit_points(&self, cell: &Cell) -> Option<(f64, Option<Interval>)> {
        self.deficit(cell).map(|mean| (mean.value, mean.interval))
    }

    /// What the intervals of deficits are over.
    pub(super) fn deficits_are_over(&self) -> &'static str {
        let of_recovery = self.judgements.iter().filter(|judgement| judgement.question == Question::FullRecovery);
        let mut methods = of_recovery.filter_map(|judgement| judgement.interval_method).peekable();
        let is_crossed = methods.peek().is_some() && methods.all(|method| method == Method::Crossed);
        if is_crossed { "over seeds and rows" } else { "over seeds on these rows (Student's t)" }
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
    let mut judged: BTreeMap<&str, Vec<Judgement>> = BTreeMap::new();
    for judgement in judgements {
        judged.entry(judgement.experiment.id()).or_default().push(judgement.clone());
    }
    let mut experiments: Vec<Experiment> = by_id
        .into_iter()
        .filter_map(|(id, cells)| {
            let common = cells.values().flatten().next()?.experiment.clone();
            let judgements = judged.remove(id).unwrap_or_default();
            Some(Experiment { common, cells: cells.into_values().filter_map(Cell::new).collect(), judgements })
        })
        .collect();
    experiments.sort_by_cached_key(|experiment| {
        let common = &experiment.common;
        (common.superseded.is_some(), common.model.clone(), common.dataset.clone())
    });
    experiments
}

/// For each experiment in which fields it differs from the first one of its model, dataset and protocol; none for that one.
#[must_use]
pub fn differences_from_first(experiments: &[Experiment]) -> Vec<Vec<FieldDifference>> {
    let mut firsts = BTreeMap::new();
    let differences = experiments.iter().map(|experiment| {
        let common = &experiment.common;
        let is_finetuned = common.protocol == Protocol::Finetuned;
        let first =
            firsts.entry((&common.model, &common.dataset, is_finetuned, &common.superseded)).or_insert(experiment);
        first.common.differences(common)
    });
    differences.collect()
}

/// The `most` experiments with the most whole runs, in their order; all when there are no more.
#[must_use]
pub fn largest(experiments: &[Experiment], most: usize) -> Vec<&Experiment> {
    let n_runs = |experiment: &Experiment| experiment.cells.iter().map(|cell| cell.seeds.len()).sum::<usize>();
    let mut by_size: Vec<usize> = (0..experiments.len()).collect();
    by_size.sort_by_cached_key(|i| std::cmp::Reverse(n_runs(&experiments[*i])));
    by_size.truncate(most);
    by_size.sort_unstable();
    by_size.into_iter().map(|i| &experiments[i]).collect()
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
