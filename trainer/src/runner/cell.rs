//! A run in parts that a sweep shares: the undamaged models are made once, and every damage is compared with them.
//!
//! The figures are those of [`super::run`] with the same spec, bit for bit: the same code makes them. What differs is what
//! is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shared::Condition;
use shared::Parameters;
use shared::evaluation::Prediction;
use shared::inspection::{WeightDistance, weight_distances};
use shared::record::{ModelResult, PhaseSummary, Protocol, RunRecord, RunStatus, WeightsReturned};

use super::judge::Judged;
use super::parts::{Progress, corrupted, fine_tuned, record, reused};
use super::prepare::Prepared;
use crate::interrupt::Interrupt;
use crate::run_dir::RunDir;

/// What came of making a shared model.
#[derive(Debug)]
pub struct UndamagedOutcome {
    /// Whether its fine-tuning came to its end.
    pub status: RunStatus,
    /// What it took; none when a fine-tuning before it failed.
    pub phase: Option<PhaseSummary>,
    /// How good it is, with the predictions and the hash of its weights; none when its fine-tuning failed.
    pub model: Option<(ModelResult, Vec<Prediction>, String)>,
    /// Seconds in which it was judged.
    pub evaluation_secs: f64,
}

/// A shared model that cells are compared with.
#[derive(Debug)]
pub struct UndamagedModel {
    /// Healthy or control.
    pub condition: Condition,
    /// Whether its fine-tuning came to its end.
    pub status: RunStatus,
    /// What it took.
    pub phase: Option<PhaseSummary>,
    /// How good it is, with the predictions and the hash of its weights.
    pub model: Option<(ModelResult, Vec<Prediction>, String)>,
    /// The checkpoint.
    pub checkpoint: PathBuf,
}

/// What came of a cell.
#[derive(Debug)]
pub struct CellOutcome {
    /// Its record.
    pub record: RunRecord,
    /// Of its own models.
    pub predictions: BTreeMap<Condition, Vec<Prediction>>,
    /// Seconds in which they were judged.
    pub evaluation_secs: f64,
}

/// Makes the healthy model, or of the healthy model in `healthy` the control. The models in `run_dir` are kept as
/// `prepared` says.
///
/// # Errors
/// When the user interrupts, or the disk fails.
pub fn undamaged_model(
    prepared: &Prepared,
    run_dir: &RunDir,
    condition: Condition,
    healthy: Option<&Path>,
    interrupt: &Interrupt,
) -> anyhow::Result<UndamagedOutcome> {
    let mut progress = Progress::default();
    let start = || match healthy {
        Some(checkpoint) => prepared.load_checkpoint(Condition::Healthy, checkpoint),
        None => prepared.load(),
    };
    fine_tuned(prepared, run_dir, interrupt, &mut progress, condition, start)?;
    let hash = progress.hashes.of(condition).map(str::to_owned);
    let judged = progress.judged.remove(&condition);
    Ok(UndamagedOutcome {
        status: progress.failure.unwrap_or(RunStatus::Ok),
        phase: progress.phases.pop(),
        model: judged.zip(hash).map(|(judged, hash)| (judged.result, judged.predictions, hash)),
        evaluation_secs: progress.evaluation_secs,
    })
}

/// Carries out what is a cell's own: corrupts, heals and judges, and compares with the shared models. `undamaged` are the
/// healthy model and, under protocol `finetuned`, the control, in this order.
///
/// # Errors
/// When the user interrupts, or the disk fails.
pub fn cell(
    prepared: &Prepared,
    run_dir: &RunDir,
    undamaged: &[UndamagedModel],
    interrupt: &Interrupt,
) -> anyhow::Result<CellOutcome> {
    let mut progress = Progress::default();
    let healthy_id = prepared.spec.healthy().id();
    for shared in undamaged {
        let reused_from = Some(healthy_id.clone());
        if let Some(phase) = shared.phase.clone() {
            progress.notes.push(reused(shared.condition, reused_from.as_ref()));
            progress.phases.push(PhaseSummary { reused_from, ..phase });
        }
        if let Some((result, predictions, hash)) = &shared.model {
            let judged = Judged { result: result.clone(), predictions: predictions.clone() };
            progress.judged.insert(shared.condition, judged);
            progress.hashes.set(shared.condition, hash.clone());
        }
        if shared.status != RunStatus::Ok {
            progress.failure.get_or_insert(shared.status.clone());
        }
    }
    let reference = undamaged.last().filter(|_| progress.failure.is_none());
    if let (Some(plan), Some(reference)) = (&prepared.plan, reference) {
        let start = match prepared.spec.protocol {
            Protocol::Pretrained => prepared.load()?,
            Protocol::Finetuned => prepared.load_checkpoint(Condition::Healthy, &undamaged[0].checkpoint)?,
        };
        let damaged = corrupted(prepared, plan, run_dir, start, &mut progress)?;
        // Read again for each: a model more in memory for all of a fine-tuning costs more than reading a file.
        let distances = |parameters: &Parameters| -> anyhow::Result<Vec<WeightDistance>> {
            Ok(weight_distances(parameters, &prepared.load_checkpoint(reference.condition, &reference.checkpoint)?)?)
        };
        let corrupted = distances(&damaged)?;
        let healed = fine_tuned(prepared, run_dir, interrupt, &mut progress, Condition::Healed, || Ok(damaged))?;
        let healed = healed.as_ref().map(distances).transpose()?;
        progress.weights = Some(WeightsReturned { corrupted, healed });
    }
    let predictions = [Condition::Corrupted, Condition::Healed]
        .into_iter()
        .filter_map(|condition| Some((condition, progress.judged.get(&condition)?.predictions.clone())))
        .collect();
    let evaluation_secs = progress.evaluation_secs;
    Ok(CellOutcome { record: record(prepared, progress)?, predictions, evaluation_secs })
}
