//! Parts of the command line's help that are made from the library's tables.

use shared::corruption::Scheme;
use shared::dataset::{Endings, Format, endings};

/// What `--dataset` takes.
#[must_use]
pub fn dataset() -> String {
    let places = "Catalogue name, hub id, a folder with train, validation and test files, a local copy of a hub \
                  dataset, a folder written by datasets' save_to_disk, or one file:";
    format!("{places} {}", endings(Endings::Usual))
}

/// Every scheme of corruption, a line each.
#[must_use]
pub fn schemes() -> String {
    lines("Schemes", &Scheme::ALL.map(|scheme| (scheme.usage(), scheme.entry().help)))
}

/// Every format of a dataset's files, a line each.
#[must_use]
pub fn formats() -> String {
    lines("Dataset files", &Format::ALL.map(|format| (format.entry().endings.join(", "), format.entry().help)))
}

/// A heading, and under it what is explained beside what it is.
fn lines(heading: &str, rows: &[(String, &str)]) -> String {
    let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    let row = |(what, help): &(String, &str)| format!("\n  {what:width$}  {}", help.replace('`', ""));
    format!("{heading}:{}", rows.iter().map(row).collect::<String>())
}
