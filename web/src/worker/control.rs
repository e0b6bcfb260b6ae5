//! A control that is made on request.
//!
//! Against a healed model that has had two fine-tunings, a healthy one with a single one says little of the damage. The
//! control is the healthy model with the healing's own budget: the same steps, seeds, rows, batches and trained
//! parameters, and no damage.

use super::healing::{diverged, learner};
use super::known_control::KnownControl;
use super::model::Model;
use super::rows::Rows;
use super::session::Session;
use super::task::{Interruption, Pending, Task};
use super::team::{Learner, Team, logits};
use crate::failure::{Failure, computation};
use crate::protocol::{Control, Healing, MakeControl, RequestId, Stage};
use shared::dataset::EncodedExample;
use shared::evaluation::{Prediction, evaluate};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen_futures::spawn_local;

/// A control under way. Its fine-tuning is not the session's: nobody looks into it.
struct Job {
    learner: Learner,
    team: Rc<Team>,
    of: Healing,
    n_steps: usize,
    rows: Rc<Rows>,
    held_out: Arc<Vec<EncodedExample>>,
    n_labels: usize,
}

/// Starts a control beside the queue.
pub(super) fn start(task: Task<MakeControl>) {
    let job = match task.context().with_session(|session| begin(session, task.id())) {
        Ok(job) => job,
        Err(failure) => return task.finish(Err(failure.into())),
    };
    let (team, training) = (Rc::clone(&job.team), job.learner.id());
    team.start();
    spawn_local(async move {
        let control = run(&task, job).await;
        team.end(training);
        if let Some(session) = task.context().session.borrow_mut().as_mut()
            && session.control_run == Some(task.id())
        {
            session.control_run = None;
        }
        shared::nn::free_buffers();
        task.finish(control);
    });
}

fn begin(session: &mut Session, id: RequestId) -> Result<Job, Failure> {
    if session.healing.is_some() || session.control_run.is_some() {
        return Err(Failure::AlreadyHealing);
    }
    let none = || Failure::NoSuchModel {
        model: "control".to_owned(),
        remedy: "heal the damaged one here first; the settings of a healing from an earlier visit are not known"
            .to_owned(),
    };
    let origin = &session.healed.as_ref().ok_or_else(none)?.origin;
    let (of, budget) = (origin.healing(), session.budget.as_ref().ok_or_else(none)?);
    let n_steps = match &of {
        Healing::Live { name, step } if *name == budget.name && *step > 0 => *step,
        _ => return Err(none()),
    };
    let learner = learner(session, &session.healthy, &budget.rows, &budget.settings, budget.trained.clone())?;
    let rows = session.rows.clone().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
    let job = Job {
        learner,
        team: Rc::clone(&session.team),
        of,
        n_steps,
        held_out: session.held_out_examples(&rows)?,
        rows,
        n_labels: session.config.label_names.len(),
    };
    session.control_run = Some(id);
    Ok(job)
}

/// Runs it to its end, unless the page or a healing wants the thread for itself.
async fn run(task: &Task<MakeControl>, mut job: Job) -> Result<Control, Interruption> {
    for step in 0..job.n_steps {
        task.progress(Stage::Steps, step as u64, job.n_steps as u64);
        still_wanted(task).await?;
        let shared = job.learner.hand_out(&job.team).map_err(diverged)?;
        let collected = shared.collect().await;
        job.learner.finish(&job.team, collected).map_err(diverged)?;
    }
    task.progress(Stage::Steps, job.n_steps as u64, job.n_steps as u64);
    let mut parameters = job.learner.fine_tuning.into_parameters();
    parameters.freeze(|_| true).map_err(|e| computation(&e))?;
    let model = task.context().with_session(|session| Model::new(&session.config, parameters))?;
    let rows = logits(task, &job.team, &model, &job.held_out, |_| {}).await?;
    still_wanted(task).await?;
    let hashes = job.rows.held_out_hashes();
    let predictions = Prediction::of_rows(rows, &job.held_out, &hashes);
    let metrics = evaluate(&predictions, job.n_labels).map_err(|e| computation(&e))?;
    let control = KnownControl {
        of: job.of,
        budget: format!("after its own fine-tuning + {} steps", job.n_steps),
        predicted: predictions.iter().map(|row| (row.row_hash.clone(), row.predicted())).collect(),
        measured: (metrics.n, metrics.accuracy),
        answers: (&metrics).into(),
    };
    let view = control.view(Some(&job.rows)).ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
    task.context().with_session(|session| {
        // Of live ones the newest: each costs a class for every held-out row.
        session.controls.retain(|known| known.of == Healing::Native);
        session.controls.push(control);
        Ok(())
    })?;
    Ok(view)
}

/// Lets others run.
///
/// # Errors
/// [`Interruption::Cancelled`] when the page does not want it any more, a healing began or another model was loaded.
async fn still_wanted(task: &Pending) -> Result<(), Interruption> {
    task.give_way().await?;
    let session = task.context().session.borrow();
    let is_wanted = session.as_ref().is_some_and(|session| session.control_run == Some(task.id()));
    if is_wanted { Ok(()) } else { Err(Interruption::Cancelled) }
}
