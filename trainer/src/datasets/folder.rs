//! Which files make up a dataset, and their contents before anything is decided about splits.

use std::fs;
use std::path::{Path, PathBuf};

use shared::dataset::{LabelRange, OnBadRow, Rows, Skipped, Split, default_label_names, parse_label_names, parse_tsv};

use super::{OpenDatasetError, Purpose};

/// The names a split's file may have in a folder.
const SPLIT_FILES: [(Split, &[&str]); 3] = [
    (Split::Train, &["train.tsv"]),
    (Split::Validation, &["validation.tsv", "dev.tsv", "valid.tsv"]),
    (Split::Test, &["test.tsv"]),
];

const LABELS_FILE: &str = "labels.txt";

/// The files of a dataset.
pub(super) struct Files {
    /// What the dataset is called: the folder's or file's name.
    pub name: String,
    splits: Vec<(Split, PathBuf)>,
    labels: Option<PathBuf>,
    /// The path is a file that holds all rows.
    is_single_file: bool,
}

/// The contents of a dataset's files.
pub(super) struct Read {
    pub label_names: Vec<String>,
    pub splits: Vec<ReadSplit>,
    pub notes: Vec<String>,
}

/// The contents of one split's file.
pub(super) struct ReadSplit {
    pub split: Split,
    /// The file, as messages call it.
    pub file: String,
    pub rows: Rows,
    pub skipped: Skipped,
}

impl Files {
    /// Looks for the files of the dataset at `path`.
    pub(super) fn find(path: &Path, purpose: Purpose) -> Result<Self, OpenDatasetError> {
        let metadata = fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => OpenDatasetError::NotFound { path: path.to_owned() },
            _ => OpenDatasetError::Read { path: path.to_owned(), source },
        })?;
        if metadata.is_dir() { Self::find_in_folder(path, purpose) } else { Self::single(path, purpose) }
    }

    /// The file of one split.
    pub(super) fn path_of(&self, split: Split) -> Option<&Path> {
        self.splits.iter().find(|(other, _)| *other == split).map(|(_, path)| path.as_path())
    }

    fn find_in_folder(folder: &Path, purpose: Purpose) -> Result<Self, OpenDatasetError> {
        let mut splits = Vec::new();
        for (split, names) in SPLIT_FILES {
            let mut there = names.iter().filter(|name| folder.join(name).exists());
            if let Some(first) = there.next() {
                if let Some(second) = there.next() {
                    return Err(OpenDatasetError::Ambiguous { path: folder.to_owned(), split, first, second });
                }
                splits.push((split, folder.join(first)));
            }
        }
        let has_train = splits.iter().any(|(split, _)| *split == Split::Train);
        let expected = match purpose {
            Purpose::Train if !has_train => Some("train.tsv"),
            Purpose::Evaluate if splits.iter().all(|(split, _)| *split == Split::Train) => {
                Some("test.tsv or validation.tsv")
            }
            Purpose::Train | Purpose::Evaluate => None,
        };
        if let Some(expected) = expected {
            return Err(OpenDatasetError::NoSplit { path: folder.to_owned(), expected, found: contents(folder)? });
        }
        let labels = Some(folder.join(LABELS_FILE)).filter(|path| path.exists());
        Ok(Self { name: name_of(folder), splits, labels, is_single_file: false })
    }

    pub(super) fn known(files: &super::DatasetFiles) -> Self {
        let splits = files.splits.iter().flat_map(|(split, paths)| paths.iter().map(|path| (*split, path.clone())));
        Self { name: files.name.clone(), splits: splits.collect(), labels: None, is_single_file: false }
    }

    fn single(file: &Path, purpose: Purpose) -> Result<Self, OpenDatasetError> {
        if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv")) {
            return Err(OpenDatasetError::NotTsv { path: file.to_owned() });
        }
        let split = match purpose {
            Purpose::Train => Split::Train,
            Purpose::Evaluate => Split::Test,
        };
        let labels = Some(file.with_file_name(LABELS_FILE)).filter(|path| path.exists());
        Ok(Self { name: name_of(file), splits: vec![(split, file.to_owned())], labels, is_single_file: true })
    }
}

/// Reads all files. Class names are those of `labels.txt`, else `known_names`; without either there are as many classes as the first file, which is train if there is one,
/// has labels for, so that a class that is only in test is an error rather than a class without training rows.
pub(super) fn read(
    files: &Files,
    on_bad_row: OnBadRow,
    known_names: Option<&[String]>,
) -> Result<Read, OpenDatasetError> {
    let mut notes = Vec::new();
    let mut label_names = match &files.labels {
        None => known_names.map(<[String]>::to_vec),
        Some(path) => {
            if files.is_single_file {
                notes.push(format!("class names are those of {} beside the file", path.display()));
            }
            Some(parse_label_names(&path.display().to_string(), &read_bytes(path)?)?)
        }
    };
    let mut splits = Vec::new();
    for (split, path) in &files.splits {
        let file = path.display().to_string();
        let range = label_names.as_ref().map_or(LabelRange::Unknown, |names| LabelRange::Below(names.len()));
        let parsed = parse_tsv(&file, &read_bytes(path)?, range, on_bad_row)?;
        if let (None, Rows::Labelled(examples)) = (&label_names, &parsed.rows) {
            let highest = examples.iter().map(|example| example.label).max().unwrap_or(0);
            label_names = Some(default_label_names(highest as usize + 1));
            notes.push(format!("no {LABELS_FILE}: the classes are LABEL_0 to LABEL_{highest}, as in {file}"));
        }
        if parsed.skipped.n_rows > 0 {
            let first: Vec<String> = parsed.skipped.first.iter().map(ToString::to_string).collect();
            let more = if parsed.skipped.n_rows > first.len() { "; …" } else { "" };
            notes.push(format!("{file}: {} bad rows were skipped: {}{more}", parsed.skipped.n_rows, first.join("; ")));
        }
        splits.push(ReadSplit { split: *split, file, rows: parsed.rows, skipped: parsed.skipped });
    }
    Ok(Read { label_names: label_names.unwrap_or_default(), splits, notes })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, OpenDatasetError> {
    fs::read(path).map_err(|source| OpenDatasetError::Read { path: path.to_owned(), source })
}

/// The last part of a path; `.` and `..` are resolved first.
fn name_of(path: &Path) -> String {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if resolved.is_dir() { resolved.file_name() } else { resolved.file_stem() };
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The names in a folder, for a message.
fn contents(folder: &Path) -> Result<String, OpenDatasetError> {
    const MAX_NAMES: usize = 8;
    let read = |source| OpenDatasetError::Read { path: folder.to_owned(), source };
    let mut names = fs::read_dir(folder)
        .map_err(read)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(read))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    if names.is_empty() {
        return Ok("an empty folder".to_owned());
    }
    let more = if names.len() > MAX_NAMES { format!(" and {} more", names.len() - MAX_NAMES) } else { String::new() };
    names.truncate(MAX_NAMES);
    Ok(names.join(", ") + &more)
}
