//! Fine-tuning as a sequence of steps that the command line, the browser and the tests drive alike.
//!
//! [`FineTuning::step`] is Hugging Face's recipe: forward with dropout, backward, averaging over accumulated batches,
//! clipping by the global norm, AdamW with a linear schedule. Where a step stands is a function of its number and the
//! seeds alone, so parameters, moments and a counter ([`StatePart`]) are enough to resume bit for bit.

mod args;
mod fine_tuning;
mod inference;
mod schedule;
mod state;
mod step_gradient;

pub use args::{Precision, TrainingArgs};
pub use fine_tuning::{FineTuning, StepPart, StepReport, TrainingSeeds};
pub use inference::logits;
pub use schedule::LinearSchedule;
pub use state::StatePart;
pub use step_gradient::{MicroBatch, StepGradient, StepGradientHeader, shares, sum_of_shares};
