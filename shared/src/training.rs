//! Fine-tuning as a sequence of steps that the command line, the browser and the tests drive alike.

mod args;

pub use args::{Precision, TrainingArgs};
