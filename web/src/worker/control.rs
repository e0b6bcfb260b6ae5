//! The control: what came with a bundle, and what is made here on request.
//!
//! Against a healed model that has had two fine-tunings, a healthy one with a single one says little of the damage. The
//! control is the healthy model with the healing's own budget: the same steps, seeds, rows, batches and trained
//! parameters, and no damage.

use super::evaluate::logits;
use super::healing::{diverged, fine_tuning};
use super::rows::{Rows, accuracy};
use super::session::{Model, Session, computation};
use super::task::{Interruption, Pending, Task};
use crate::failure::Failure;
use crate::protocol::{
    Accuracy, Control, ControlComparison, Difference, HealSettings, HealedOrigin, Healing, MakeControl, RequestId,
    Stage,
};
use shared::bundle::{Answers, Manifest};
use shared::dataset::EncodedExample;
use shared::evaluation::{Prediction, evaluate};
use shared::model::ParameterPath;
use shared::training::FineTuning;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen_futures::spawn_local;

/// Two-sided 95 % of a normal distribution.
const Z_975: f64 = 1.959_963_984_540_054;

/// What a healing had, so that a control can have the same.
pub(super) struct Budget {
    /// Names the healing.
    pub(super) name: String,
    pub(super) settings: HealSettings,
    pub(super) trained: Vec<ParameterPath>,
    pub(super) rows: Rc<Rows>,
}

/// A control's answers, row by row.
pub(super) struct KnownControl {
    of: Healing,
    budget: String,
    /// The class of each row by its hash; none where a logit is not finite.
    predicted: BTreeMap<String, Option<u32>>,
    /// What was measured by whoever made it, for when the rows are not here.
    measured: (usize, f64),
    answers: Answers,
}

impl KnownControl {
    /// The one that a bundle brings.
    pub(super) fn of_bundle(manifest: &Manifest) -> Option<Self> {
        let control = manifest.control.as_ref()?;
        Some(Self {
            of: Healing::Native,
            budget: control.budget.clone(),
            predicted: manifest.rows.held_out.iter().cloned().zip(control.predicted.iter().copied()).collect(),
            measured: (control.n, control.accuracy),
            answers: control.answers,
        })
    }

    /// On the rows at hand, or as it was measured when they are not.
    pub(super) fn view(&self, rows: Option<&Rows>) -> Option<Control> {
        let on_rows = rows.and_then(|rows| self.on(rows)).map(|predicted| {
            let labels = rows.into_iter().flat_map(Rows::held_out_texts).map(|row| row.label);
            let n_correct = labels.zip(&predicted).filter(|(label, predicted)| Some(*label) == **predicted).count();
            (n_correct, predicted.len())
        });
        let (n, share) = self.measured;
        let (n_correct, n) = on_rows.unwrap_or(((share * n as f64).round() as usize, n));
        let accuracy = Accuracy { n_non_finite: self.answers.n_non_finite, ..accuracy(n_correct, n)? };
        Some(Control { of: self.of.clone(), budget: self.budget.clone(), accuracy, answers: self.answers })
    }

    /// Its classes on the held-out rows, if it knows all of them.
    fn on(&self, rows: &Rows) -> Option<Vec<Option<u32>>> {
        rows.held_out_hashes().iter().map(|hash| self.predicted.get(hash).copied()).collect()
    }

    /// The control on an evaluation's rows, and what the healed model's answers to them lack.
    pub(super) fn compare(&self, rows: &Rows, healed: &[Option<u32>]) -> Option<ControlComparison> {
        let control = self.on(rows)?;
        let right = |predicted: &[Option<u32>]| -> Vec<bool> {
            predicted.iter().zip(rows.held_out_texts()).map(|(class, row)| *class == Some(row.label)).collect()
        };
        let pairs: Vec<(bool, bool)> = right(&control).into_iter().zip(right(healed)).collect();
        Some(ControlComparison { control: self.view(Some(rows))?, deficit: difference(&pairs) })
    }
}

/// first − second with Bonett and Price's interval for paired proportions (2012), which adds one row to either kind of
/// disagreement: it holds its level also where the two hardly disagree.
fn difference(pairs: &[(bool, bool)]) -> Difference {
    let count = |wanted: (bool, bool)| pairs.iter().filter(|pair| **pair == wanted).count() as f64;
    let (first, second, n) = (count((true, false)), count((false, true)), pairs.len() as f64);
    let (p, q) = ((first + 1.0) / (n + 2.0), (second + 1.0) / (n + 2.0));
    let half = Z_975 * ((p + q - (p - q).powi(2)) / (n + 2.0)).sqrt();
    let points = |share: f64| 100.0 * share;
    Difference { points: points((first - second) / n), low: points(p - q - half), high: points(p - q + half) }
}

