//! One run of the experiment: fine-tune a healthy model, corrupt and fine-tune a copy, judge all of them. Under protocol
//! `finetuned` the healthy model is also fine-tuned once more without damage, as a control.
//!
//! A run is a sequence of parts, each of which is durable before the next starts: a part that is there is not made
//! again, so the same command on the same folder goes on where it was stopped, however that happened.

mod cell;
mod dump;
mod fine_tune;
mod judge;
mod prepare;
mod reuse;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, anyhow};
use shared::Condition;
use shared::corruption::{Report, ResolvedPlan};
use shared::inspection::weight_changes;
use shared::model::ParameterPath;
use shared::random::Seed;
use shared::record::{
    Comparison, CorruptionDetail, CorruptionSummary, Hashes, ModelResult, PhaseSummary, Protocol, ResultHashes, RunId,
    RunRecord, RunStatus, TrainSummary, WeightsReturned,
};
use shared::{Error, Parameters};

pub use cell::{CellOutcome, UndamagedModel, UndamagedOutcome, cell, undamaged_model};
pub use dump::BatchDump;
pub use fine_tune::{Outcome, fine_tune};
pub use judge::{Judged, predictions_of};
pub use prepare::{
    DEFAULT_MAX_LENGTH, Encoded, Models, Prepared, RunRequest, checkpoint_files, cuts_in_words, encode, max_length,
};

use crate::atomic;
use crate::card::{CARD, MadeBy, card};
use crate::environment::{command, environment, peak_rss_mib};
use crate::interrupt::Interrupt;
use crate::run_dir::{self, RunDir, predictions};
use crate::say;

/// What a run has so far.
#[derive(Default)]
struct Progress {
    judged: BTreeMap<Condition, Judged>,
    corruption: Option<Report>,
    phases: Vec<PhaseSummary>,
    hashes: ResultHashes,
    /// [`RunStatus::Failed`], when a fine-tuning broke off.
    failure: Option<RunStatus>,
    weights: Option<WeightsReturned>,
    /// Seconds in which models were judged.
    evaluation_secs: f64,
    notes: Vec<String>,
}

/// Carries the run out in its folder, and returns its record. A run that is already finished returns the record it has.
///
/// # Errors
/// When the user interrupts, or the disk fails. A fine-tuning that diverges is no error but a record with that status.
pub fn run(prepared: &Prepared, run_dir: &RunDir, interrupt: &Interrupt) -> anyhow::Result<RunRecord> {
    if let Some(record) = run_dir.read_record()? {
        say!("{}: already finished; nothing to compute", run_dir.path().display());
        // The process that finished it may have been killed before it came to this.
        run_dir.append_to_results(&record)?;
        return Ok(record);
    }
    let mut progress = Progress::default();
    let healthy = healthy(prepared, run_dir, interrupt, &mut progress)?;
    if let (Some(plan), Some(healthy)) = (&prepared.plan, healthy) {
        let undamaged = undamaged(prepared, run_dir, interrupt, healthy, &mut progress)?;
        let corrupted = corrupted(prepared, plan, run_dir, undamaged, &mut progress)?;
        fine_tuned(prepared, run_dir, interrupt, &mut progress, Condition::Healed, || Ok(corrupted))?;
    }
    keep_texts(prepared, run_dir)?;
    run_dir.write_json(run_dir::COMMAND, &command())?;
    let record = record(prepared, progress)?;
    write_cards(prepared, run_dir, &record)?;
    run_dir.write_record(&record)?;
    run_dir.append_to_results(&record)?;
    for phase in Condition::FINE_TUNED {
        if !matches!(&record.status, RunStatus::Failed { phase: failed, .. } if *failed == phase) {
            run_dir.states().clear(phase.as_str())?;
        }
    }
    Ok(record)
}

/// Says in each checkpoint which of the models it is and what came of it.
fn write_cards(prepared: &Prepared, run_dir: &RunDir, record: &RunRecord) -> anyhow::Result<()> {
    for which in Condition::ALL {
        let folder = run_dir.checkpoint_path(which);
        if folder.is_dir() {
            atomic::write_file(
                &folder.join(CARD),
                card(&prepared.config_of(which), Some(MadeBy { record, place: which })).as_bytes(),
            )?;
        }
    }
    Ok(())
}

