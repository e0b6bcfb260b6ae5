//! A healing under way: its fine-tuning, how it is steered, and its weights at the step that is done.

use super::browser::Waker;
use super::team::Learner;
use crate::failure::{Failure, computation};
use crate::protocol::{Accuracy, HealSettings, HealState, Moment, MomentId, RequestId};
use shared::Parameters;
use shared::dataset::EncodedExample;
use shared::model::RunId;
use shared::random::Seed;
use shared::training::StatePart;
use std::sync::Arc;

/// A healing under way.
pub(super) struct Healing {
    /// The call that started it.
    pub(super) id: RequestId,
    pub(super) state: HealState,
    /// Steps to run although it is paused.
    pub(super) n_single_steps: usize,
    /// It ends after the step it is in, and its model stands.
    pub(super) is_stopping: bool,
    /// Woken when any of these changes.
    pub(super) waker: Waker,
    pub(super) learner: Learner,
    pub(super) settings: HealSettings,
    /// Names it among the moments.
    pub(super) name: String,
    /// The run that it is.
    pub(super) run: RunId,
    pub(super) plan: String,
    pub(super) seed: Seed,
    pub(super) n_trained: usize,
    pub(super) step_secs: Vec<f64>,
    pub(super) last_loss: Option<f64>,
    /// The held-out rows that are looked at on the way.
    pub(super) probe_rows: Option<Arc<Vec<EncodedExample>>>,
}

impl Healing {
    /// The weights of the step that is done, as a copy that later steps do not change.
    pub(super) fn copied_parameters(&self) -> Result<Parameters, Failure> {
        self.learner.fine_tuning.parameters().fork().map_err(|e| computation(&e))
    }

    /// The present weights as a moment, which is not kept yet.
    pub(super) fn moment(&self, held_out: Option<Accuracy>) -> Result<(Moment, Vec<u8>), Failure> {
        let weights = self.learner.fine_tuning.save_part(StatePart::Parameters).map_err(|e| computation(&e))?;
        let step = self.learner.fine_tuning.steps_done();
        let moment = Moment {
            id: moment_id(&self.name, step),
            healing: self.name.clone(),
            plan: self.plan.clone(),
            seed: self.seed,
            step,
            n_steps: self.settings.n_steps,
            loss: self.last_loss,
            held_out,
            kept_at_ms: js_sys::Date::now(),
            size_bytes: weights.len() as u64,
            run: Some(self.run.clone()),
            is_saved: false,
        };
        Ok((moment, weights))
    }
}

/// The name of a step of a healing.
fn moment_id(healing: &str, step: usize) -> MomentId {
    // Padded, so that names sort as steps do.
    MomentId(format!("{healing}-{step:06}"))
}
