//! Carrying out one task of a sweep in this process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use shared::Condition;
use shared::evaluation::{CompactPredictions, Prediction};
use shared::record::{PhaseSummary, RunStatus};

use super::attempt::{Attempt, End, Held, Watched};
use super::plan::{Plan, Task};
use super::request::{CellRequest, Resolve};
use super::result::{CellResult, Cost, Published, ReportedRow, SHARED_MODEL, SharedModel, keep_rows};
use super::settings::{Settings, SettingsId};
use crate::atomic;
use crate::environment::peak_rss_mib;
use crate::exit_code::{ExitCode, bad_input, exit_code_of, interrupted};
use crate::failpoint;
use crate::interrupt::Interrupt;
use crate::output;
use crate::run_dir::{RunDir, checkpoint_path, predictions, predictions_name};
use crate::runner::{self, Models, Prepared, UndamagedModel};
use crate::say;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// There is a result; the sentence says what it is.
    Finished(String),
    /// A fine-tuning broke off: that is a result, too, and the sentence says why.
    Diverged(String),
    /// There is none, and trying again without a change would not help.
    Failed(String),
    /// This process was asked to stop, or was taken for dead; what it computed is saved.
    Interrupted,
    /// Somebody else holds it.
    Held(Held),
}

const MADE_ELSEWHERE: &str = "was made by another process meanwhile";

/// Where tasks are carried out, with what one leaves for the next: rows and tokens.
pub struct Workshop<'a> {
    plan: &'a Plan,
    resolve: Resolve,
    interrupt: Interrupt,
    /// How long to wait for somebody else who may be dead.
    patience: Duration,
    /// The leases of others, by task, as they were last seen.
    watched: BTreeMap<Task, Watched>,
    /// What the last task was prepared with; the next mostly differs in its damage alone.
    prepared: Option<(SettingsId, Rc<Prepared>)>,
}

impl<'a> Workshop<'a> {
    /// For tasks of `plan`.
    #[must_use]
    pub fn new(plan: &'a Plan, resolve: Resolve, interrupt: Interrupt, patience: Duration) -> Self {
        Self { plan, resolve, interrupt, patience, watched: BTreeMap::new(), prepared: None }
    }

    /// Carries a task out, unless it has a result.
    ///
    /// # Errors
    /// When the sweep's own folder cannot be used; whatever else fails is the task's failure, and kept with it.
    pub fn carry_out(&mut self, task: &Task) -> anyhow::Result<Done> {
        let tries = self.plan.folder.attempts(&task.to_string());
        if is_done(self.plan, task) {
            return Ok(Done::Finished("was there already".to_owned()));
        }
        let mut watched = self.watched.remove(task);
        let attempt = match Attempt::begin(&tries, self.patience, &mut watched, || is_done(self.plan, task))? {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return Ok(Done::Finished(MADE_ELSEWHERE.to_owned())),
            Err(held) => {
                self.watched.extend(watched.map(|watched| (task.clone(), watched)));
                return Ok(Done::Held(held));
            }
        };
        let started = Instant::now();
        let log = File::options().create(true).append(true).open(attempt.log());
        output::also_log_to(Some(log.with_context(|| attempt.log().display().to_string())?));
        std::panic::set_hook(Box::new(|panic| say!("{panic}")));
        let outcome = catch_unwind(AssertUnwindSafe(|| self.attempt(task, &attempt, started)))
            .unwrap_or_else(|_| Err(anyhow!("the program panicked; its message is above this line of the log")));
        let done = match outcome {
            Ok(done) => {
                // Closed before its folder goes.
                output::also_log_to(None);
                attempt.finish()?;
                done
            }
            // Whatever went wrong for one who was taken for dead, somebody else has come to the end.
            Err(_) if is_done(self.plan, task) => {
                output::also_log_to(None);
                attempt.finish()?;
                Done::Finished(MADE_ELSEWHERE.to_owned())
            }
            Err(error) if exit_code_of(&error) == ExitCode::Interrupted => {
                attempt.end(&End { is_interrupted: true, reason: format!("{error:#}") })?;
                Done::Interrupted
            }
            Err(error) => {
                let reason = format!("{error:#}");
                say!("error: {reason}");
                attempt.end(&End { is_interrupted: false, reason: reason.clone() })?;
                Done::Failed(reason)
            }
        };
        output::also_log_to(None);
        Ok(done)
    }

