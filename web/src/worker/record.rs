//! A healing of the page as a run: the record that the native program writes of its own, for a `results.jsonl`.
//!
//! What is known when a healing begins and ends is noted then (`run_draft`); the models are judged on all held-out rows
//! afterwards, beside everything else. A healing that diverged has a record as well, one that was stopped by hand has
//! none: the visitor stopped it for what they saw. What the page does not know stands in the record as missing: where the
//! files came from, hashes of checkpoints, predictions, and the first fine-tuning of the model that was loaded.

use super::rows::{Rows, accuracy};
use super::run_draft::{Draft, Judged};
use super::session::{Damaged, Model, Session};
use super::task::{Interruption, Pending, Task};
use super::team::{Team, logits, micro_batches};
use crate::failure::{Failure, computation};
use crate::protocol::{Accuracy, HealSettings, RecordRun, Recorded, Stage, Trained};
use candle_core::Device;
use shared::Condition;
use shared::corruption::Selection;
use shared::dataset::EncodedExample;
use shared::evaluation::{Metrics, Prediction, evaluate};
use shared::nn::{InstructionSet, Kernel, Kernels};
use shared::record::{
    CorruptionSummary, DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Numerics, PhaseSummary, Protocol,
    Provenance, ReportSplit, ResultHashes, RunRecord, RunSpec, RunStatus, Seeds, SplitRows, TrainSummary,
};
use shared::training::{Precision, TrainingArgs};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen_futures::spawn_local;

/// What is called frozen where the damaged parts and the head learn: no selection of the plan grammar says it, so no run
/// of the native program is taken for one of these.
const ALL_BUT_DAMAGED: &str = "all but what the plan damages, pooler and classifier";

/// Of a healing that has not made a step.
pub(super) fn draft(
    session: &Session,
    damaged: &Damaged,
    rows: &Rc<Rows>,
    settings: &HealSettings,
) -> Result<Draft, Failure> {
    let damage = &damaged.damage;
    let counts = rows.counts();
    let origin = &session.origin;
    let model = ModelSpec {
        name: session.summary.name.clone(),
        architecture: session.config.architecture,
        config_sha256: origin.config_sha256.clone(),
        tokenizer_sha256: origin.tokenizer_sha256.clone(),
        weights_sha256: Some(session.identity.clone()),
        random: false,
        head: None,
    };
    let name = rows.name().or(origin.dataset.as_deref()).unwrap_or("labelled texts");
    let dataset = DatasetSpec {
        name: name.to_owned(),
        n_labels: session.config.label_names.len(),
        label_names: session.config.label_names.clone(),
        rows: SplitRows { train: counts.n_train, validation: 0, test: counts.n_held_out },
        n_bad_rows_skipped: 0,
        content_sha256: rows.content_hash().to_owned(),
    };
    let training =
        TrainingArgs { freeze: frozen(&settings.trained)?, ..training_args(session, settings, counts.n_train) };
    let seeds = Seeds { corruption: damage.seed, head: settings.seed, data: settings.seed, split: Seeds::all(0).split };
    let corruption = Some((Protocol::Finetuned, damage.plan.clone()));
    Ok(Draft {
        spec: RunSpec::new(model, dataset, corruption, training, seeds, ReportSplit::Test),
        rows: Rc::clone(rows),
        corruption: damage.report.as_ref().map(CorruptionSummary::of),
        healthy: Rc::clone(&session.healthy),
        corrupted: Rc::clone(&damaged.model),
        healed: None,
        failure: None,
        phase: PhaseSummary {
            phase: Condition::Healed,
            steps: 0,
            steps_this_process: 0,
            epochs: 0.0,
            secs: Some(0.0),
            samples: 0,
            tokens: 0,
            loss_first: None,
            loss_last: None,
            resumed_from: Vec::new(),
            reused_from: None,
        },
    })
}

