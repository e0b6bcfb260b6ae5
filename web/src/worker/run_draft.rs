//! A healing as a run, before its models were judged: what is known when it begins, goes on and ends.

use super::model::Model;
use super::rows::Rows;
use shared::Condition;
use shared::evaluation::Metrics;
use shared::model::RunId;
use shared::record::{CorruptionSummary, PhaseSummary, RunSpec, RunStatus};
use shared::training::StepReport;
use std::rc::{Rc, Weak};

/// A healing as a run whose models were not judged yet.
pub(super) struct Draft {
    pub(super) spec: RunSpec,
    pub(super) rows: Rc<Rows>,
    pub(super) corruption: Option<CorruptionSummary>,
    pub(super) healthy: Rc<Model>,
    pub(super) corrupted: Rc<Model>,
    pub(super) healed: Option<Rc<Model>>,
    pub(super) failure: Option<RunStatus>,
    pub(super) phase: PhaseSummary,
}

/// How good a model is on some rows.
pub(super) struct Judged {
    pub(super) model: Weak<Model>,
    pub(super) rows: Weak<Rows>,
    pub(super) metrics: Metrics,
}

impl Draft {
    /// The name of the run.
    pub(super) fn run_id(&self) -> RunId {
        self.spec.id()
    }

    /// Notes what a step did, or that it failed.
    pub(super) fn hear(&mut self, step: &shared::Result<StepReport>, secs: f64) {
        let phase = &mut self.phase;
        match step {
            Ok(report) => {
                phase.steps = report.step;
                phase.steps_this_process = report.step;
                phase.secs = phase.secs.map(|before| before + secs);
                phase.samples += report.n_rows;
                phase.tokens += report.n_tokens;
                phase.epochs = phase.samples as f64 / self.spec.dataset.rows.train.max(1) as f64;
                phase.loss_first = phase.loss_first.or(Some(report.loss));
                phase.loss_last = Some(report.loss);
            }
            Err(shared::Error::Diverged { step, learning_rate, what, value }) => {
                self.failure = Some(RunStatus::Failed {
                    phase: Condition::Healed,
                    step: *step,
                    learning_rate: *learning_rate,
                    reason: format!("the {what} is {value}"),
                });
            }
            Err(_) => {}
        }
    }

    /// Notes the model that the healing has made.
    pub(super) fn end(&mut self, healed: &Rc<Model>) {
        self.healed = Some(Rc::clone(healed));
    }

    /// Whether it came to its end, or failed.
    pub(super) fn is_over(&self) -> bool {
        self.failure.is_some() || (self.healed.is_some() && Some(self.phase.steps) == self.spec.training.max_steps)
    }
}
