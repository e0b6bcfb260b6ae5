//! Why a dataset cannot be opened.

use std::io;
use std::path::PathBuf;

use shared::dataset::{DatasetError, Endings, Format, Split, endings};
use shared::words::listed;

/// Files of these names, in any format: `train.tsv (or .csv, …)`.
pub(super) fn files_called(names: &[&str]) -> String {
    let [usual, others @ ..] = Format::ALL.map(Format::ending);
    let names: Vec<String> = names.iter().map(|name| format!("{name}{usual}")).collect();
    format!("{} (or {})", listed(&names, "or"), others.join(", "))
}

/// What a folder must have, for messages.
fn folder() -> String {
    files_called(&["train"])
}

/// What a single file must be, for messages.
fn file() -> String {
    format!("a file that ends in {}", endings(Endings::All))
}

/// Why a dataset cannot be opened. Every variant is the user's to put right (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum OpenDatasetError {
    /// Nothing at that path.
    #[error("dataset {}: expected a folder with {} or {}, got nothing at that path", .path.display(), folder(), file())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A folder without the splits that are needed.
    #[error("dataset {}: expected {expected} in the folder, got {found}", .path.display())]
    NoSplit {
        /// The folder.
        path: PathBuf,
        /// The files that would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A folder whose files do not tell which are which split, or lack something that others of them name.
    #[error("dataset {}: {problem}", .path.display())]
    Layout {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What was expected and what is there.
        problem: String,
    },
    /// Two files for one split.
    #[error("dataset {}: expected one file for {split}, got {first} and {second} (move the other away)", .path.display())]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// The split.
        split: Split,
        /// One file's name.
        first: String,
        /// The other's.
        second: String,
    },
    /// Some shards of a split, but not all.
    #[error(
        "dataset {}: expected all {n_shards} shards of {split}, got all but number {missing} (counted from 0), and maybe \
         others",
        .path.display()
    )]
    MissingShard {
        /// The folder.
        path: PathBuf,
        /// The split.
        split: Split,
        /// The first that is not there.
        missing: usize,
        /// How many there are by the names of the others.
        n_shards: usize,
    },
    /// A single file that is no table by its name.
    #[error("dataset {}: expected {}, or a folder with {}", .path.display(), file(), folder())]
    NotATable {
        /// The file.
        path: PathBuf,
    },
    /// Class names that are not fit to be told apart.
    #[error("{of}: expected class names that are not empty, each once; got {name:?}{}", if name.is_empty() { "" } else { " twice" })]
    LabelNames {
        /// Where they were given.
        of: String,
        /// The first that is wrong.
        name: String,
    },
    /// A file that is there and cannot be read.
    #[error("{}: cannot read it", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Class names of which a file has others, and another number of them.
    #[error("{file} has the classes {own} in its metadata, {of} has {declared}: expected as many names")]
    OwnNames {
        /// The file.
        file: String,
        /// Its own names.
        own: String,
        /// Where the others were given.
        of: String,
        /// The others.
        declared: String,
    },
    /// Training rows without labels.
    #[error("{file}: expected labels to train on, got -1 in every row")]
    UnlabelledTrain {
        /// The file, or the first of several.
        file: String,
    },
    /// Files without any for training.
    #[error("dataset {name}: expected a train split, got none")]
    NoTrain {
        /// The dataset.
        name: String,
    },
    /// Files of one split of which some have labels.
    #[error("{}: expected labels in all files of {split} or in none, got both", .path.display())]
    PartlyLabelled {
        /// The first file that differs from those before it.
        path: PathBuf,
        /// The split.
        split: Split,
    },
    /// No labelled row outside train.
    #[error("dataset {name}: expected a labelled test or validation split, got none")]
    NothingToReportOn {
        /// The dataset.
        name: String,
    },
    /// What the files say is wrong.
    #[error(transparent)]
    Content(#[from] DatasetError),
}
