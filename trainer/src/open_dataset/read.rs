//! The contents of a dataset's files, before anything is decided about splits.

use std::collections::BTreeSet;
use std::path::Path;

use shared::dataset::{
    ColumnChoice, FileFormat, FileKind, LabelRange, LabelScheme, OnBadRow, RawTable, Reader, Rows, Split, assemble,
    default_label_names,
};

use super::error::OpenDatasetError;
use super::find::{DatasetFiles, LABELS_FILE};
use super::text::read_text;
use super::{arrow, parquet};

/// The contents of a dataset's files.
pub(super) struct Read {
    pub label_names: Vec<String>,
    pub splits: Vec<ReadSplit>,
    pub n_skipped: usize,
    pub notes: Vec<String>,
}

/// The contents of one split's files.
pub(super) struct ReadSplit {
    pub split: Split,
    /// The first file, as messages call it.
    pub file: String,
    pub rows: Rows,
}

/// Reads all files.
///
/// Columns are those of the choice, or what is guessed in the first file; further files must have the same. Class names
/// are those the dataset comes with, else those in a file's own metadata, else `known_names`. Without any, the first
/// split, which is train if there is one, says which classes there are, so that a class that is only in test is an error
/// rather than a class without training rows.
pub(super) fn read(
    files: &DatasetFiles,
    on_bad_row: OnBadRow,
    known_names: Option<&[String]>,
) -> Result<Read, OpenDatasetError> {
    let mut read = Read { label_names: Vec::new(), splits: Vec::new(), n_skipped: 0, notes: Vec::new() };
    let mut columns = files.columns.clone();
    let mut scheme: Option<LabelScheme> = None;
    for (split, paths) in &files.splits {
        let mut tables = Vec::new();
        for path in paths {
            let table = read_table(path, &columns)?;
            columns = table.columns.clone();
            read.notes.extend(table.note.clone());
            tables.push((path.display().to_string(), table));
        }
        let Some(file) = tables.first().map(|(file, _)| file.clone()) else { continue };
        let this_scheme = match scheme.clone() {
            Some(scheme) => scheme,
            None => read.decide_labels(files, &tables, known_names)?,
        };

        let mut rows: Option<Rows> = None;
        for (path, (file, table)) in paths.iter().zip(tables) {
            let parsed = assemble(&file, table, &this_scheme, on_bad_row)?;
            if parsed.skipped.n_rows > 0 {
                let first: Vec<String> = parsed.skipped.first.iter().map(ToString::to_string).collect();
                let more = if parsed.skipped.n_rows > first.len() { "; …" } else { "" };
                read.notes.push(format!(
                    "{file}: {} bad rows were skipped: {}{more}",
                    parsed.skipped.n_rows,
                    first.join("; ")
                ));
            }
            read.n_skipped += parsed.skipped.n_rows;
            rows = Some(match rows {
                None => parsed.rows,
                Some(earlier) => joined(earlier, parsed.rows)
                    .ok_or_else(|| OpenDatasetError::PartlyLabelled { path: path.clone(), split: *split })?,
            });
        }
        let Some(rows) = rows else { continue };
        if let (None, Rows::Labelled(examples)) = (&scheme, &rows) {
            scheme = Some(if this_scheme == LabelScheme::Ids(LabelRange::Unknown) {
                let highest = examples.iter().map(|example| example.label).max().unwrap_or(0);
                read.label_names = default_label_names(highest as usize + 1);
                read.notes.push(format!("no {LABELS_FILE}: the classes are LABEL_0 to LABEL_{highest}, as in {file}"));
                LabelScheme::Ids(LabelRange::Below(read.label_names.len()))
            } else {
                this_scheme
            });
        }
        read.splits.push(ReadSplit { split: *split, file, rows });
    }
    Ok(read)
}

impl Read {
    /// Decides by the tables of a split what labels mean and, as far as it is known, what the classes are called.
    fn decide_labels(
        &mut self,
        files: &DatasetFiles,
        tables: &[(String, RawTable)],
        known_names: Option<&[String]>,
    ) -> Result<LabelScheme, OpenDatasetError> {
        let Some((file, first)) = tables.first() else {
            return Ok(LabelScheme::Ids(LabelRange::Unknown));
        };
        let names = if let Some(names) = &files.label_names {
            check_names(&files.name, names)?;
            Some(names.as_slice())
        } else if let Some(names) = &first.label_names {
            check_names(file, names)?;
            self.notes.push(format!("class names are those in the metadata of {file}"));
            Some(names.as_slice())
        } else {
            known_names
        };
        let scheme = LabelScheme::of(file, &tables.iter().flat_map(|(_, table)| &table.rows), names)?;
        self.label_names = names.unwrap_or_default().to_vec();
        if let (None, LabelScheme::Names(found)) = (names, &scheme) {
            self.label_names.clone_from(found);
            let found = found.join(", ");
            self.notes.push(format!("no {LABELS_FILE}: the classes are the labels in {file}, sorted: {found}"));
        }
        Ok(scheme)
    }
}

/// Reads one file by the kind that its name says.
fn read_table(path: &Path, columns: &ColumnChoice) -> Result<RawTable, OpenDatasetError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((FileKind { format, packing }, _)) = FileKind::of(&name) else {
        return Err(OpenDatasetError::NotATable { path: path.to_owned() });
    };
    match format.entry().reader {
        Reader::File(format) => read_file(format, path, columns),
        Reader::Bytes(read) => {
            let bytes = read_text(path, format, packing)?;
            Ok(read(&path.display().to_string(), &bytes, columns)?)
        }
    }
}

fn check_names(of: &str, names: &[String]) -> Result<(), OpenDatasetError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| name.is_empty() || !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(OpenDatasetError::LabelNames { of: of.to_owned(), name: name.clone() }),
    }
}

/// The rows of two files of one split; none when only one of them has labels.
fn joined(earlier: Rows, later: Rows) -> Option<Rows> {
    match (earlier, later) {
        (Rows::Labelled(mut examples), Rows::Labelled(more)) => {
            examples.extend(more);
            Some(Rows::Labelled(examples))
        }
        (Rows::Unlabelled { n_rows }, Rows::Unlabelled { n_rows: more }) => {
            Some(Rows::Unlabelled { n_rows: n_rows + more })
        }
        _ => None,
    }
}

/// Reads a file of a format that only this program reads.
fn read_file(format: FileFormat, path: &Path, columns: &ColumnChoice) -> Result<RawTable, OpenDatasetError> {
    match format {
        FileFormat::Parquet => parquet::read_parquet(path, columns),
        FileFormat::Arrow => arrow::read_arrow(path, columns),
    }
}
