//! Runs that broke off: their rate is itself a result (Mosbach et al. 2021).

use super::mean::LEVEL;
use super::topic::{Piece, Topic};
use crate::figure::{DataTable, Unit};
use crate::record::{RunRecord, RunStatus};
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
    let (n_failed, n) = (table.rows.len() as u64, records.len() as u64);
    let rate = wilson(n_failed, n, LEVEL).ok()?;
    let sentence = format!(
        "{n_failed} of {n} runs failed: {} (95 % Wilson interval {} to {}).",
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
