//! The report of many runs: what they allow to be said, claim by claim, and every run with its figures.

mod csv_files;
mod document;
mod judged;
mod read;

use std::fs;
use std::path::Path;

use anyhow::Context;
use shared::claims::ClaimsFile;

use crate::exit_code::bad_input;
use crate::say;

pub(super) use csv_files::csv_files;
pub(super) use document::document;
pub use judged::Runs;
pub use read::holds_many;

/// Reads a claims file; the usual claims without one.
///
/// # Errors
/// Bad input when it cannot be read or is none.
pub fn claims(path: Option<&Path>) -> anyhow::Result<ClaimsFile> {
    let Some(path) = path else { return Ok(ClaimsFile::default()) };
    let context = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(bad_input).with_context(context)?;
    ClaimsFile::parse(&text).map_err(bad_input).with_context(context)
}

/// Says what was left out.
pub fn say_notes(runs: &Runs) {
    runs.notes.iter().take(document::MAX_NOTES).for_each(|note| say!("note: {note}"));
    let n_more = runs.notes.len().saturating_sub(document::MAX_NOTES);
    if n_more > 0 {
        say!("note: {n_more} more like these");
    }
}
