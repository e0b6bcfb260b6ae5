//! Which files make up a dataset at a path.

use std::fs;
use std::path::{Path, PathBuf};

use shared::dataset::{Split, parse_label_names};

use super::{ColumnChoice, DatasetFiles, OpenDatasetError, Purpose, read_bytes};

/// The names a split's file may have in a folder.
const SPLIT_FILES: [(Split, &[&str]); 3] = [
    (Split::Train, &["train.tsv"]),
    (Split::Validation, &["validation.tsv", "dev.tsv", "valid.tsv"]),
    (Split::Test, &["test.tsv"]),
];

/// The file with the class names, one a line in the order of their ids.
pub(super) const LABELS_FILE: &str = "labels.txt";

/// Looks for the files of the dataset at `path`: a folder with splits, or one file that holds all rows.
///
/// # Errors
/// When there is nothing, the splits that are needed are missing or there twice, or `labels.txt` cannot be read.
pub fn find(path: &Path, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => OpenDatasetError::NotFound { path: path.to_owned() },
        _ => OpenDatasetError::Read { path: path.to_owned(), source },
    })?;
    if metadata.is_dir() { in_folder(path, purpose) } else { single(path, purpose) }
}

fn in_folder(folder: &Path, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    let mut splits = Vec::new();
    for (split, names) in SPLIT_FILES {
        let mut there = names.iter().filter(|name| folder.join(name).exists());
        if let Some(first) = there.next() {
            if let Some(second) = there.next() {
                return Err(OpenDatasetError::Ambiguous { path: folder.to_owned(), split, first, second });
            }
            splits.push((split, vec![folder.join(first)]));
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
    dataset_files(folder, splits, &folder.join(LABELS_FILE))
}

fn single(file: &Path, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv")) {
        return Err(OpenDatasetError::NotTsv { path: file.to_owned() });
    }
    let split = match purpose {
        Purpose::Train => Split::Train,
        Purpose::Evaluate => Split::Test,
    };
    let labels = file.with_file_name(LABELS_FILE);
    let mut files = dataset_files(file, vec![(split, vec![file.to_owned()])], &labels)?;
    if files.label_names.is_some() {
        files.notes.push(format!("class names are those of {} beside the file", labels.display()));
    }
    Ok(files)
}

fn dataset_files(
    path: &Path,
    splits: Vec<(Split, Vec<PathBuf>)>,
    labels: &Path,
) -> Result<DatasetFiles, OpenDatasetError> {
    let label_names = if labels.exists() {
        Some(parse_label_names(&labels.display().to_string(), &read_bytes(labels)?)?)
    } else {
        None
    };
    Ok(DatasetFiles {
        name: name_of(path),
        splits,
        columns: ColumnChoice::default(),
        label_names,
        notes: Vec::new(),
    })
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
