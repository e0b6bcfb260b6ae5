//! Healing, live: the native program's own training step, one at a time, with room between steps for everything else.

use super::browser::{self, Waker};
use super::evaluate::measure;
use super::inspect::classify_by;
use super::known_control::Budget;
use super::live_healing::Healing;
use super::model::Model;
use super::moments;
use super::record;
use super::rows::Rows;
use super::session::{Healed, Session};
use super::summary::healing_bytes;
use super::task::{Interruption, Pending, Task};
use super::team::{Learner, Recipe, Team};
use crate::failure::{Failure, computation};
use crate::protocol::{
    Accuracy, Classification, HealProgress, HealSettings, HealState, HealSummary, HealedOrigin, Moment, RequestId,
    Trained,
};
use shared::Condition;
use shared::corruption::{Report, ResolvedPlan, Selection};
use shared::dataset::EncodedExample;
use shared::model::{Module, ParameterPath};
use shared::training::{StepReport, TrainingSeeds};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen_futures::spawn_local;

/// What may be set; wider ranges only cost memory or time, or cannot learn.
const LEARNING_RATES: std::ops::RangeInclusive<f64> = 1e-7..=1e-1;
const STEPS: std::ops::RangeInclusive<usize> = 1..=10_000;
const BATCH_SIZES: std::ops::RangeInclusive<usize> = 1..=64;

/// A moment and its weights, before they are kept.
type UnkeptMoment = (Moment, Vec<u8>);

/// Starts a healing beside the queue.
pub(super) fn start(task: Task<HealSettings>, settings: HealSettings) {
    let begun = match task.context().with_session(|session| begin(session, task.id(), settings)) {
        Ok(begun) => begun,
        Err(failure) => return task.finish(Err(failure.into())),
    };
    let (team, training) = begun;
    // They arrive while the first steps are made.
    team.start();
    spawn_local(async move {
        let summary = run(&task).await;
        team.end(training);
        // Cancelled or failed, its weights are not needed any more; ended well, they are the healed model's.
        if let Some(session) = task.context().session.borrow_mut().as_mut()
            && session.is_healing(task.id())
        {
            session.stop_healing();
        }
        // What steps handed from one to the next is of no use to anyone any more, and the page's memory never shrinks: what
        // is not given back here is not there for the next model.
        shared::nn::free_buffers();
        task.finish(summary);
    });
}

/// Puts a healing into the session that has not made a step: who may share it, and its number among the trainings.
fn begin(session: &mut Session, id: RequestId, settings: HealSettings) -> Result<(Rc<Team>, u64), Failure> {
    if session.healing.is_some() {
        return Err(Failure::AlreadyHealing);
    }
    check(&settings)?;
    let Some(damaged) = &session.corrupted else {
        return Err(Failure::NoSuchModel {
            model: "corrupted".to_owned(),
            remedy: "damage the healthy one first, then heal it".to_owned(),
        });
    };
    let damage = &damaged.damage;
    if let Some(problem) = damage.report.as_ref().and_then(non_finite) {
        return Err(problem);
    }
    let rows = session.rows.clone().ok_or(Failure::NoRows { purpose: "healing".to_owned() })?;
    let trained = trained(session, &damage.resolved, &settings.trained)?;
    let learner = learner(session, &damaged.model, &rows, &settings, trained.clone())?;
    let n_trained = learner.fine_tuning.parameters().trained().map(|(_, var)| var.elem_count()).sum();
    // Milliseconds tell healings of one browser apart, and sort them.
    let name = format!("{:.0}", js_sys::Date::now());
    let (plan, seed) = (damage.plan.clone(), damage.seed);
    let draft = record::draft(session, damaged, &rows, &settings)?;
    let run = draft.run_id();
    session.run = Some(Box::new(draft));
    session.budget = Some(Budget { name: name.clone(), settings: settings.clone(), trained, rows });
    // One at a time: together they may need more memory than there is.
    session.control_run = None;
    let training = learner.id();
    session.healing = Some(Healing {
        id,
        state: if settings.starts_paused { HealState::Paused } else { HealState::Running },
        n_single_steps: 0,
        is_stopping: false,
        waker: Waker::default(),
        learner,
        name,
        run,
        plan,
        seed,
        settings,
        n_trained,
        step_secs: Vec::new(),
        last_loss: None,
        probe_rows: None,
    });
    Ok((Rc::clone(&session.team), training))
}

