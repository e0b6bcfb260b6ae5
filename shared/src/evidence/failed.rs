//! Runs that broke off: their rate is itself a result (Mosbach et al. 2021).

use std::collections::BTreeSet;

use super::mean::LEVEL;
use super::topic::{Piece, Topic};
use crate::Condition;
use crate::figure::{DataTable, Unit};
use crate::record::{Protocol, RunId, RunRecord, RunStatus};
use crate::statistics::wilson;

/// The rate of failed runs, and each of them; none without any record.
#[must_use]
pub fn failed_topic(records: &[RunRecord]) -> Option<Topic> {
    let mut table = DataTable::new([
        "run",
        "model and dataset",
        "plan",
        "seeds (damage, head, data)",
        "fine-tuning of",
        "step",
        "learning rate",
        "reason",
    ]);
    for record in records {
        let RunStatus::Failed { phase, step, learning_rate, reason } = &record.status else { continue };
        let (spec, seeds) = (&record.spec, &record.spec.seeds);
        table.push([
            record.run_id.to_string(),
            format!("{} on {}", spec.model.name, spec.dataset.name),
            spec.corruption.clone().unwrap_or_else(|| "none".to_owned()),
            format!("{}, {}, {}", seeds.corruption.0, seeds.head.0, seeds.data.0),
            phase.to_string(),
            step.to_string(),
            format!("{learning_rate:e}"),
            reason.clone(),
        ]);
    }
    // Runs that share a healthy model or a control share its failure, too: it is one.
    let all: BTreeSet<_> = records.iter().flat_map(fine_tunings).collect();
    let broken: BTreeSet<_> = records.iter().filter_map(broken_off).collect();
    let (n_failed, n) = (broken.len() as u64, all.len() as u64);
    let rate = wilson(n_failed, n, LEVEL).ok()?;
    let sentence = format!(
        "{n_failed} of {n} fine-tunings broke off: {} (95 % Wilson interval {} to {}; one that several runs share is counted \
         once).",
        Unit::Percent.format(rate.value),
        Unit::Percent.format(rate.interval.low),
        Unit::Percent.format(rate.interval.high)
    );
    let kept = "A failed run is kept as a result: a healing that broke off counts with its corrupted model.";
    let pieces = if n_failed == 0 {
        vec![Piece::Text("No fine-tuning broke off.".to_owned())]
    } else {
        vec![
            Piece::Text(kept.to_owned()),
            Piece::table("Every run that broke off, in the order of the records.", table),
        ]
    };
    Topic::new("failed", "Failed runs", sentence, pieces)
}

/// The fine-tunings that a run is made of, up to one that broke off, those that it shares with others by the same name.
fn fine_tunings(record: &RunRecord) -> Vec<(RunId, Condition)> {
    let is_asked = |condition: &Condition| match condition {
        Condition::Healthy => true,
        Condition::Control => record.spec.corruption.is_some() && record.spec.protocol == Protocol::Finetuned,
        _ => record.spec.corruption.is_some(),
    };
    let broken = broken_off(record).map(|(_, condition)| condition);
    let asked: Vec<Condition> = Condition::FINE_TUNED.into_iter().filter(is_asked).collect();
    let n = asked.iter().position(|condition| Some(*condition) == broken).map_or(asked.len(), |i| i + 1);
    asked[..n].iter().map(|condition| named(record, *condition)).collect()
}

fn broken_off(record: &RunRecord) -> Option<(RunId, Condition)> {
    match record.status {
        RunStatus::Failed { phase, .. } => Some(named(record, phase)),
        RunStatus::Ok => None,
    }
}

fn named(record: &RunRecord, condition: Condition) -> (RunId, Condition) {
    let is_shared = matches!(condition, Condition::Healthy | Condition::Control);
    (if is_shared { record.spec.healthy().id() } else { record.run_id.clone() }, condition)
}
