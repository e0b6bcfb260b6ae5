//! Every run as a row, and what may be said, in words.

use super::cell::Experiment;
use shared::Condition;
use shared::figure::DataTable;
use shared::statistics::claims::Judgement;

/// One row for each seed of each cell.
#[must_use]
pub fn runs_table(experiment: &Experiment) -> DataTable {
    let has_control = experiment.common.reference == Condition::Control;
    let control = has_control.then_some("control");
    let header = ["plan", "seeds (damage, head, data)", "healthy"].into_iter().chain(control);
    let mut table = DataTable::new(header.chain(["corrupted", "healed", "deficit, points"]));
    for cell in &experiment.cells {
        for seed in &cell.seeds {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let seeds = format!("{}, {}, {}", seed.seeds.corruption.0, seed.seeds.head.0, seed.seeds.data.0);
            let deficit = format!("{:.1}", seed.deficit());
            let control = seed.control.filter(|_| has_control);
            let accuracies = [Some(seed.healthy), control, Some(seed.corrupted), Some(seed.healed)];
            let accuracies = accuracies.into_iter().flatten().map(percent);
            table.push([cell.plan.clone(), seeds].into_iter().chain(accuracies).chain([deficit]));
        }
    }
    table
}

/// What may be said of a plan's recovery, in a word.
pub(super) fn verdict(experiment: &Experiment, plan: &str) -> String {
    match experiment.common.superseded {
        Some(_) => "superseded".to_owned(),
        None => experiment.recovery_of(plan).map_or_else(|| "undecided".to_owned(), Judgement::outcome_in_words),
    }
}

/// What the runs allow to be said, a sentence each: those of `bert-heal report` for the same records.
#[must_use]
pub fn statements(experiment: &Experiment) -> Vec<String> {
    experiment.judgements.iter().map(Judgement::to_string).collect()
}