/// A fine-tuning of a model that has not made a step: a healing's, or that of its control. Its steps can be shared out.
pub(super) fn learner(
    session: &Session,
    model: &Rc<Model>,
    rows: &Rows,
    settings: &HealSettings,
    trained: Vec<ParameterPath>,
) -> Result<Learner, Failure> {
    let examples = session.train_examples(rows)?;
    let args = record::training_args(session, settings, examples.len());
    let seeds = TrainingSeeds { head: settings.seed, data: settings.seed };
    let recipe = Recipe { model: Rc::clone(model), examples, args, seeds, trained };
    Learner::new(&session.config, recipe).map_err(|e| computation(&e))
}

/// Settings out of their range, each with its own sentence.
fn check(settings: &HealSettings) -> Result<(), Failure> {
    let refuse = |setting: &str, expected: String, got: String| {
        Err(Failure::BadSetting { setting: setting.to_owned(), expected, got })
    };
    if !LEARNING_RATES.contains(&settings.learning_rate) {
        let expected = format!("from {:e} to {:e}", LEARNING_RATES.start(), LEARNING_RATES.end());
        return refuse("The learning rate", expected, settings.learning_rate.to_string());
    }
    for (setting, range, got) in [
        ("The number of steps", STEPS, settings.n_steps),
        ("The batch size", BATCH_SIZES, settings.batch_size),
        ("The number of steps between two looks", 1..=usize::MAX, settings.probe_every),
        ("The number of steps between two moments", 1..=usize::MAX, settings.moment_every),
    ] {
        if !range.contains(&got) {
            return refuse(setting, format!("from {} to {}", range.start(), range.end()), got.to_string());
        }
    }
    Ok(())
}

/// A damage that no healing can begin with: one value that is no number makes every loss none.
fn non_finite(report: &Report) -> Option<Failure> {
    let n = report.totals.n_non_finite;
    (n > 0).then(|| Failure::Diverged {
        reason: format!("{n} of the damaged weights are infinite or NaN, and so is every loss"),
        remedy: "Choose a plan that keeps the weights finite (fewer flipped exponent bits), or another seed".to_owned(),
    })
}

/// The parameters that learn.
fn trained(session: &Session, damage: &ResolvedPlan, which: &Trained) -> Result<Vec<ParameterPath>, Failure> {
    let all = session.config.parameters().into_iter();
    Ok(match which {
        Trained::All => all.collect(),
        Trained::DamagedAndHead => all
            .filter(|path| damage.touches(*path) || matches!(path.module, Module::Pooler | Module::Classifier))
            .collect(),
        Trained::AllBut(selection) => {
            let bad = |error: shared::corruption::PlanError| Failure::BadSelection { message: error.to_string() };
            let selection = Selection::parse(selection).map_err(bad)?;
            let frozen = selection.resolve(session.config.anatomy()).map_err(bad)?;
            all.filter(|path| !frozen.contains(*path)).collect()
        }
    })
}

/// Runs a healing to its end.
async fn run(task: &Task<HealSettings>) -> Result<HealSummary, Interruption> {
    let mut last_moment = look(task, None).await?;
    loop {
        task.give_way().await?;
        match next(task)? {
            Next::Wait(waker) => waker.wait().await,
            Next::End => break,
            Next::Step => {
                let done = step(task).await?;
                let moment = look(task, Some(done)).await?;
                last_moment = moment.or(last_moment);
            }
        }
    }
    end(task, last_moment).await
}

/// What comes next.
enum Next {
    Wait(Waker),
    Step,
    End,
}

fn next(task: &Pending) -> Result<Next, Interruption> {
    with_healing(task, |session| {
        let healing = session.healing.as_mut().ok_or(Failure::NoHealing)?;
        let is_done = healing.learner.fine_tuning.steps_done() >= healing.settings.n_steps;
        if is_done || healing.is_stopping {
            return Ok(Next::End);
        }
        if healing.state == HealState::Running {
            return Ok(Next::Step);
        }
        if healing.n_single_steps > 0 {
            healing.n_single_steps -= 1;
            return Ok(Next::Step);
        }
        Ok(Next::Wait(healing.waker.clone()))
    })
}