impl Session {
    /// The control that the healed model is to be compared with, if there is one at its budget.
    pub(super) fn control(&self) -> Option<&KnownControl> {
        let healing = healing_of(&self.healed.as_ref()?.origin);
        self.controls.iter().find(|control| control.of == healing)
    }
}

fn healing_of(origin: &HealedOrigin) -> Healing {
    match origin {
        HealedOrigin::Native { .. } => Healing::Native,
        HealedOrigin::Live { healing, step, .. } => Healing::Live { name: healing.clone(), step: *step },
    }
}

/// A control under way. Its fine-tuning is not the session's: nobody looks into it.
struct Job {
    fine_tuning: FineTuning,
    of: Healing,
    n_steps: usize,
    rows: Rc<Rows>,
    held_out: Arc<Vec<EncodedExample>>,
    pad_token_id: u32,
    n_labels: usize,
}

/// Starts a control beside the queue.
pub(super) fn start(task: Task<MakeControl>) {
    let job = match task.worker().with_session(|session| begin(session, task.id())) {
        Ok(job) => job,
        Err(failure) => return task.finish(Err(failure.into())),
    };
    spawn_local(async move {
        let control = run(&task, job).await;
        if let Some(session) = task.worker().session.borrow_mut().as_mut()
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
    let (of, budget) = (healing_of(origin), session.budget.as_ref().ok_or_else(none)?);
    let n_steps = match &of {
        Healing::Live { name, step } if *name == budget.name && *step > 0 => *step,
        _ => return Err(none()),
    };
    let fine_tuning = fine_tuning(session, &session.healthy, &budget.rows, &budget.settings, &budget.trained)?;
    let rows = session.rows.clone().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
    let job = Job {
        fine_tuning,
        of,
        n_steps,
        held_out: rows.held_out(session)?,
        rows,
        pad_token_id: session.config.pad_token_id,
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
        job.fine_tuning.step().map_err(diverged)?;
    }
    task.progress(Stage::Steps, job.n_steps as u64, job.n_steps as u64);
    let mut parameters = job.fine_tuning.into_parameters();
    parameters.freeze(|_| true).map_err(|e| computation(&e))?;
    let model = task.worker().with_session(|session| Model::new(&session.config, parameters))?;
    let rows = logits(task, &model, &job.held_out, job.pad_token_id, |_| {}).await?;
    still_wanted(task).await?;
    let hashes = job.rows.held_out_hashes();
    let predictions: Vec<Prediction> = rows
        .into_iter()
        .zip(job.held_out.iter().zip(&hashes))
        .map(|(output, (example, hash))| Prediction {
            row_hash: hash.clone(),
            label: example.label,
            logits: output.logits,
            is_saturated: output.is_saturated,
        })
        .collect();
    let metrics = evaluate(&predictions, job.n_labels).map_err(|e| computation(&e))?;
    let control = KnownControl {
        of: job.of,
        budget: format!("after its own fine-tuning + {} steps", job.n_steps),
        predicted: predictions.iter().map(|row| (row.row_hash.clone(), row.predicted())).collect(),
        measured: (metrics.n, metrics.accuracy),
        answers: (&metrics).into(),
    };
    let view = control.view(Some(&job.rows)).ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
    task.worker().with_session(|session| {
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
    let session = task.worker().session.borrow();
    let is_wanted = session.as_ref().is_some_and(|session| session.control_run == Some(task.id()));
    if is_wanted { Ok(()) } else { Err(Interruption::Cancelled) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_paired_difference_has_the_interval_of_bonett_and_price() {
        // 100 rows, 12 that only the first gets right and 4 that only the second does: p = 13/102, q = 5/102.
        let mut pairs = vec![(true, true); 84];
        pairs.extend([(true, false); 12]);
        pairs.extend([(false, true); 4]);
        let Difference { points, low, high } = difference(&pairs);
        assert!((points - 8.0).abs() < 1e-9);
        assert!((low + 0.1659).abs() < 1e-3 && (high - 15.8522).abs() < 1e-3, "{low} {high}");
        // Two models that agree on everything are known to differ by little, not by nothing.
        let Difference { points, low, high } = difference(&[(true, true); 50]);
        assert!(points == 0.0 && low < 0.0 && (low + high).abs() < 1e-9);
    }
}
