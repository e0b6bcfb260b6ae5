//! Why a dataset cannot be opened.

use std::io;
use std::path::PathBuf;

use shared::dataset::{DatasetError, Split};

/// Why a dataset cannot be opened. Every variant is the user's to put right (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum OpenDatasetError {
    /// Nothing at that path.
    #[error("dataset {}: expected a folder with train.tsv or a .tsv file, got nothing at that path", .path.display())]
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
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// Two files for one split.
    #[error("dataset {}: expected one file for {split}, got {first} and {second}", .path.display())]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// The split.
        split: Split,
        /// One file's name.
        first: &'static str,
        /// The other's.
        second: &'static str,
    },
    /// A single file that is not TSV by its name.
    #[error("dataset {}: expected a file that ends in .tsv or a folder with train.tsv", .path.display())]
    NotTsv {
        /// The file.
        path: PathBuf,
    },
    /// A file that is there and cannot be read.
    #[error("{}: cannot read it", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
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
