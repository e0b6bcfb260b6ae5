//! The contents of a dataset's files, before anything is decided about splits.

use std::fs;
use std::path::Path;

use shared::dataset::{LabelRange, OnBadRow, Rows, Split, default_label_names, parse_tsv};

use super::find::LABELS_FILE;
use super::{DatasetFiles, OpenDatasetError};

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

/// Reads all files. Class names are those the files come with, else `known_names`; without either there are as many classes as the first split, which is train if there is one,
/// has labels for, so that a class that is only in test is an error rather than a class without training rows.
pub(super) fn read(
    files: &DatasetFiles,
    on_bad_row: OnBadRow,
    known_names: Option<&[String]>,
) -> Result<Read, OpenDatasetError> {
    let mut read = Read { label_names: Vec::new(), splits: Vec::new(), n_skipped: 0, notes: Vec::new() };
    let mut label_names = files.label_names.as_deref().or(known_names).map(<[String]>::to_vec);
    for (split, paths) in &files.splits {
        let range = label_names.as_ref().map_or(LabelRange::Unknown, |names| LabelRange::Below(names.len()));
        let mut rows: Option<Rows> = None;
        for path in paths {
            let file = path.display().to_string();
            let parsed = parse_tsv(&file, &read_bytes(path)?, range, on_bad_row)?;
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
                Some(earlier) => joined(earlier, parsed.rows).ok_or_else(|| OpenDatasetError::PartlyLabelled {
                    path: path.clone(),
                    split: *split,
                })?,
            });
        }
        let (Some(rows), Some(first)) = (rows, paths.first()) else {
            continue;
        };
        let file = first.display().to_string();
        if let (None, Rows::Labelled(examples)) = (&label_names, &rows) {
            let highest = examples.iter().map(|example| example.label).max().unwrap_or(0);
            label_names = Some(default_label_names(highest as usize + 1));
            read.notes.push(format!("no {LABELS_FILE}: the classes are LABEL_0 to LABEL_{highest}, as in {file}"));
        }
        read.splits.push(ReadSplit { split: *split, file, rows });
    }
    read.label_names = label_names.unwrap_or_default();
    Ok(read)
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

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, OpenDatasetError> {
    fs::read(path).map_err(|source| OpenDatasetError::Read { path: path.to_owned(), source })
}
