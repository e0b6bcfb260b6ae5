//! What can be wrong with a dataset, each naming the file, the place, the expected and the got.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Split;

/// Why a dataset cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// Nothing between the first byte and the last.
    #[error("{file}: expected a header line and rows, got an empty file")]
    EmptyFile {
        /// The file, as the caller calls it.
        file: String,
    },
    /// The first line is not the one that says what the columns are.
    #[error("{file}, line 1: expected the header `label<TAB>text`, got {got}")]
    Header {
        /// The file, as the caller calls it.
        file: String,
        /// The line found, shortened and escaped.
        got: String,
    },
    /// A header and nothing usable below it.
    #[error("{file}: expected at least one row below the header, got none that can be used ({n_bad} bad rows)")]
    NoRows {
        /// The file, as the caller calls it.
        file: String,
        /// Rows that were skipped as bad.
        n_bad: usize,
    },
    /// A row that cannot be used, where [`super::OnBadRow::Refuse`] was asked for.
    #[error("{file}, {row}{}", MoreBadRows(*.n_more))]
    BadRow {
        /// The file, as the caller calls it.
        file: String,
        /// The first bad row.
        row: BadRow,
        /// How many more follow in the same file.
        n_more: usize,
    },
    /// A line of the class names that is empty, twice there or unreadable.
    #[error("{file}, line {line}: expected one class name a line, each once; got {got}")]
    LabelNames {
        /// The file, as the caller calls it.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        got: String,
    },
    /// A classifier needs something to tell apart.
    #[error("dataset \"{name}\": expected at least two classes, got {got}")]
    TooFewClasses {
        /// The dataset.
        name: String,
        /// The number of classes.
        got: usize,
    },
    /// A row's label is above the last class name.
    #[error("dataset \"{name}\", {split}: expected labels 0 to {}, got {label}", .n_labels - 1)]
    LabelWithoutName {
        /// The dataset.
        name: String,
        /// Where the row is.
        split: Split,
        /// Its label.
        label: u32,
        /// The number of class names.
        n_labels: usize,
    },
    /// A split limited to nothing.
    #[error("the limit of {split} rows is 0: expected at least 1")]
    ZeroLimit {
        /// The split.
        split: Split,
    },
}

/// A row that cannot be used, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// The line in its file, from 1; the header is line 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: BadRowReason,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRowReason {
    /// No tab, so there is only one column.
    MissingColumn {
        /// The line, shortened and escaped.
        got: String,
    },
    /// The first column is no whole number.
    LabelNotAnInteger {
        /// The column, shortened and escaped.
        got: String,
    },
    /// The first column is a whole number that is no class.
    LabelOutOfRange {
        /// The number.
        got: i64,
        /// The highest class.
        highest: u32,
    },
    /// The second column is empty or only white space.
    EmptyText,
    /// Bytes that are not UTF-8.
    NotUtf8 {
        /// The first bad byte of the line, from 1.
        byte: usize,
    },
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.reason {
            BadRowReason::MissingColumn { got } => {
                write!(f, "expected two columns `label<TAB>text`, got one without a tab: {got}")
            }
            BadRowReason::LabelNotAnInteger { got } => write!(f, "expected an integer as label, got {got}"),
            BadRowReason::LabelOutOfRange { got, highest } => {
                write!(f, "expected a label from 0 to {highest}, got {got}")
            }
            BadRowReason::EmptyText => f.write_str("expected a text behind the tab, got none"),
            BadRowReason::NotUtf8 { byte } => {
                write!(f, "expected UTF-8, got an invalid byte at position {byte} of the line")
            }
        }
    }
}

/// The tail of an error that stands for several rows.
struct MoreBadRows(usize);

impl fmt::Display for MoreBadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more bad row)"),
            n => write!(f, " (and {n} more bad rows)"),
        }
    }
}

/// Bytes as a short quoted string, for messages.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 60;
    // Four bytes hold any character, so this is enough and keeps a huge line from being copied.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * (MAX_CHARS + 1))]);
    if text.chars().count() > MAX_CHARS {
        format!("{:?}…", text.chars().take(MAX_CHARS).collect::<String>())
    } else {
        format!("{text:?}")
    }
}
