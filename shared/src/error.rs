//! The crate's one error type.

use crate::bundle::BundleError;
use crate::checkpoint::CheckpointError;
use crate::corruption::{ApplyError, PlanError};

/// Anything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A bundle is damaged or of another kind.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A model's files do not fit together.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A plan or selection is mistyped or does not fit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plan does not fit the tensors it is applied to.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A tokenizer file cannot be used.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A tensor operation failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// `BERT_HEAL_ISA` names no instruction set, or one that this processor lacks.
    #[error("BERT_HEAL_ISA is {value:?}; expected one of avx512, gemm, scalar, of which this machine has {available}")]
    InstructionSet {
        /// What the variable holds.
        value: String,
        /// The values that would do here, separated by commas.
        available: String,
    },
    /// Training data or arguments make a step impossible.
    #[error("training: {0}")]
    Training(String),
    /// The loss or the gradient of a step, or its square, is NaN or infinite.
    #[error("the {what} became {value} at step {step} (learning rate {learning_rate:e})")]
    Diverged {
        /// Optimiser step, from 1.
        step: usize,
        /// Learning rate of that step.
        learning_rate: f64,
        /// `loss`, `gradient norm` or, for the largest value of a clipped gradient, `gradient`.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
