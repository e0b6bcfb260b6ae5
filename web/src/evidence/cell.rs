//! Runs that differ in nothing but their seeds, and the cells that differ in nothing but place and level.

use shared::Condition;
use shared::corruption::Plan;
use shared::record::{NUMERICS_VERSION, Numerics, Protocol, RunId, RunRecord, Seeds};
use std::collections::BTreeMap;

/// From which end layers are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Next to the embeddings.
    Bottom,
    /// Next to the classifier.
    Top,
}

/// Cells of one model, dataset, protocol and training.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The model's short name.
    pub model: String,
    /// The dataset's short name.
    pub dataset: String,
    /// When the damage is done.
    pub protocol: Protocol,
    /// Everything else that the runs have in common, in a few words.
    pub training: String,
    /// The undamaged model that deficits are measured from.
    pub reference: Condition,
    /// Why it stands apart, such as `superseded (numerics 4)`; none for runs of this version.
    pub superseded: Option<String>,
    /// By plan.
    pub cells: Vec<Cell>,
}

/// Runs that differ in nothing but their seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The plan in its canonical form.
    pub plan: String,
    /// The scheme, the end and the share of layers, when the plan is of that form.
    pub place: Option<(String, Place, f64)>,
    /// One for each run, in the order of their seeds.
    pub seeds: Vec<SeedOutcome>,
    /// Rows that each run was judged on.
    pub n_rows: usize,
    /// Runs that broke off.
    pub n_failed: usize,
}

/// What came of one seed; accuracies are 0–1.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedOutcome {
    /// The run's seeds.
    pub seeds: Seeds,
    /// What computed it; records of schema 1 do not tell.
    pub numerics: Option<Numerics>,
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

/// What decides in which experiment a run is: all of its spec but seeds and damage, hence also hashes of rows, tokenizer and
/// weights, class names, recipe, report split and versions; and what its deficit is measured from.
fn key(record: &RunRecord) -> (RunId, Condition) {
    let mut common = record.spec.clone();
    // Without any plan the protocol would not count.
    common.corruption = Some(String::new());
    common.seeds = Seeds::all(0);
    (common.id(), reference(record))
}

/// The undamaged model with the healing's budget: today every run of protocol `finetuned` makes one, unless it breaks off.
fn reference(record: &RunRecord) -> Condition {
    let has_control = record.control.is_some() || !record.is_superseded();
    if record.spec.protocol == Protocol::Finetuned && has_control { Condition::Control } else { Condition::Healthy }
}

/// Sorts records into experiments, those of earlier versions last and never together with others. Runs without a
/// corruption are in none: every run brings its own healthy model.
#[must_use]
pub fn experiments(records: &[RunRecord]) -> Vec<Experiment> {
    let mut by_key: BTreeMap<(RunId, Condition), (Experiment, BTreeMap<String, Cell>)> = BTreeMap::new();
    for record in records {
        let spec = &record.spec;
        let Some(plan) = spec.corruption.clone() else { continue };
        let (_, cells) = by_key.entry(key(record)).or_insert_with(|| (experiment(record), BTreeMap::new()));
        let cell = cells.entry(plan.clone()).or_insert_with(|| Cell {
            place: place(&plan),
            plan,
            seeds: Vec::new(),
            n_rows: 0,
            n_failed: 0,
        });
        let control = record.control.as_ref().map(|control| control.accuracy);
        let is_whole = control.is_some() || reference(record) == Condition::Healthy;
        match (&record.healthy, &record.corrupted, &record.healed) {
            (Some(healthy), Some(corrupted), Some(healed)) if is_whole => {
                cell.n_rows = healed.n;
                cell.seeds.push(SeedOutcome {
                    seeds: spec.seeds,
                    numerics: record.numerics.clone(),
                    healthy: healthy.accuracy,
                    control,
                    corrupted: corrupted.accuracy,
                    healed: healed.accuracy,
                });
            }
            _ => cell.n_failed += 1,
        }
    }
    let finished = by_key.into_values().map(|(mut experiment, cells)| {
        experiment.cells = cells.into_values().collect();
        for cell in &mut experiment.cells {
            cell.seeds.sort_by_key(|outcome| (outcome.seeds.corruption.0, outcome.seeds.head.0, outcome.seeds.data.0));
        }
        experiment
    });
    let mut finished: Vec<Experiment> = finished.collect();
    finished.sort_by_key(|experiment| {
        (experiment.superseded.is_some(), experiment.model.clone(), experiment.dataset.clone())
    });
    finished
}

/// An experiment without its runs.
fn experiment(record: &RunRecord) -> Experiment {
    let (spec, training) = (&record.spec, &record.spec.training);
    let superseded = record.is_superseded().then(|| {
        let (schema, numerics) = (spec.schema, spec.numerics_version);
        if numerics == NUMERICS_VERSION {
            format!("superseded (schema {schema})")
        } else {
            format!("superseded (numerics {numerics})")
        }
    });
    Experiment {
        model: spec.model.name.clone(),
        dataset: spec.dataset.name.clone(),
        protocol: spec.protocol,
        training: format!(
            "{} training rows, {} epochs, learning rate {}, batch {}, texts of up to {} word pieces",
            spec.dataset.rows.train, training.epochs, training.learning_rate, training.batch_size, training.max_length
        ),
        reference: reference(record),
        superseded,
        cells: Vec::new(),
    }
}

/// The scheme, end and level of a plan such as `kaiming@bottom:0.5`; whole layers are no level without the model's depth.
fn place(plan: &str) -> Option<(String, Place, f64)> {
    let plan = Plan::parse(plan).ok()?;
    let [step] = plan.steps() else { return None };
    let selection = step.selection().to_string();
    let (place, amount) = match selection.split_once(':')? {
        ("bottom", amount) => (Place::Bottom, amount),
        ("top", amount) => (Place::Top, amount),
        _ => return None,
    };
    Some((step.scheme().to_string(), place, amount.parse().ok()?))
}
