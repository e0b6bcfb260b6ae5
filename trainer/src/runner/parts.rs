//! The parts of a run: each is durable before the next starts, and one that is there is not made again.

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

use super::fine_tune::{Outcome, fine_tune};
use super::judge::{self, Judged};
use super::prepare::{Models, Prepared};
use crate::environment::{environment, peak_rss_mib};
use crate::interrupt::Interrupt;
use crate::run_dir::{self, RunDir};

/// What a run has so far.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) judged: BTreeMap<Condition, Judged>,
    pub(super) corruption: Option<Report>,
    pub(super) phases: Vec<PhaseSummary>,
    pub(super) hashes: ResultHashes,
    /// [`RunStatus::Failed`], when a fine-tuning broke off.
    pub(super) failure: Option<RunStatus>,
    pub(super) weights: Option<WeightsReturned>,
    /// Seconds in which models were judged.
    pub(super) evaluation_secs: f64,
    pub(super) notes: Vec<String>,
}

pub(super) fn reused(condition: Condition, from: Option<&RunId>) -> String {
    let from = from.map_or("?", |id| id.as_str());
    format!("The {condition} model was reused from run {from}, which has the same spec and numerics.")
}

/// Corrupts `parameters`, keeps what that did, and judges it.
pub(super) fn corrupted(
    prepared: &Prepared,
    plan: &ResolvedPlan,
    run_dir: &RunDir,
    mut parameters: Parameters,
    progress: &mut Progress,
) -> anyhow::Result<Parameters> {
    let values = |parameters: &Parameters| -> anyhow::Result<Vec<(ParameterPath, Vec<f32>)>> {
        let there = parameters.layer_indices();
        let is_there = |path: &ParameterPath| path.layer_idx().is_none_or(|layer_idx| there.contains(&layer_idx));
        plan.touched().into_iter().filter(is_there).map(|path| Ok((path, parameters.to_vec(path)?))).collect()
    };
    let removed = plan.removed_layers();
    let before = values(&parameters)?;
    let report = parameters.corrupt(plan, prepared.spec.seeds.corruption)?;
    // Of a deleted layer there is nothing to compare.
    let before: Vec<_> =
        before.into_iter().filter(|(path, _)| !path.layer_idx().is_some_and(|idx| removed.contains(&idx))).collect();
    let weights = weight_changes(&before, &values(&parameters)?);
    drop(before);
    let detail = CorruptionDetail { sentence: plan.describe(), report, weights };
    run_dir.write_json(run_dir::CORRUPTION, &detail)?;
    progress.corruption = Some(detail.report);
    let made = Made { which: Condition::Corrupted, parameters: &parameters, n_steps: 0, written: None };
    keep(prepared, run_dir, made, progress)?;
    Ok(parameters)
}

/// One fine-tuning with its checkpoint and judgement, or what is already there of them; none when it diverged.
pub(super) fn fine_tuned(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    progress: &mut Progress,
    phase: Condition,
    start: impl FnOnce() -> anyhow::Result<Parameters>,
) -> anyhow::Result<Option<Parameters>> {
    let summary_path = run_dir.path().join(phase_file(phase));
    let is_done = summary_path.is_file() && run_dir.checkpoint_path(phase).is_dir();
    let mut written = None;
    let (parameters, n_steps) = if is_done {
        let summary: PhaseSummary = serde_json::from_slice(&std::fs::read(&summary_path)?)
            .with_context(|| format!("cannot read {}", summary_path.display()))?;
        let n_steps = summary.steps;
        // Another process took these steps.
        progress.phases.push(PhaseSummary { steps_this_process: 0, ..summary });
        (prepared.load_checkpoint(phase, &run_dir.checkpoint_path(phase))?, n_steps)
    } else {
        match fine_tune(prepared, run_dir, phase, start()?, interrupt)? {
            Outcome::Done { parameters, summary } => {
                if prepared.models == Models::Keep {
                    written = Some(prepared.write_checkpoint(run_dir, phase, &parameters)?);
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
    let made = Made { which: phase, parameters: &parameters, n_steps, written };
    keep(prepared, run_dir, made, progress)?;
    Ok(Some(parameters))
}

/// One of the models, made.
struct Made<'a> {
    which: Condition,
    parameters: &'a Parameters,
    n_steps: usize,
    /// The hash of its weights' file, where it has just been written.
    written: Option<String>,
}

/// Writes and judges one of the models.
fn keep(prepared: &Prepared, run_dir: &RunDir, made: Made<'_>, progress: &mut Progress) -> anyhow::Result<()> {
    let Made { which, parameters, n_steps, written } = made;
    let hash = match (prepared.models, written) {
        (Models::Keep, Some(hash)) => hash,
        (Models::Keep, None) if run_dir.checkpoint_path(which).is_dir() => prepared.checkpoint_hash(run_dir, which)?,
        (Models::Keep, None) => prepared.write_checkpoint(run_dir, which, parameters)?,
        (Models::Forget, _) => prepared.weights_hash(which, parameters)?,
    };
    let started = Instant::now();
    let judged = judge::judge(prepared, run_dir, which, parameters)?;
    progress.evaluation_secs += started.elapsed().as_secs_f64();
    run_dir.log_result(which, &prepared.spec, n_steps, &judged.result)?;
    progress.judged.insert(which, judged);
    progress.hashes.set(which, hash);
    Ok(())
}

pub(super) fn failure(phase: Condition, error: &Error) -> anyhow::Result<RunStatus> {
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

pub(super) fn record(prepared: &Prepared, progress: Progress) -> anyhow::Result<RunRecord> {
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
        corruption: progress.corruption.as_ref().map(CorruptionSummary::of),
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

pub(super) fn phase_file(phase: Condition) -> String {
    format!("phases/{}.json", phase.as_str())
}