/// The recipe of a healing, but for what is frozen. Its steps are cut into what workers can share.
pub(super) fn training_args(session: &Session, settings: &HealSettings, n_rows: usize) -> TrainingArgs {
    let batch_size = settings.batch_size.min(n_rows);
    let n_micro = micro_batches(batch_size);
    TrainingArgs {
        learning_rate: settings.learning_rate,
        batch_size: batch_size / n_micro,
        gradient_accumulation_steps: n_micro,
        max_steps: Some(settings.n_steps),
        max_length: session.summary.max_length,
        ..TrainingArgs::default()
    }
}

/// What stays as it is, as a record says it.
fn frozen(trained: &Trained) -> Result<Option<String>, Failure> {
    Ok(match trained {
        Trained::All => None,
        Trained::DamagedAndHead => Some(ALL_BUT_DAMAGED.to_owned()),
        Trained::AllBut(selection) => {
            let selection = Selection::parse(selection);
            Some(selection.map_err(|error| Failure::BadSelection { message: error.to_string() })?.to_string())
        }
    })
}

/// What the models are judged on.
struct Bench {
    rows: Rc<Rows>,
    examples: Arc<Vec<EncodedExample>>,
    n_labels: usize,
    team: Rc<Team>,
}

impl Bench {
    fn of(session: &Session, draft: &Draft) -> Result<Self, Failure> {
        Ok(Self {
            examples: session.held_out_examples(&draft.rows)?,
            rows: Rc::clone(&draft.rows),
            n_labels: session.config.label_names.len(),
            team: Rc::clone(&session.team),
        })
    }
}

/// The share of held-out rows that the model of the healing that has just ended gets right; none without such a model.
///
/// # Errors
/// [`Interruption::Cancelled`] when the task is no longer wanted.
pub(super) async fn accuracy_of_healed(task: &Pending) -> Result<Option<Accuracy>, Interruption> {
    let asked = task.context().with_session(|session| {
        let Some((draft, healed)) = session.run.as_ref().and_then(|draft| Some((draft, draft.healed.clone()?))) else {
            return Ok(None);
        };
        Ok(Some((healed, Bench::of(session, draft)?)))
    })?;
    let Some((healed, bench)) = asked else { return Ok(None) };
    let metrics = metrics(task, &healed, &bench, |_| {}).await?;
    let n_right = (metrics.accuracy * metrics.n as f64).round() as usize;
    let accuracy = accuracy(n_right, metrics.n);
    Ok(accuracy.map(|accuracy| Accuracy { n_non_finite: metrics.n_non_finite, ..accuracy }))
}

/// Judges the models of the healing that has ended, beside the queue, and answers with its record.
pub(super) fn start(task: Task<RecordRun>) {
    let begun = task.context().with_session(|session| {
        let draft = session.run.take().filter(|draft| draft.is_over()).ok_or(Failure::NoHealing)?;
        let bench = Bench::of(session, &draft)?;
        Ok((draft, bench))
    });
    let (draft, bench) = match begun {
        Ok(begun) => begun,
        Err(failure) => return task.finish(Err(failure.into())),
    };
    spawn_local(async move {
        let recorded = run(&task, *draft, &bench).await;
        task.finish(recorded);
    });
}

async fn run(task: &Task<RecordRun>, draft: Draft, bench: &Bench) -> Result<Recorded, Interruption> {
    let models = [Some(&draft.healthy), Some(&draft.corrupted), draft.healed.as_ref()];
    let (n_models, n_rows) = (models.into_iter().flatten().count(), bench.examples.len());
    let total = (n_models * n_rows) as u64;
    let mut results = Vec::new();
    for (at, model) in models.into_iter().enumerate() {
        let Some(model) = model else {
            results.push(None);
            continue;
        };
        let on_rows = |done| task.progress(Stage::Rows, (at * n_rows) as u64 + done, total);
        let metrics = metrics(task, model, bench, on_rows).await?;
        results.push(Some(ModelResult { metrics, predictions: String::new() }));
    }
    let healed = draft.healed.clone();
    let record = record(draft, results);
    let line = serde_json::to_string(&record).map_err(|error| Failure::Computation { reason: error.to_string() })?;
    let recorded = Recorded { run_id: record.run_id.to_string(), line };
    // The model may have been replaced meanwhile, and has its record all the same.
    if let (Some(session), Some(healed)) = (task.context().session.borrow_mut().as_mut(), healed) {
        session.recorded = Some((Box::new(record), Rc::downgrade(&healed)));
    }
    Ok(recorded)
}

