//! Runs that differ in nothing but their seeds, and the cells that differ in nothing but place and level.

use shared::corruption::Plan;
use shared::record::{Protocol, RunRecord, Seeds};
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedOutcome {
    /// The run's seeds.
    pub seeds: Seeds,
    /// Accuracy of the healthy model.
    pub healthy: f64,
    /// Accuracy of the corrupted model.
    pub corrupted: f64,
    /// Accuracy of the healed model.
    pub healed: f64,
}

impl SeedOutcome {
    /// healthy − healed, in percentage points.
    #[must_use]
    pub fn deficit(&self) -> f64 {
        100.0 * (self.healthy - self.healed)
    }
}

/// Sorts records into experiments. Runs without a corruption are in none: every run brings its own healthy model.
#[must_use]
pub fn experiments(records: &[RunRecord]) -> Vec<Experiment> {
    let mut by_key: BTreeMap<String, (Experiment, BTreeMap<String, Cell>)> = BTreeMap::new();
    for record in records {
        let spec = &record.spec;
        let Some(plan) = spec.corruption.clone() else { continue };
        let training = &spec.training;
        let words = format!(
            "{} training rows, {} epochs, learning rate {}, batch {}",
            spec.dataset.rows.train, training.epochs, training.learning_rate, training.batch_size
        );
        // Names are not part of a run's identity, their hashes are; whatever differs in the recipe is another experiment.
        let key = format!(
            "{}\u{0}{}\u{0}{:?}\u{0}{:?}\u{0}{}\u{0}{}\u{0}{}",
            spec.model.name,
            spec.dataset.name,
            spec.protocol,
            spec.model.weights_sha256,
            spec.dataset.rows.test,
            serde_json::to_string(training).unwrap_or_default(),
            spec.numerics_version,
        );
        let (_, cells) = by_key.entry(key).or_insert_with(|| {
            let experiment = Experiment {
                model: spec.model.name.clone(),
                dataset: spec.dataset.name.clone(),
                protocol: spec.protocol,
                training: words,
                cells: Vec::new(),
            };
            (experiment, BTreeMap::new())
        });
        let cell = cells.entry(plan.clone()).or_insert_with(|| Cell {
            place: place(&plan),
            plan,
            seeds: Vec::new(),
            n_rows: 0,
            n_failed: 0,
        });
        match (&record.healthy, &record.corrupted, &record.healed) {
            (Some(healthy), Some(corrupted), Some(healed)) => {
                cell.n_rows = healed.n;
                cell.seeds.push(SeedOutcome {
                    seeds: spec.seeds,
                    healthy: healthy.accuracy,
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
    finished.collect()
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