/// The healthy model; none when its fine-tuning diverged.
fn healthy(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> anyhow::Result<Option<Parameters>> {
    if prepared.dump.is_none() {
        take_over(prepared, run_dir, Condition::Healthy, progress)?;
    }
    fine_tuned(prepared, run_dir, interrupt, progress, Condition::Healthy, || prepared.load())
}

/// What the protocol corrupts. Under `finetuned` that is the healthy model, and the control is made on the way: the healthy
/// model fine-tuned once more as the corrupted one will be, only without the damage.
///
/// What a fine-tuning starts from is read again after it rather than kept beside it: a model more in memory for all of a
/// fine-tuning costs more than reading a file.
fn undamaged(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    healthy: Parameters,
    progress: &mut Progress,
) -> anyhow::Result<Parameters> {
    match prepared.spec.protocol {
        Protocol::Pretrained => {
            drop(healthy);
            prepared.load()
        }
        Protocol::Finetuned => {
            // It is still there when the healthy model was made earlier.
            prepared.forget_read();
            take_over(prepared, run_dir, Condition::Control, progress)?;
            fine_tuned(prepared, run_dir, interrupt, progress, Condition::Control, || Ok(healthy))?;
            prepared.load_checkpoint(&run_dir.checkpoint_path(Condition::Healthy))
        }
    }
}

fn take_over(
    prepared: &Prepared,
    run_dir: &RunDir,
    condition: Condition,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    if let Some(summary) = reuse::take_over(prepared, run_dir, condition)? {
        progress.notes.push(reused(condition, summary.reused_from.as_ref()));
        run_dir.write_json(&phase_file(condition), &summary)?;
    }
    Ok(())
}

fn reused(condition: Condition, from: Option<&RunId>) -> String {
    let from = from.map_or("?", |id| id.as_str());
    format!("The {condition} model was reused from run {from}, which has the same spec and numerics.")
}

/// Corrupts `parameters`, keeps what that did, and judges it.
fn corrupted(
    prepared: &Prepared,
    plan: &ResolvedPlan,
    run_dir: &RunDir,
    mut parameters: Parameters,
    progress: &mut Progress,
) -> anyhow::Result<Parameters> {
    let values = |parameters: &Parameters| -> anyhow::Result<Vec<(ParameterPath, Vec<f32>)>> {
        plan.touched().into_iter().map(|path| Ok((path, parameters.to_vec(path)?))).collect()
    };
    let before = values(&parameters)?;
    let report = parameters.corrupt(plan, prepared.spec.seeds.corruption)?;
    let weights = weight_changes(&before, &values(&parameters)?);
    drop(before);
    let detail = CorruptionDetail { sentence: plan.describe(), report, weights };
    run_dir.write_json(run_dir::CORRUPTION, &detail)?;
    progress.corruption = Some(detail.report);
    keep(prepared, run_dir, Condition::Corrupted, &parameters, 0, progress)?;
    Ok(parameters)
}

/// One fine-tuning with its checkpoint and judgement, or what is already there of them; none when it diverged.
fn fine_tuned(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    progress: &mut Progress,
    phase: Condition,
    start: impl FnOnce() -> anyhow::Result<Parameters>,
) -> anyhow::Result<Option<Parameters>> {
    let summary_path = run_dir.path().join(phase_file(phase));
    let is_done = summary_path.is_file() && run_dir.checkpoint_path(phase).is_dir();
    let (parameters, n_steps) = if is_done {
        let summary: PhaseSummary = serde_json::from_slice(&std::fs::read(&summary_path)?)
            .with_context(|| format!("cannot read {}", summary_path.display()))?;
        let n_steps = summary.steps;
        // Another process took these steps.
        progress.phases.push(PhaseSummary { steps_this_process: 0, ..summary });
        (prepared.load_checkpoint(&run_dir.checkpoint_path(phase))?, n_steps)
    } else {
        match fine_tune(prepared, run_dir, phase, start()?, interrupt)? {
            Outcome::Done { parameters, summary } => {
                if prepared.models == Models::Keep {
                    prepared.write_checkpoint(run_dir, phase, &parameters)?;
                }
                run_dir.write_json(&phase_file(phase), &summary)?;
                let n_steps = summary.steps;
                progress.phases.push(summary);
                (parameters, n_steps)
            }
            Outcome::Failed { error, summary } => {
                progress.phases.push(summary);
                progress.failure = Some(failure(phase, &error)?);
                if prepared.models == Models::Keep {
                    progress.notes.push(format!("The last good state of the {phase} model is kept in state/{phase}."));
                }
                return Ok(None);
            }
        }
    };
    keep(prepared, run_dir, phase, &parameters, n_steps, progress)?;
    Ok(Some(parameters))
}

/// Writes and judges one of the models, which took `n_steps` steps to make.
fn keep(
    prepared: &Prepared,
    run_dir: &RunDir,
    which: Condition,
    parameters: &Parameters,
    n_steps: usize,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let hash = match prepared.models {
        Models::Keep => {
            if !run_dir.checkpoint_path(which).is_dir() {
                prepared.write_checkpoint(run_dir, which, parameters)?;
            }
            prepared.checkpoint_hash(run_dir, which)?
        }
        Models::Forget => prepared.weights_hash(which, parameters)?,
    };
    let started = Instant::now();
    let judged = judge::judge(prepared, run_dir, which, parameters)?;
    progress.evaluation_secs += started.elapsed().as_secs_f64();
    run_dir.log_result(which, &prepared.spec, n_steps, &judged.result)?;
    progress.judged.insert(which, judged);
    progress.hashes.set(which, hash);
    Ok(())
}

/// Keeps the texts of the reported rows, which predictions name only by their hash.
fn keep_texts(prepared: &Prepared, run_dir: &RunDir) -> anyhow::Result<()> {
    predictions::write(&run_dir.path().join(run_dir::TEXTS), prepared.report_texts.iter())
}

fn failure(phase: Condition, error: &Error) -> anyhow::Result<RunStatus> {
    match error {
        Error::Diverged { step, learning_rate, what, value } => Ok(RunStatus::Failed {
            phase,
            step: *step,
            learning_rate: *learning_rate,
            reason: format!("the {what} is {value}"),
        }),
        other => Err(anyhow!("{other}")),
    }
}

fn record(prepared: &Prepared, progress: Progress) -> anyhow::Result<RunRecord> {
    let judged = |condition: Condition| progress.judged.get(&condition);
    let against =
        |reference: Condition| match (judged(reference), judged(Condition::Corrupted), judged(Condition::Healed)) {
            (Some(undamaged), Some(corrupted), Some(healed)) => {
                judge::compare((reference, undamaged), corrupted, healed, prepared.spec.protocol, Seed(0)).map(Some)
            }
            _ => Ok(None),
        };
    // Under `finetuned` the healthy model has had one fine-tuning less than the healed one: it is the control that counts.
    let (comparison, against_healthy) = match prepared.spec.protocol {
        Protocol::Pretrained => (against(Condition::Healthy)?, None),
        Protocol::Finetuned => (against(Condition::Control)?, against(Condition::Healthy)?),
    };
    let (recovery, deficit) = comparison.map(|Comparison { recovery, deficit }| (recovery, deficit)).unzip();
    let result =
        |condition: Condition| -> Option<ModelResult> { judged(condition).map(|judged| judged.result.clone()) };
    Ok(RunRecord {
        run_id: prepared.spec.id(),
        spec: prepared.spec.clone(),
        status: progress.failure.unwrap_or(RunStatus::Ok),
        healthy: result(Condition::Healthy),
        control: result(Condition::Control),
        corrupted: result(Condition::Corrupted),
        healed: result(Condition::Healed),
        recovery,
        deficit,
        against_healthy,
        train: TrainSummary::from_phases(progress.phases),
        corruption: progress.corruption.as_ref().map(corruption_summary),
        hashes: Hashes {
            weights: prepared.spec.model.weights_sha256.clone(),
            data: prepared.spec.dataset.content_sha256.clone(),
            checkpoints: progress.hashes,
        },
        provenance: prepared.provenance.clone(),
        weights: progress.weights,
        peak_rss_mib: peak_rss_mib(),
        numerics: Some(prepared.numerics.clone()),
        environment: environment(&prepared.device_name, prepared.spec.training.dtype),
        notes: prepared.notes.iter().cloned().chain(progress.notes).collect(),
    })
}

/// Sums over the tensors of a report; norms add up as squares.
#[must_use]
pub fn corruption_summary(report: &Report) -> CorruptionSummary {
    let norm = |of: fn(&shared::corruption::TensorReport) -> f64| {
        report.tensors.iter().map(|tensor| of(tensor).powi(2)).sum::<f64>().sqrt()
    };
    CorruptionSummary {
        n_tensors: report.totals.n_tensors,
        n_elements_changed: report.totals.n_changed,
        n_non_finite: report.totals.n_non_finite,
        norm_before: norm(|tensor| tensor.norm_before),
        norm_after: norm(|tensor| tensor.norm_after),
    }
}

fn phase_file(phase: Condition) -> String {
    format!("phases/{}.json", phase.as_str())
}
