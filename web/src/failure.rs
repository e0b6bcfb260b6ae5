//! What can go wrong between the visitor, the page and its worker: each says what to do next.

use serde::{Deserialize, Serialize};

/// A failure the visitor is told about; it may have happened in the worker and travelled here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// One side runs a file from an older build than the other.
    #[error(
        "The page and its worker come from different builds (message version {expected} was expected, {got} came): \
         reload the page."
    )]
    VersionMismatch {
        /// The version this side speaks.
        expected: u32,
        /// The version the message carried.
        got: u32,
    },
    /// A message that is not one of the protocol's.
    #[error("The page and its worker misunderstood each other ({reason}): reload the page.")]
    MalformedMessage {
        /// What the decoder said.
        reason: String,
    },
    /// The browser could not start or keep the worker.
    #[error("The worker that computes for this page stopped ({reason}): reload the page.")]
    WorkerStopped {
        /// What the browser said.
        reason: String,
    },
    /// A seed that is not a whole number of 64 bits.
    #[error("“{text}” is not a seed: use a whole number from 0 to 18446744073709551615.")]
    BadSeed {
        /// What was typed, or stood in the address.
        text: String,
    },
    /// A plan that is mistyped or does not fit the model; the message points at the character, on a line of its own.
    #[error("This plan cannot be used: {message}")]
    BadPlan {
        /// What the parser said.
        message: String,
    },
    /// The computation itself failed.
    #[error("The model could not be computed ({reason}): try another plan.")]
    Computation {
        /// What `shared` said.
        reason: String,
    },
}
