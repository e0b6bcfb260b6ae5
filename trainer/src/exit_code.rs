//! How the program ends: its exit codes, and which error leads to which.
//!
//! Errors are one `anyhow` chain. The function that knows why something failed says so once, with [`bad_input`] or
//! [`interrupted`]; context may be added above it, and every other error is unexpected.
//!
//! A module has an error type of its own only where variants are told apart: of `hub`, which asks again or elsewhere, and
//! of `open_dataset`, all of whose errors are bad input. They are marked in one function each, where they join the chain. A
//! fine-tuning that diverges is no error: it is a result, and its record says so.

use std::error::Error;
use std::fmt;

/// The exit codes, as scripts and job launchers rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that was asked is done.
    Ok = 0,
    /// A bug, or the machine: a full disk, no memory.
    Unexpected = 1,
    /// The command line or what it names is wrong; the message says what to change.
    BadInput = 2,
    /// The command came to its end, but some runs failed; their records say why.
    CellsFailed = 3,
    /// Ctrl-C; what is done is saved, and the same command goes on from there.
    Interrupted = 4,
    /// Not now: another process is at it, or what it needs is not there yet. The number is sendmail's, which schedulers and
    /// scripts know as a temporary failure.
    TryAgain = 75,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit_code: ExitCode) -> Self {
        Self::from(exit_code as u8)
    }
}

/// Marks `error` as the fault of the command line or of what it names.
///
/// ```
/// use trainer::exit_code::{ExitCode, bad_input, exit_code_of};
/// let error = "x".parse::<usize>().map_err(bad_input).unwrap_err().context("row 3");
/// assert_eq!(exit_code_of(&error), ExitCode::BadInput);
/// assert_eq!(format!("{error:#}"), "row 3: invalid digit found in string");
/// ```
pub fn bad_input(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Failure { exit_code: ExitCode::BadInput, source: error.into() }.into()
}

/// Marks `error` as the user's own wish to stop.
pub fn interrupted(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Failure { exit_code: ExitCode::Interrupted, source: error.into() }.into()
}

/// The exit code that `error` leads to.
#[must_use]
pub fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    failure.map_or(ExitCode::Unexpected, |failure| failure.exit_code)
}

/// An error with its exit code; it reads as the error in it, so a chain names everything once.
#[derive(Debug)]
struct Failure {
    exit_code: ExitCode,
    source: anyhow::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // One deeper: the outermost cause is what `Display` has already said.
        self.source.chain().nth(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn an_error_without_a_mark_is_unexpected() {
        assert_eq!(exit_code_of(&anyhow!("disk full").context("run.json")), ExitCode::Unexpected);
    }

    #[test]
    fn the_mark_is_found_below_context_and_the_chain_names_everything_once() {
        let inner = anyhow!("label 9 is not in 0..6").context("row 12");
        let error = bad_input(inner).context("train.tsv").context("dataset trec6");
        assert_eq!(exit_code_of(&error), ExitCode::BadInput);
        assert_eq!(format!("{error:#}"), "dataset trec6: train.tsv: row 12: label 9 is not in 0..6");
        assert_eq!(exit_code_of(&interrupted(anyhow!("stopped")).context("run")), ExitCode::Interrupted);
    }
}