/// How good a model is, unless that is known.
async fn metrics(
    task: &Pending,
    model: &Rc<Model>,
    bench: &Bench,
    on_rows: impl FnMut(u64),
) -> Result<Metrics, Interruption> {
    let is_it = |judged: &Judged| {
        std::ptr::eq(judged.model.as_ptr(), Rc::as_ptr(model))
            && std::ptr::eq(judged.rows.as_ptr(), Rc::as_ptr(&bench.rows))
    };
    let known =
        |session: &mut Session| Ok(session.judged.iter().find(|judged| is_it(judged)).map(|of| of.metrics.clone()));
    // Without a session nothing is known.
    if let Ok(Some(metrics)) = task.context().with_session(known) {
        return Ok(metrics);
    }
    let outputs = logits(task, &bench.team, model, &bench.examples, on_rows).await?;
    let predictions = Prediction::of_rows(outputs, &bench.examples, &bench.rows.held_out_hashes());
    let metrics = evaluate(&predictions, bench.n_labels).map_err(|e| computation(&e))?;
    if let Some(session) = task.context().session.borrow_mut().as_mut() {
        // A model that is gone is not asked about any more.
        session.judged.retain(|judged| judged.model.strong_count() > 0 && judged.rows.strong_count() > 0);
        let judged = Judged { model: Rc::downgrade(model), rows: Rc::downgrade(&bench.rows), metrics: metrics.clone() };
        session.judged.push(judged);
    }
    Ok(metrics)
}

/// The record; `results` are those of the healthy, the corrupted and the healed model.
fn record(draft: Draft, results: Vec<Option<ModelResult>>) -> RunRecord {
    let [healthy, corrupted, healed] = <[Option<ModelResult>; 3]>::try_from(results).unwrap_or([None, None, None]);
    let mut notes = vec![
        "Made in the page: the healthy model is the one that was loaded, of whose own fine-tuning this record knows \
         nothing, and there is no control with the healing's budget."
            .to_owned(),
    ];
    if draft.spec.training.freeze.as_deref() == Some(ALL_BUT_DAMAGED) {
        notes.push("Only the tensors that the plan damages, the pooler and the classifier were fine-tuned.".to_owned());
    }
    RunRecord {
        run_id: draft.spec.id(),
        status: draft.failure.unwrap_or(RunStatus::Ok),
        healthy,
        control: None,
        corrupted,
        healed,
        recovery: None,
        deficit: None,
        against_healthy: None,
        train: TrainSummary::from_phases(vec![draft.phase]),
        weights: None,
        corruption: draft.corruption,
        hashes: Hashes {
            weights: draft.spec.model.weights_sha256.clone(),
            data: draft.spec.dataset.content_sha256.clone(),
            checkpoints: ResultHashes::default(),
        },
        provenance: Provenance::default(),
        peak_rss_mib: None,
        numerics: Some(numerics()),
        environment: Environment {
            version: format!("page {}", env!("CARGO_PKG_VERSION")),
            commit: "unknown".to_owned(),
            device: "cpu".to_owned(),
            dtype: Precision::F32,
            threads: None,
        },
        notes,
        spec: draft.spec,
    }
}

/// What computes here, as far as it decides the bits.
fn numerics() -> Numerics {
    let kernels = match Kernels::for_device(&Device::Cpu).encoder_layer {
        Kernel::Fused => "fused",
        Kernel::Composite => "composite",
    };
    Numerics {
        device_kind: "cpu".to_owned(),
        instruction_set: InstructionSet::current().as_str().to_owned(),
        kernels: kernels.to_owned(),
        dtype: Precision::F32,
    }
}
