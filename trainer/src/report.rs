//! The report of one run: a page and a Markdown file, from the files in the run's folder alone.
//!
//! `evidence` reads the run, `figures` and `sections` turn it into a `document` of words, tables and charts, and
//! `html` and `markdown` write that same document; `plots` draws the charts. Invariant: every number comes from the
//! run's record or its files, so a report can be made again, and what is not there is said to be missing.

mod document;
mod evidence;
mod figures;
mod html;
mod markdown;
mod plots;
mod sections;
pub mod words;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit_code::bad_input;
use crate::run_dir::atomic;
pub use evidence::Evidence;
pub use words::headline;

/// The page's name in the report's folder.
pub const PAGE: &str = "index.html";

/// The Markdown file's name in the report's folder; its plots are in `plots/` beside it.
pub const MARKDOWN: &str = "report.md";

/// Where a run's report goes when nothing else is said.
#[must_use]
pub fn default_path(run: &Path) -> PathBuf {
    run.join("report")
}

/// Reads the run in the folder `run`, writes its report into the folder `out`, and returns the page's path.
///
/// An earlier report there is replaced; other files stay.
///
/// # Errors
/// Bad input when `run` is not a finished run or its files do not fit together.
pub fn write(run: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let evidence = Evidence::read(run)?;
    let document = sections::document(&evidence)?;
    if out.exists() && !out.is_dir() {
        return Err(bad_input(anyhow::anyhow!("--out {}: expected a folder, got a file", out.display())));
    }
    let files = markdown::files(&document)?;
    let page = html::page(&document)?;
    for (name, text) in &files {
        atomic::write_file(&out.join(name), text.as_bytes()).context("--out")?;
    }
    let path = out.join(PAGE);
    atomic::write_file(&path, page.as_bytes()).context("--out")?;
    Ok(path)
}