    fn attempt(&mut self, task: &Task, attempt: &Attempt, started: Instant) -> anyhow::Result<Done> {
        let settings = self.plan.settings(task).ok_or_else(|| anyhow!("the plan has no task {task}"))?.clone();
        say!("{}", settings.in_words());
        match task {
            Task::Undamaged(of, condition) => self.undamaged(of, *condition, &settings, attempt, started),
            Task::Cell(id) => self.cell(id, &settings, attempt, started),
        }
    }

    /// Rows, tokens and recipe of settings without damage.
    fn prepare(&mut self, settings: &Settings) -> anyhow::Result<Rc<Prepared>> {
        let undamaged = settings.undamaged();
        let id = undamaged.id();
        if let Some((of, prepared)) = &self.prepared
            && *of == id
        {
            return Ok(prepared.clone());
        }
        // What the last task left is freed before as much is made again.
        self.prepared = None;
        let request: CellRequest = (self.resolve)(&undamaged)?;
        let prepared = Rc::new(Prepared::new(request.as_run_request())?);
        self.prepared = Some((id, prepared.clone()));
        Ok(prepared)
    }

    fn undamaged(
        &mut self,
        of: &SettingsId,
        condition: Condition,
        settings: &Settings,
        attempt: &Attempt,
        started: Instant,
    ) -> anyhow::Result<Done> {
        let base = self.prepare(settings)?;
        let prepared = base.with_damage(None, base.spec.seeds.corruption, Models::Keep)?;
        let healthy = (condition == Condition::Control).then(|| self.shared(of, Condition::Healthy, &prepared));
        let healthy = healthy.transpose()?;
        let run_dir = RunDir::open(&attempt.run(), &prepared.spec, &prepared.numerics)?;
        let interrupt = self.interrupt.or(attempt.lost());
        let outcome = match &healthy {
            Some(healthy) if healthy.status != RunStatus::Ok => runner::UndamagedOutcome {
                status: healthy.status.clone(),
                phase: None,
                model: None,
                evaluation_secs: 0.0,
            },
            _ => {
                let start = healthy.as_ref().map(|healthy| healthy.checkpoint.as_path());
                runner::undamaged_model(&prepared, &run_dir, condition, start, &interrupt)?
            }
        };
        let rows = keep_rows(&self.plan.folder, &reported_rows(&prepared))?;
        let (result, all_predictions, sha256) = match outcome.model {
            Some((result, predictions, sha256)) => (Some(result), predictions, Some(sha256)),
            None => (None, Vec::new(), None),
        };
        let cost = cost(outcome.phase.as_slice(), outcome.evaluation_secs);
        let shared = SharedModel {
            condition,
            spec: prepared.spec.clone(),
            numerics: prepared.numerics.clone(),
            status: outcome.status.clone(),
            phase: outcome.phase.map(PhaseSummary::without_measurements),
            result,
            sha256,
            predictions: CompactPredictions::of(&all_predictions),
            rows,
        };
        let words = in_words(&outcome.status, shared.result.as_ref().map(|result| result.metrics.accuracy), condition);
        drop(run_dir);
        failpoint::reached("shared.before");
        if shared.result.is_some() {
            require_own_run(&checkpoint_path(&attempt.run(), condition))?;
        }
        publish_shared(self.plan, of, &shared, &all_predictions, &attempt.run())?;
        failpoint::reached("shared.after");
        self.keep_cost(&Task::Undamaged(of.clone(), condition), cost, attempt, started)?;
        Ok(words)
    }

    /// A shared model that is there with its weights.
    fn shared(&self, of: &SettingsId, condition: Condition, prepared: &Prepared) -> anyhow::Result<UndamagedModel> {
        let folder = self.plan.folder.undamaged(of, condition);
        let shared = SharedModel::read(&self.plan.folder, of, condition)?
            .ok_or_else(|| anyhow!("the {condition} model that this starts from is not there: {}", folder.display()))?;
        if let Some(difference) = shared.numerics.difference(&prepared.numerics) {
            return Err(bad_input(anyhow!(
                "the {condition} model was made with different numerics: {difference}; one sweep is computed by one kind \
                 of processor (BERT_HEAL_ISA chooses the instruction set)"
            )));
        }
        if shared.spec.id() != prepared.spec.healthy().id() {
            return Err(bad_input(anyhow!(
                "the {condition} model was made of other files: model, dataset or program have changed since the sweep \
                 began (remove {} to make it anew)",
                folder.display()
            )));
        }
        let model = match (shared.result, shared.sha256) {
            (Some(result), Some(sha256)) => {
                let rows: Vec<Prediction> = predictions::read(&folder.join(predictions_file(condition)))?;
                Some((result, rows, sha256))
            }
            _ => None,
        };
        let checkpoint = checkpoint_path(&folder, condition);
        Ok(UndamagedModel { condition, status: shared.status, phase: shared.phase, model, checkpoint })
    }

