//! The report of one run, or of many: a page and a Markdown file, from the files in their folders alone.
//!
//! `evidence` reads a run, `figures` and `sections` turn it into a `document` (for many runs [`runs`] does both) of words, tables and charts, and
//! `html` and `markdown` write that same document; `plots` draws the charts. Invariant: every number comes from the
//! run's record or its files, so a report can be made again, and what is not there is said to be missing.

mod document;
mod evidence;
mod figures;
mod html;
mod markdown;
mod plots;
pub mod runs;
mod sections;
pub mod words;

use std::path::{Path, PathBuf};

use anyhow::Context;
use shared::figure::Figure;

use crate::atomic;
use crate::exit_code::bad_input;
pub use evidence::Evidence;
pub use words::headline;

/// The page's name in the report's folder.
pub const PAGE: &str = "index.html";

/// Where a report goes when nothing else is said: into the folder it is of, or beside the file.
#[must_use]
pub fn default_path(run: &Path) -> PathBuf {
    if run.is_file() { run.with_file_name("report") } else { run.join("report") }
}

/// Reads the run in the folder `run`, writes its report into the folder `out`, and returns the page's path.
///
/// An earlier report there is replaced; other files stay.
///
/// # Errors
/// Bad input when `run` is not a finished run or its files do not fit together.
pub fn write(run: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    write_document(&sections::document(&Evidence::read(run)?)?, out)
}

/// Writes the report of many runs into the folder `out`, with every run, plan and claim as CSV beside it, and returns the
/// page's path.
///
/// # Errors
/// Bad input when `out` cannot be a folder.
pub fn write_runs(runs: &runs::Runs, out: &Path) -> anyhow::Result<PathBuf> {
    let page = write_document(&runs::document(runs), out)?;
    for (name, bytes) in runs::csv_files(runs)? {
        atomic::write_file(&out.join(name), &bytes).context("--out")?;
    }
    Ok(page)
}

/// A figure's drawing as an SVG file of its own.
#[must_use]
pub fn drawing(figure: &Figure) -> String {
    plots::stand_alone(figure)
}

fn write_document(document: &document::Document, out: &Path) -> anyhow::Result<PathBuf> {
    if out.exists() && !out.is_dir() {
        return Err(bad_input(anyhow::anyhow!("--out {}: expected a folder, got a file", out.display())));
    }
    let files = markdown::files(document);
    let page = html::page(document);
    for (name, text) in &files {
        atomic::write_file(&out.join(name), text.as_bytes()).context("--out")?;
    }
    let path = out.join(PAGE);
    atomic::write_file(&path, page.as_bytes()).context("--out")?;
    Ok(path)
}