/// Runs `use_session` as long as the task's healing is the one that goes on.
///
/// # Errors
/// [`Interruption::Cancelled`] when it was reset, or another model was loaded.
fn with_healing<T>(
    task: &Pending,
    use_session: impl FnOnce(&mut Session) -> Result<T, Failure>,
) -> Result<T, Interruption> {
    task.check()?;
    let mut session = task.context().session.borrow_mut();
    match session.as_mut().filter(|session| session.is_healing(task.id())) {
        Some(session) => Ok(use_session(session)?),
        None => Err(Interruption::Cancelled),
    }
}

/// A step that is done, seconds that it took and how many workers shared it.
struct Done {
    report: StepReport,
    secs: f64,
    n_workers: usize,
}

async fn step(task: &Pending) -> Result<Done, Interruption> {
    let started_ms = browser::now_ms();
    let shared = with_healing(task, |session| {
        let (team, healing) = (Rc::clone(&session.team), session.healing.as_mut().ok_or(Failure::NoHealing)?);
        match healing.learner.hand_out(&team) {
            Ok(shared) => Ok(shared),
            Err(error) => Err(not_done(session, error, started_ms)),
        }
    })?;
    let n_workers = shared.n_workers();
    let collected = shared.collect().await;
    with_healing(task, |session| {
        let (team, healing) = (Rc::clone(&session.team), session.healing.as_mut().ok_or(Failure::NoHealing)?);
        let report = match healing.learner.finish(&team, collected) {
            Ok(report) => report,
            Err(error) => return Err(not_done(session, error, started_ms)),
        };
        let secs = secs_since(started_ms);
        healing.step_secs.push(secs);
        healing.last_loss = Some(report.loss);
        let report = Ok(report);
        if let Some(run) = &mut session.run {
            run.hear(&report, secs);
        }
        Ok(Done { report: report.map_err(diverged)?, secs, n_workers })
    })
}

fn secs_since(started_ms: f64) -> f64 {
    (browser::now_ms() - started_ms) / 1e3
}

/// The run hears of a step that failed as well.
fn not_done(session: &mut Session, error: shared::Error, started_ms: f64) -> Failure {
    let report = Err(error);
    if let Some(run) = &mut session.run {
        run.hear(&report, secs_since(started_ms));
    }
    match report {
        Ok(StepReport { .. }) => Failure::NoHealing,
        Err(error) => diverged(error),
    }
}

/// What a step says that failed.
pub(super) fn diverged(error: shared::Error) -> Failure {
    match error {
        shared::Error::Diverged { what, value, step, .. } => Failure::Diverged {
            reason: format!("the {what} became {value} at step {step}"),
            remedy: "Lower the learning rate, or choose milder damage, and start again".to_owned(),
        },
        other => computation(&other),
    }
}

/// Looks at what a step did, or at what there is before the first, tells it, and keeps a moment where one is due.
async fn look(task: &Task<HealSettings>, done: Option<Done>) -> Result<Option<Moment>, Interruption> {
    let probe = with_healing(task, probe)?;
    let held_out = match &probe {
        Some(Probe { model, rows: Some(rows), team, .. }) => measure(task, team, model, rows).await?,
        _ => None,
    };
    let pinned = probe.map(|probe| probe.pinned).filter(|pinned| !pinned.is_empty());
    let (mut progress, moment) = with_healing(task, |session| see(session, done.as_ref(), held_out, pinned))?;
    if let Some((moment, weights)) = moment {
        progress.moment = Some(moments::keep(task.context(), moment, weights).await);
        task.check()?;
        // It may have been paused while the moment was written.
        progress.state = with_healing(task, |session| {
            Ok(session.healing.as_ref().map_or(HealState::Paused, |healing| healing.state))
        })?;
    }
    let moment = progress.moment.clone();
    task.tell(&progress);
    Ok(moment)
}

/// The model as it is now, and what it is to be looked at with.
struct Probe {
    model: Rc<Model>,
    rows: Option<Arc<Vec<EncodedExample>>>,
    team: Rc<Team>,
    pinned: Vec<Classification>,
}

