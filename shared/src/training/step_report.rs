//! What a step tells about itself.

use crate::dataset::Batch;

/// A part of a step on given batches, for those who time it: this crate knows no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepPart {
    /// From token ids to the loss.
    Forward,
    /// From the loss to every gradient.
    Backward,
    /// The gradient norm, clipping and the update.
    Optimizer,
}

/// What one optimiser step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: usize,
    /// Mean cross-entropy over the step's batches.
    pub loss: f64,
    /// The learning rate it used.
    pub learning_rate: f64,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Training rows it saw.
    pub n_rows: usize,
    /// Of these, rows whose label it predicted, with dropout on.
    pub n_correct: usize,
    /// Real tokens it saw, without padding.
    pub n_tokens: usize,
    /// Passes over the training rows that are complete after it.
    pub epochs_done: usize,
    /// Each micro-batch in turn.
    pub batches: Vec<MicroBatch>,
}

/// One forward and backward pass within a step.
#[derive(Clone, Debug, PartialEq)]
pub struct MicroBatch {
    /// The rows.
    pub batch: Batch,
    /// Its mean cross-entropy.
    pub loss: f32,
    /// Rows whose label was predicted.
    pub n_correct: usize,
}
