//! Every run, and every plan, as a row.

use super::mean::{of_accuracies, one_decimal};
use super::{Cell, Experiment};
use crate::Condition;
use crate::claims::Judgement;
use crate::figure::{DataTable, Unit};
use crate::record::{Protocol, RunStatus};

/// One row for each run.
#[must_use]
pub fn runs_table(experiment: &Experiment) -> DataTable {
    let models = models(experiment);
    let header =
        ["run", "plan", "seeds (damage, head, data)"].into_iter().chain(models.iter().map(|which| which.as_str()));
    let mut table = DataTable::new(header.chain(["deficit, points", "status"]));
    for run in experiment.cells.iter().flat_map(|cell| &cell.runs) {
        let seeds = format!("{}, {}, {}", run.seeds.corruption.0, run.seeds.head.0, run.seeds.data.0);
        let accuracies =
            models.iter().map(|which| run.arm(*which).map_or_else(none, |arm| Unit::Percent.format(arm.accuracy)));
        let deficit = run.arm(Condition::Healed).zip(run.undamaged());
        let deficit = deficit.map(|(healed, undamaged)| 100.0 * (undamaged.accuracy - healed.accuracy));
        let status = match &run.status {
            RunStatus::Ok => "ok".to_owned(),
            RunStatus::Failed { phase, step, .. } => format!("{phase} failed at step {step}"),
        };
        let last = [deficit.map_or_else(none, |points| format!("{points:.1}")), status];
        table.push([run.run_id.to_string(), run.plan.clone(), seeds].into_iter().chain(accuracies).chain(last));
    }
    table
}

/// One row for each plan: means over seeds, the deficit with its interval, and what may be said of the recovery.
#[must_use]
pub fn plans_table(experiment: &Experiment) -> DataTable {
    let models = models(experiment);
    let header = ["plan", "seeds", "failed"].into_iter().chain(models.iter().map(|which| which.as_str()));
    let mut table = DataTable::new(header.chain(["deficit, points", "recovery", "kept", "full recovery"]));
    for cell in &experiment.cells {
        let deficit = experiment.deficit(cell).map_or_else(none, |mean| mean.in_words(one_decimal));
        let judged = experiment.recovery_of(&cell.plan);
        let share = |share: fn(&Judgement) -> Option<f64>| {
            judged.and_then(share).map_or_else(none, |share| Unit::Percent.format(share))
        };
        let first = [cell.plan.clone(), cell.seeds.len().to_string(), cell.n_failed.to_string()];
        let last = [deficit, share(|j| j.recovery), share(|j| j.kept), verdict(experiment, &cell.plan)];
        table.push(first.into_iter().chain(plans_row(cell, &models)).chain(last));
    }
    table
}

/// The mean accuracies of a cell, one for each of `models`.
pub(super) fn plans_row(cell: &Cell, models: &[Condition]) -> Vec<String> {
    let of_model = |which: &Condition| {
        let accuracies: Option<Vec<f64>> = cell.seeds.iter().map(|seed| seed.accuracy(*which)).collect();
        let mean = accuracies.and_then(|accuracies| of_accuracies(&accuracies, cell.n_rows));
        mean.map_or_else(none, |mean| Unit::Percent.format(mean.value))
    };
    models.iter().map(of_model).collect()
}

/// What the cells of [`plans_table`] are.
#[must_use]
pub fn plans_caption(experiment: &Experiment) -> String {
    format!(
        "Means over seeds. Deficits are measured against the {}, with their 95 % intervals {}.",
        experiment.common.reference,
        experiment.deficits_are_over()
    )
}

/// The models whose accuracies mean something here, in the order of their columns.
pub(super) fn models(experiment: &Experiment) -> Vec<Condition> {
    let has_control = experiment.common.reference == Condition::Control;
    // Under `pretrained` the corrupted model has an untrained head.
    let has_corrupted = experiment.common.protocol == Protocol::Finetuned;
    let is_shown = |which: &Condition| match which {
        Condition::Control => has_control,
        Condition::Corrupted => has_corrupted,
        Condition::Healthy | Condition::Healed => true,
    };
    Condition::ALL.into_iter().filter(is_shown).collect()
}

/// What may be said of a plan's recovery, in a word.
pub(super) fn verdict(experiment: &Experiment, plan: &str) -> String {
    match experiment.common.superseded {
        Some(_) => "superseded".to_owned(),
        None => experiment.recovery_of(plan).map_or_else(|| "undecided".to_owned(), Judgement::outcome_in_words),
    }
}

fn none() -> String {
    "–".to_owned()
}