    fn cell(
        &mut self,
        id: &SettingsId,
        settings: &Settings,
        attempt: &Attempt,
        started: Instant,
    ) -> anyhow::Result<Done> {
        let base = self.prepare(settings)?;
        let request: CellRequest = (self.resolve)(settings)?;
        let corruption = request.corruption.as_ref().map(|(protocol, plan)| (*protocol, plan.as_str()));
        let models = if self.plan.keep_checkpoints { Models::Keep } else { Models::Forget };
        let prepared = base.with_damage(corruption, request.seeds.corruption, models)?;
        let of = settings.undamaged().id();
        let mut undamaged = vec![self.shared(&of, Condition::Healthy, &prepared)?];
        if settings.has_control() {
            undamaged.push(self.shared(&of, Condition::Control, &prepared)?);
        }
        let run_dir = RunDir::open(&attempt.run(), &prepared.spec, &prepared.numerics)?;
        let interrupt = self.interrupt.or(attempt.lost());
        let outcome = runner::cell(&prepared, &run_dir, &undamaged, &interrupt)?;
        drop(run_dir);
        if self.plan.keep_checkpoints
            && outcome.record.corrupted.is_some()
            && !self.plan.folder.checkpoints(id).is_dir()
        {
            require_own_run(&attempt.run().join("checkpoint"))?;
            keep_checkpoints(self.plan, id, &attempt.run())?;
        }
        let rows = keep_rows(&self.plan.folder, &reported_rows(&prepared))?;
        let own: Vec<_> =
            outcome.record.train.phases.iter().filter(|phase| phase.reused_from.is_none()).cloned().collect();
        let cost = cost(&own, outcome.evaluation_secs);
        let record = outcome.record.without_measurements();
        let healed = record.healed.as_ref().or(record.healthy.as_ref()).map(|result| result.metrics.accuracy);
        let words = in_words(&record.status, healed, Condition::Healed);
        let compact = outcome.predictions.iter().map(|(condition, rows)| (*condition, CompactPredictions::of(rows)));
        let result = CellResult { cell: id.clone(), record, rows, predictions: compact.collect(), undamaged: of };
        let task = Task::Cell(id.clone());
        if result.record.status != RunStatus::Ok {
            atomic::write_file(&self.plan.folder.diverged().join(id.as_str()), b"")?;
        }
        if result.publish(&self.plan.folder)? == Published::Duplicate {
            say!("another process published the same result, byte for byte, before this one");
            let path = self.plan.folder.path().join("duplicates").join(format!("{id}-{}.json", attempt.number()));
            atomic::write_json(&path, &finished_cost(&task, cost, attempt, started))?;
            return Ok(words);
        }
        self.keep_cost(&task, cost, attempt, started)?;
        Ok(words)
    }

    fn keep_cost(&self, task: &Task, cost: Cost, attempt: &Attempt, started: Instant) -> anyhow::Result<()> {
        let cost = finished_cost(task, cost, attempt, started);
        atomic::write_json(&self.plan.folder.cost(&task.to_string()), &cost)
    }
}

/// Whether a task has its result. A shared model whose weights were cleaned away counts only for cells that are done, and
/// those do not ask.
#[must_use]
pub fn is_done(plan: &Plan, task: &Task) -> bool {
    match task {
        Task::Cell(id) => plan.folder.result(id).is_file(),
        Task::Undamaged(of, condition) => {
            let folder = plan.folder.undamaged(of, *condition);
            folder.join(SHARED_MODEL).is_file()
                && (checkpoint_path(&folder, *condition).is_dir()
                    || matches!(SharedModel::read(&plan.folder, of, *condition), Ok(Some(shared)) if shared.result.is_none()))
        }
    }
}

