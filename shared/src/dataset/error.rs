//! What can be wrong with a dataset, each naming the file, the place, the expected and the got.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::lines::{excerpt, names_in_words};
use super::{LabelCell, Split};

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
    #[error(
        "{file}, line 1: expected the header `label<TAB>text`, got {got} (with --delimiter tab it is read as CSV is, with other \
         columns and quoted fields)"
    )]
    Header {
        /// The file, as the caller calls it.
        file: String,
        /// The line found, shortened and escaped.
        got: String,
    },
    /// A table in which no column can be what is looked for.
    #[error("{file}: expected a column for the {role} ({wanted}), got the columns {columns}")]
    NoColumn {
        /// The file, as the caller calls it.
        file: String,
        /// `text` or `label`.
        role: &'static str,
        /// The name that was given, or some that would do.
        wanted: String,
        /// The columns there are.
        columns: String,
    },
    /// Two columns of the name that was chosen.
    #[error("{file}: expected one column {name}, got several: {columns}")]
    DuplicateColumn {
        /// The file, as the caller calls it.
        file: String,
        /// The column.
        name: String,
        /// The columns there are.
        columns: String,
    },
    /// The same column chosen twice.
    #[error("{file}: expected different columns for {roles}, got {name} for both")]
    OneColumnForTwo {
        /// The file, as the caller calls it.
        file: String,
        /// What it was chosen for, such as `text and label`.
        roles: &'static str,
        /// The column.
        name: String,
    },
    /// So many different labels that they are more likely no classes, in a dataset that does not say what its classes are.
    #[error(
        "{file}: column {column} has {n_classes} different labels in {n_rows} rows, {ratio:.1} rows a class: is it the right \
         column? Choose another by --label-column, or, if they are classes, declare their names in labels.txt or by \
         --label-names",
        ratio = *.n_rows as f64 / *.n_classes as f64
    )]
    TooManyClasses {
        /// The file, as the caller calls it.
        file: String,
        /// The column of the label.
        column: String,
        /// Different labels.
        n_classes: usize,
        /// Rows that have them.
        n_rows: usize,
    },
    /// One number that is written in several ways, some with zeros in front, in a dataset that does not say which are classes.
    #[error(
        "{file}: column {column} has the labels {written}, which are one number: expected them all with zeros in front or all \
         without, or the class names declared in labels.txt or by --label-names"
    )]
    SameNumber {
        /// The file, as the caller calls it.
        file: String,
        /// The column of the label.
        column: String,
        /// How the number is written, quoted.
        written: String,
    },
    /// Labels or class names that are not those that they are held against.
    #[error(
        "{of} has the classes {got}, {other} has {expected}: expected the same names, in any order, since classes are matched by \
         name (labels.txt or --label-names can call those of the data as the model does)"
    )]
    OtherClasses {
        /// What is asked about: a file or a dataset.
        of: String,
        /// Its classes.
        got: String,
        /// What it is held against, such as the model.
        other: String,
        /// The classes of that.
        expected: String,
    },
    /// A header whose columns seem to be separated by something else.
    #[error(
        "{file}: expected columns separated by {expected}, got a header that looks separated by {found}: {header} (write the \
         file with commas, or give --delimiter {flag} on the command line)"
    )]
    Delimiter {
        /// The file, as the caller calls it.
        file: String,
        /// What separates columns, in words.
        expected: String,
        /// What seems to, in words.
        found: &'static str,
        /// How the flag takes that.
        flag: &'static str,
        /// The header, shortened and escaped.
        header: String,
    },
    /// A file that is not what its name says, or breaks off.
    #[error("{file}: expected {expected}, got {got}")]
    Syntax {
        /// The file, as the caller calls it.
        file: String,
        /// What it should be.
        expected: &'static str,
        /// What is there, and where.
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

/// Where a row is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The line it begins on, from 1; a header is line 1.
    Line(usize),
    /// Its number, from 1, in a format whose rows are not lines.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// A row that cannot be used, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Where it is.
    pub place: Place,
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
    /// More or fewer fields than the header has.
    FieldCount {
        /// The header's.
        expected: usize,
        /// The row's.
        got: usize,
    },
    /// Something other than a separator behind a closing quotation mark.
    Quoting,
    /// Not JSON, or not an object.
    NotAnObject {
        /// What it is instead.
        got: String,
    },
    /// A value that is missing, null or of another type.
    Value {
        /// Its column.
        column: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// There is no label, or what other programs take for none.
    MissingLabel {
        /// Its column.
        column: String,
        /// What is there, shortened and escaped.
        got: String,
    },
    /// The label is a number that is not whole, and no class of that name is declared.
    LabelIsAFraction {
        /// The number.
        got: String,
    },
    /// The label is no whole number, where labels are ids.
    LabelNotAnInteger {
        /// The label, shortened and escaped.
        got: String,
    },
    /// The label is a whole number that is no class.
    LabelOutOfRange {
        /// The number.
        got: i64,
        /// The highest class.
        highest: u32,
    },
    /// The label is no class name, where labels are names.
    UnknownName {
        /// The label, shortened and escaped.
        got: String,
        /// The class names.
        names: String,
    },
    /// The text is empty or only white space.
    EmptyText,
    /// The text is longer than any that is meant to be classified.
    TextTooLong {
        /// Its bytes.
        got: usize,
        /// The most bytes.
        max: usize,
    },
    /// A NUL in the text, as binary files and UTF-16 have it.
    Nul {
        /// The first such byte of the text, from 1.
        byte: usize,
    },
    /// Bytes that are not UTF-8.
    NotUtf8 {
        /// The first bad byte of the row, from 1.
        byte: usize,
    },
}

impl BadRowReason {
    pub(super) fn unknown_name(label: &LabelCell, names: &[String]) -> Self {
        match label {
            // No label at all, whatever the classes are called.
            _ if label.whole() == Some(-1) => Self::LabelOutOfRange { got: -1, highest: names.len() as u32 - 1 },
            LabelCell::Integer(id) => Self::UnknownName { got: id.to_string(), names: names_in_words(names) },
            LabelCell::Name(name) => Self::UnknownName { got: excerpt(name.as_bytes()), names: names_in_words(names) },
        }
    }

    /// Nothing where a label should be, or what stands for that.
    pub fn missing_label(column: &str, got: impl Into<String>) -> Self {
        Self::MissingLabel { column: column.to_owned(), got: got.into() }
    }

    /// Whether the row is fine but for its label, which says that there is none.
    pub(super) fn is_unlabelled(&self) -> bool {
        matches!(self, Self::LabelOutOfRange { got: -1, .. })
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.reason {
            BadRowReason::MissingColumn { got } => {
                write!(f, "expected two columns `label<TAB>text`, got one without a tab: {got}")
            }
            BadRowReason::MissingLabel { column, got } => {
                write!(f, "expected a label in column {column}, got {got}")?;
                if got.starts_with('"') {
                    f.write_str(
                        ", which other programs read as a missing value (a class of that name: declare the class names \
                         in labels.txt or by --label-names)",
                    )?;
                }
                Ok(())
            }
            BadRowReason::LabelIsAFraction { got } => write!(
                f,
                "expected a class name or a whole number as label, got {got} (a class of that name: declare the class \
                 names in labels.txt or by --label-names)"
            ),
            BadRowReason::LabelNotAnInteger { got } => write!(f, "expected an integer as label, got {got}"),
            BadRowReason::LabelOutOfRange { got, highest } => {
                write!(f, "expected a label from 0 to {highest}, got {got}")
            }
            BadRowReason::UnknownName { got, names } => write!(f, "expected a class name ({names}), got {got}"),
            BadRowReason::FieldCount { expected, got } => {
                write!(f, "expected {expected} fields as in the header, got {got}")
            }
            BadRowReason::Quoting => {
                f.write_str("expected a separator or the row's end behind a closing quotation mark, got more text")
            }
            BadRowReason::NotAnObject { got } => write!(f, "expected a JSON object, got {got}"),
            BadRowReason::Value { column, expected, got } => {
                write!(f, "expected {expected} in column {column}, got {got}")
            }
            BadRowReason::EmptyText => f.write_str("expected a text, got none"),
            BadRowReason::TextTooLong { got, max } => write!(f, "expected a text of at most {max} bytes, got {got}"),
            BadRowReason::Nul { byte } => write!(f, "expected text, got a NUL byte as byte {byte} of it"),
            BadRowReason::NotUtf8 { byte } => {
                write!(f, "expected UTF-8, got an invalid byte at position {byte} of the row")
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