/// What is looked at after this step, if anything is.
fn probe(session: &mut Session) -> Result<Option<Probe>, Failure> {
    let healing = session.healing.as_mut().ok_or(Failure::NoHealing)?;
    let step = healing.learner.fine_tuning.steps_done();
    let is_last = step == healing.settings.n_steps || healing.is_stopping;
    if !(step.is_multiple_of(healing.settings.probe_every) || is_last) {
        return Ok(None);
    }
    let (probe_rows, known) = (healing.settings.probe_rows, healing.probe_rows.clone());
    let rows = match (known, &session.rows) {
        (Some(rows), _) => Some(rows),
        (None, Some(all)) => {
            let all = session.held_out_examples(all)?;
            Some(Arc::new(all[..probe_rows.min(all.len())].to_vec()))
        }
        (None, None) => None,
    };
    if let Some(healing) = &mut session.healing {
        healing.probe_rows.clone_from(&rows);
    }
    let model = session.existing_model(Condition::Healed)?;
    let pinned = &session.healing.as_ref().ok_or(Failure::NoHealing)?.settings.pinned;
    let pinned = classify_by(session, pinned, &[(Condition::Healed, &model.classifier)])?;
    Ok(Some(Probe { model, rows, team: Rc::clone(&session.team), pinned }))
}

/// The progress of a step, and the moment that is to be kept.
fn see(
    session: &Session,
    done: Option<&Done>,
    held_out: Option<Accuracy>,
    pinned: Option<Vec<Classification>>,
) -> Result<(HealProgress, Option<UnkeptMoment>), Failure> {
    let healing = session.healing.as_ref().ok_or(Failure::NoHealing)?;
    let settings = &healing.settings;
    let step = healing.learner.fine_tuning.steps_done();
    let is_last = step == settings.n_steps || healing.is_stopping;
    let is_moment = step > 0 && (step.is_multiple_of(settings.moment_every) || is_last);
    let moment = if is_moment { Some(healing.moment(held_out)?) } else { None };
    let report = done.map(|done| &done.report);
    let progress = HealProgress {
        state: healing.state,
        step,
        n_steps: settings.n_steps,
        loss: report.map(|report| report.loss),
        learning_rate: report.map(|report| report.learning_rate),
        gradient_norm: report.map(|report| report.gradient_norm),
        train_accuracy: report.map(|report| report.n_correct as f64 / report.n_rows.max(1) as f64),
        step_secs: done.map(|done| done.secs),
        n_workers: done.map(|done| done.n_workers),
        held_out,
        pinned,
        moment: None,
        n_trained: healing.n_trained,
        size_bytes: healing_bytes(healing.n_trained),
    };
    Ok((progress, moment))
}

/// Makes the healed model of what was reached, and measures it on all held-out rows if the healing came to its end.
async fn end(task: &Pending, last_moment: Option<Moment>) -> Result<HealSummary, Interruption> {
    let (mut summary, unkept) = with_healing(task, |session| {
        let healing = session.healing.take().ok_or(Failure::NoHealing)?;
        let step = healing.learner.fine_tuning.steps_done();
        let is_kept = step == 0 || last_moment.as_ref().is_some_and(|moment| moment.step == step);
        let unkept = if is_kept { None } else { Some(healing.moment(None)?) };
        let mut step_secs = healing.step_secs;
        step_secs.sort_by(f64::total_cmp);
        let summary = HealSummary {
            step,
            n_steps: healing.settings.n_steps,
            median_step_secs: step_secs.get(step_secs.len() / 2).copied(),
            held_out: None,
            moment: last_moment,
        };
        let mut parameters = healing.learner.fine_tuning.into_parameters();
        parameters.freeze(|_| true).map_err(|e| computation(&e))?;
        let (plan, seed) = (healing.plan, healing.seed);
        let history = session.history_after(&plan, seed, &healing.run, step);
        let origin = HealedOrigin::Live { plan, seed, healing: healing.name, step };
        let model = Model::new(&session.config, parameters)?;
        if let Some(run) = &mut session.run {
            run.end(&model);
        }
        let history = Some(history);
        session.healed = Some(Healed { origin, history, model });
        Ok((summary, unkept))
    })?;
    if let Some((moment, weights)) = unkept {
        summary.moment = Some(moments::keep(task.context(), moment, weights).await);
    }
    if summary.step == summary.n_steps {
        summary.held_out = record::accuracy_of_healed(task).await?;
    }
    Ok(summary)
}
