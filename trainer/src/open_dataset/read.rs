//! The contents of a dataset's files, before anything is decided about splits.

use std::collections::BTreeSet;
use std::path::Path;

use shared::dataset::{
    ClassMatch, ColumnChoice, Encoded, FileFormat, FileKind, Format, Known, LabelRange, LabelScheme, Labelling,
    OnBadRow, RawTable, Reader, Rows, Split, assemble, default_label_names, match_classes, names_in_words,
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

/// What the classes are, once the rows of a split have said so.
struct Classes {
    /// Their names by id.
    names: Vec<String>,
    /// How labels of files without names of their own are meant; none while no such file has been seen.
    scheme: Option<LabelScheme>,
    /// What a file's own names call them, where the dataset calls them otherwise.
    own_names: Option<Vec<String>>,
}

impl Classes {
    /// How the labels of a table are meant that has names of its `own`: they are ids of those.
    fn encoded(&self, file: &str, own: &[String]) -> Labelling {
        let own_names = self.own_names.as_ref().unwrap_or(&self.names);
        if match_classes(own, own_names) != ClassMatch::Numbered {
            let encoded = Encoded::new(own.to_vec(), own_names);
            return LabelScheme::Encoded(Encoded { names: self.names.clone(), ..encoded }).into();
        }
        let (theirs, ours) = (names_in_words(own), names_in_words(own_names));
        let note = format!("{file}: the classes {theirs} in its metadata are matched by number with {ours}");
        let scheme = LabelScheme::Encoded(Encoded::by_number(own.to_vec(), &self.names));
        Labelling { scheme, note: Some(note) }
    }
}

/// Reads all files.
///
/// Columns are those of the choice, or what is guessed in the first file; further files must have the same. Class names
/// are those the dataset comes with, else those in a file's own metadata, else `known_names`. Without any, the first
/// split, which is train if there is one, says which classes there are, so that a class that is only in test is an error
/// rather than a class without training rows.
///
/// The labels of a file that has class names of its own are ids of those, in its own order, whatever other files have.
pub(super) fn read(
    files: &DatasetFiles,
    on_bad_row: OnBadRow,
    known_names: Option<&[String]>,
) -> Result<Read, OpenDatasetError> {
    let mut read = Read { label_names: Vec::new(), splits: Vec::new(), n_skipped: 0, notes: Vec::new() };
    read.notes.extend(unused_delimiter(files));
    let mut columns = files.columns.clone();
    let mut classes: Option<Classes> = None;
    for (split, paths) in &files.splits {
        let mut tables = Vec::new();
        for path in paths {
            let table = read_table(path, &columns)?;
            columns = table.columns.clone();
            read.notes.extend(table.note.clone());
            tables.push((path.display().to_string(), table));
        }
        let Some(file) = tables.first().map(|(file, _)| file.clone()) else { continue };
        for (file, table) in &tables {
            check_names(file, table.label_names.as_deref().unwrap_or_default())?;
        }
        let mut these = match classes.take() {
            Some(classes) => classes,
            None => read.decide_classes(files, &tables, known_names)?,
        };
        if these.scheme.is_none() && tables.iter().any(|(_, table)| table.label_names.is_none()) {
            these.scheme = Some(scheme_of(&tables, Known::Declared(&these.names))?.scheme);
        }

        let mut rows: Option<Rows> = None;
        for (path, (file, table)) in paths.iter().zip(tables) {
            let scheme = match (&table.label_names, &these.scheme) {
                (Some(own), _) => {
                    let Labelling { scheme, note } = these.encoded(&file, own);
                    read.notes.extend(note);
                    scheme
                }
                (None, Some(scheme)) => scheme.clone(),
                (None, None) => LabelScheme::Ids(LabelRange::Unknown),
            };
            let parsed = assemble(&file, table, &scheme, on_bad_row)?;
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
        // A split without labels says nothing of what they mean in the next.
        if matches!(rows, Rows::Labelled(_)) {
            read.label_names.clone_from(&these.names);
            classes = Some(these);
        }
        read.splits.push(ReadSplit { split: *split, file, rows });
    }
    Ok(read)
}

/// Says that a delimiter was asked for where nothing is separated by one.
fn unused_delimiter(files: &DatasetFiles) -> Option<String> {
    let delimiter = files.columns.delimiter?;
    let is_separated = |path: &Path| {
        let kind = FileKind::of(path.file_name()?.to_str()?);
        kind.map(|(kind, _)| matches!(kind.format, Format::Csv | Format::Tsv))
    };
    let mut paths = files.splits.iter().flat_map(|(_, paths)| paths);
    let is_used = paths.any(|path| is_separated(path) == Some(true));
    (!is_used).then(|| format!("--delimiter {} is not used: no file is CSV or TSV", delimiter.name()))
}

impl Read {
    /// Decides by the tables of a split what labels mean and what the classes are called.
    fn decide_classes(
        &mut self,
        files: &DatasetFiles,
        tables: &[(String, RawTable)],
        known_names: Option<&[String]>,
    ) -> Result<Classes, OpenDatasetError> {
        let own = tables.iter().find_map(|(file, table)| Some((file, table.label_names.as_ref()?)));
        match (&files.label_names, own) {
            (Some(declared), Some((file, own))) => {
                check_names(&files.name, declared)?;
                self.declared_over_own(files, declared, file, own)
            }
            (None, Some((file, own))) => {
                self.notes.push(format!("class names are those in the metadata of {file}"));
                Ok(Classes { names: own.clone(), scheme: None, own_names: None })
            }
            (Some(declared), None) => {
                check_names(&files.name, declared)?;
                Ok(Classes { names: declared.clone(), scheme: None, own_names: None })
            }
            (None, None) => self.found_classes(tables, known_names),
        }
    }

    /// The classes of a dataset that comes with names while a file has names of its own. The same names are the same
    /// classes; as many others are taken for what the file's are to be called, one after the other.
    fn declared_over_own(
        &mut self,
        files: &DatasetFiles,
        declared: &[String],
        file: &str,
        own: &[String],
    ) -> Result<Classes, OpenDatasetError> {
        let own_names = match match_classes(own, declared) {
            ClassMatch::Same | ClassMatch::Named { .. } => None,
            ClassMatch::Numbered => Some(own.to_vec()),
            ClassMatch::Different if own.len() == declared.len() => Some(own.to_vec()),
            ClassMatch::Different => {
                return Err(OpenDatasetError::OwnNames {
                    file: file.to_owned(),
                    own: names_in_words(own),
                    of: format!("dataset {}", files.name),
                    declared: names_in_words(declared),
                });
            }
        };
        if own_names.is_some() {
            let (own, declared) = (names_in_words(own), names_in_words(declared));
            self.notes
                .push(format!("the classes {own} in the metadata of {file} are called {declared}, in that order"));
        }
        Ok(Classes { names: declared.to_vec(), scheme: None, own_names })
    }

    /// The classes of a dataset that comes without names: those of a model, else those of the rows.
    fn found_classes(
        &mut self,
        tables: &[(String, RawTable)],
        known_names: Option<&[String]>,
    ) -> Result<Classes, OpenDatasetError> {
        let file = tables.first().map_or("", |(file, _)| file.as_str());
        let Labelling { scheme, note } = scheme_of(tables, known_names.map_or(Known::Nothing, Known::Model))?;
        let has_note = note.is_some();
        self.notes.extend(note);
        if let Some(names) = known_names {
            return Ok(Classes { names: names.to_vec(), scheme: Some(scheme), own_names: None });
        }
        let names = match &scheme {
            LabelScheme::Names(found) => {
                if !has_note {
                    let found = names_in_words(found);
                    self.notes.push(format!("no {LABELS_FILE}: the classes are the labels in {file}, sorted: {found}"));
                }
                found.clone()
            }
            LabelScheme::Ids(LabelRange::Below(n)) => {
                let names = default_label_names(*n);
                let last = names.last().map_or("", String::as_str);
                self.notes.push(format!("no {LABELS_FILE}: the classes are LABEL_0 to {last}, as in {file}"));
                names
            }
            LabelScheme::Ids(LabelRange::Unknown) | LabelScheme::Encoded(_) => Vec::new(),
        };
        Ok(Classes { names, scheme: Some(scheme), own_names: None })
    }
}

/// How the labels of all tables of a split are meant, as far as they have no names of their own.
fn scheme_of(tables: &[(String, RawTable)], known: Known<'_>) -> Result<Labelling, OpenDatasetError> {
    let Some((file, first)) = tables.first() else {
        return Ok(LabelScheme::Ids(LabelRange::Unknown).into());
    };
    let column = first.columns.label.as_deref().unwrap_or_default();
    let without_names = tables.iter().filter(|(_, table)| table.label_names.is_none());
    let labels = without_names.flat_map(|(_, table)| &table.rows).map(|row| &row.label);
    Ok(Labelling::decide(file, column, labels, known)?)
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
