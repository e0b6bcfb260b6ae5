//! What can go wrong between the visitor, the page and its worker: each says what happened and what to do next.

use serde::{Deserialize, Serialize};
use shared::dataset::unpacked_endings;

/// A failure the visitor is told about; it may have happened in the worker and travelled here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// One side runs a file from an older build than the other.
    #[error(
        "The page and its worker come from different builds (expected message version {expected}, got {got}): \
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
    #[error("The program behind this page stopped ({reason}). What was saved is still there: restart it.")]
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
    /// A selection of what to freeze that is mistyped or does not fit the model.
    #[error("This selection cannot be frozen: {message}")]
    BadSelection {
        /// What the parser said.
        message: String,
    },
    /// A selection of parts to transplant that is mistyped or does not fit the model.
    #[error("These parts cannot be taken: {message}")]
    BadTransplant {
        /// What the parser said.
        message: String,
    },
    /// A setting that is out of its range.
    #[error("{setting} is {got}, but must be {expected}.")]
    BadSetting {
        /// What it is called on the page.
        setting: String,
        /// What it may be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The computation itself failed.
    #[error("The computation failed ({reason}): try another plan, or load the model again.")]
    Computation {
        /// What `shared` said.
        reason: String,
    },
    /// Something was asked before a model was there.
    #[error("No model is loaded yet: choose one first.")]
    NoModel,
    /// A model was asked for that does not exist now.
    #[error("There is no {model} model now: {remedy}.")]
    NoSuchModel {
        /// `corrupted` or `healed`.
        model: String,
        /// What to do first.
        remedy: String,
    },
    /// Healing or evaluation was asked without labelled texts.
    #[error(
        "This model came without labelled texts, which {purpose} needs: add a table with a text and a label in each \
         row ({}).",
        unpacked_endings()
    )]
    NoRows {
        /// `healing` or `evaluation`.
        purpose: String,
    },
    /// A file could not be fetched.
    #[error("{file} did not arrive ({reason}): check the connection and try again.")]
    Transfer {
        /// Its address.
        file: String,
        /// What the browser or the server said.
        reason: String,
    },
    /// A file is not the one that the manifest names.
    #[error(
        "{file} is damaged or from another build (SHA-256 {got}, the manifest says {expected}): reload the page, or delete \
         the stored models and try again."
    )]
    WrongHash {
        /// Its name.
        file: String,
        /// From the manifest.
        expected: String,
        /// Of what arrived.
        got: String,
    },
    /// The files that were handed over lack something.
    #[error(
        "{missing} is missing {}: {remedy}.",
        if *n_files == 1 {
            "beside the one file that was handed over".to_owned()
        } else {
            format!("among the {n_files} files that were handed over")
        }
    )]
    MissingFile {
        /// The file that is not there, and what it is for.
        missing: String,
        /// How many were there.
        n_files: usize,
        /// Where to get it.
        remedy: String,
    },
    /// A file that was handed over cannot be used.
    #[error("{file} cannot be used: {reason}.")]
    WrongFile {
        /// Its name.
        file: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A model that is too large for a browser's tab.
    #[error(
        "This model needs about {needed_mb} MB of memory here, but a page may use only {limit_mb} MB: choose a smaller \
         one (MiniLM, DistilBERT), or use the native program."
    )]
    TooLarge {
        /// Estimated.
        needed_mb: u64,
        /// What WebAssembly, or this machine, allows.
        limit_mb: u64,
    },
    /// A step gave a loss or gradient that is no number.
    #[error("The healing cannot go on: {reason}. {remedy}.")]
    Diverged {
        /// What became what.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A healing was to be steered that does not run.
    #[error("No healing is running: start one first.")]
    NoHealing,
    /// A second healing was to be started.
    #[error("A healing is already running: stop it first.")]
    AlreadyHealing,
    /// A moment that is not there any more.
    #[error("This snapshot no longer exists; it may have been deleted in another tab. Choose another.")]
    NoSuchMoment,
}

impl Failure {
    /// A file that cannot be used. What a reader says of it may begin with the file's name and end with a full stop, which
    /// the sentence has already.
    #[must_use]
    pub fn wrong_file(file: &str, reason: &str) -> Self {
        let reason = match reason.strip_prefix(file) {
            Some(rest) if rest.starts_with([':', ',']) => rest[1..].trim_start().to_owned(),
            Some(rest) if [" is ", " has ", " holds "].iter().any(|verb| rest.starts_with(verb)) => format!("it{rest}"),
            _ => reason.to_owned(),
        };
        Self::WrongFile { file: file.to_owned(), reason: reason.trim_end_matches('.').to_owned() }
    }
}

/// What `shared` could not compute.
pub(crate) fn computation(error: &impl std::fmt::Display) -> Failure {
    Failure::Computation { reason: error.to_string() }
}