fn in_words(status: &RunStatus, accuracy: Option<f64>, condition: Condition) -> Done {
    match status {
        RunStatus::Ok => {
            Done::Finished(accuracy.map_or_else(String::new, |share| format!("{condition} {:.1} %", 100.0 * share)))
        }
        RunStatus::Failed { phase, step, reason, .. } => {
            Done::Diverged(format!("fine-tuning the {phase} model broke off at step {step}: {reason}"))
        }
    }
}

fn cost(phases: &[PhaseSummary], evaluation_secs: f64) -> Cost {
    Cost {
        training_secs: phases.iter().filter_map(|phase| phase.secs).sum::<f64>() + 0.0,
        steps: phases.iter().map(|phase| phase.steps).sum(),
        resumed_from: phases.iter().flat_map(|phase| phase.resumed_from.clone()).collect(),
        evaluation_secs,
        ..Cost::default()
    }
}

/// With what is known only at the end.
fn finished_cost(task: &Task, cost: Cost, attempt: &Attempt, started: Instant) -> Cost {
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Cost {
        task: task.to_string(),
        secs: started.elapsed().as_secs_f64(),
        peak_rss_mib: peak_rss_mib(),
        threads: rayon::current_num_threads(),
        host: super::machine::host(),
        attempt: attempt.number(),
        ended,
        ..cost
    }
}

fn reported_rows(prepared: &Prepared) -> Vec<ReportedRow> {
    let labels = prepared.report.examples.iter().map(|example| example.label);
    labels.zip(prepared.report_texts.iter()).map(|(label, text)| ReportedRow { label, text: text.clone() }).collect()
}

fn predictions_file(condition: Condition) -> String {
    predictions_name(condition.as_str())
}

/// Puts the folder of a shared model in its place by one rename, unless there is one: that of another try is the same.
fn publish_shared(
    plan: &Plan,
    of: &SettingsId,
    shared: &SharedModel,
    all_predictions: &[Prediction],
    run: &Path,
) -> anyhow::Result<()> {
    let place = plan.folder.undamaged(of, shared.condition);
    atomic::write_file(&run.join(SHARED_MODEL), &shared.to_bytes()?)?;
    if shared.result.is_some() && !run.join(predictions_file(shared.condition)).is_file() {
        predictions::write(&run.join(predictions_file(shared.condition)), all_predictions)?;
    }
    for name in ["state", "tensorboard"] {
        remove_dir_if_there(&run.join(name))?;
    }
    let parent = place.parent().expect("it lies in a folder");
    atomic::create_dirs(parent)?;
    if place.join(SHARED_MODEL).is_file() && !checkpoint_path(&place, shared.condition).is_dir() {
        // Its weights were cleaned away; what is left of it is the same.
        let old = tempfile::Builder::new().prefix(".tmp-").tempdir_in(parent)?;
        atomic::rename(&place, &old.path().join("old")).with_context(|| place.display().to_string())?;
    }
    match atomic::rename(run, &place) {
        Ok(()) => {}
        Err(_) if place.join(SHARED_MODEL).is_file() => {
            let there = fs::read(place.join(SHARED_MODEL))?;
            if there != shared.to_bytes()? {
                return Err(anyhow!("{}: another process has published another model", place.display()));
            }
            say!("another process published the same model before this one");
        }
        Err(error) => return Err(error).with_context(|| place.display().to_string()),
    }
    atomic::sync_dir(parent).with_context(|| parent.display().to_string())
}

fn keep_checkpoints(plan: &Plan, id: &SettingsId, run: &Path) -> anyhow::Result<()> {
    let place = plan.folder.checkpoints(id);
    atomic::create_dirs(place.parent().expect("it lies in a folder"))?;
    atomic::rename(&run.join("checkpoint"), &place).with_context(|| place.display().to_string())
}

/// Ends a try whose run is no longer in its folder: who takes another for dead moves the run away, and what that one wrote
/// since lies in a new folder, without the weights that were made before.
fn require_own_run(weights: &Path) -> anyhow::Result<()> {
    if weights.is_dir() { Ok(()) } else { Err(interrupted(anyhow!("another process has taken this task over"))) }
}

fn remove_dir_if_there(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
