//! Which files make up a dataset at a path.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use shared::dataset::{ColumnChoice, FileKind, Split, SplitName, parse_label_names};

use super::error::{OpenDatasetError, files_called};
use super::layout::{Basis, layout, tables_not_read};
use super::readme::{self, README};
use super::saved;
use crate::untrusted;

/// The file with the class names, one a line in the order of their ids.
pub(super) const LABELS_FILE: &str = "labels.txt";

/// Folders of a copy are looked into this deep.
const MAX_DEPTH: usize = 8;

/// Files of a dataset and what is known of them, wherever they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFiles {
    /// What the dataset is called: catalogue name, hub id, or the folder's or file's name.
    pub name: String,
    /// Files of each split, in order (several for sharded data).
    pub splits: Vec<(Split, Vec<PathBuf>)>,
    /// Which columns hold text and label; guessed, and said, when not given.
    pub columns: ColumnChoice,
    /// Class names in the order of ids, where known.
    pub label_names: Option<Vec<String>>,
    /// Sentences for the log and the record about how the files were come by.
    pub notes: Vec<String>,
}

/// What a dataset is opened for, which decides what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Train is needed, and what is missing to report on is carved out of it.
    Train,
    /// Any labelled split will do, nothing is carved; the rows of a single file are all reported on.
    Evaluate,
}

impl Purpose {
    /// The split that rows without one are.
    fn only_split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Evaluate => Split::Test,
        }
    }
}

/// Looks for the files of the dataset at `path`: a folder with splits, or one file that holds all rows.
///
/// A split is one file (`train.csv.gz`) or all shards of one (`train-00000-of-00002.parquet`, …) that is called by one of its
/// words ([`SplitName`]), else the only one that has such a word in its name. Where the folder's README has configurations,
/// or `config` asks for one, and where there are no such files, it is read as a repository of the hub. Tables that are left
/// unread are in the notes.
///
/// # Errors
/// When there is nothing, the splits that are needed are missing, there twice or in part, or `labels.txt` cannot be
/// read.
pub fn find(path: &Path, config: Option<&str>, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => OpenDatasetError::NotFound { path: path.to_owned() },
        _ => OpenDatasetError::Read { path: path.to_owned(), source },
    })?;
    match (metadata.is_dir(), config) {
        (true, _) => in_folder(path, config, purpose),
        (false, None) => single(path, purpose),
        (false, Some(config)) => {
            let problem = format!("expected a folder to choose the configuration {config} of, got a file");
            Err(OpenDatasetError::Layout { path: path.to_owned(), problem })
        }
    }
}

fn in_folder(folder: &Path, config: Option<&str>, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    if let Some(saved) = saved::find(folder, purpose.only_split())?.filter(|_| config.is_none()) {
        let mut files = dataset_files(folder, saved.splits, &folder.join(LABELS_FILE))?;
        files.notes.extend(saved.notes);
        return Ok(files);
    }
    let names = names_in(folder)?;
    let readme = read_readme(folder)?;
    let configs = readme.as_deref().map_or(Ok(Vec::new()), readme::configs);
    let configs = configs.map_err(|problem| OpenDatasetError::Layout { path: folder.to_owned(), problem })?;
    if config.is_some() || !configs.is_empty() {
        return as_on_the_hub(folder, readme.as_deref(), config);
    }
    let mut splits = Vec::new();
    let mut notes = Vec::new();
    for split in Split::ALL {
        if let Some(found) = files_of(split, &names, folder)? {
            splits.push((split, found.files));
            notes.extend(found.note);
        }
    }
    let has_train = splits.iter().any(|(split, _)| *split == Split::Train);
    let expected = match purpose {
        Purpose::Train if !has_train => Some(files_called(&["train"])),
        Purpose::Evaluate if splits.iter().all(|(split, _)| *split == Split::Train) => {
            Some(files_called(&["test", "validation"]))
        }
        Purpose::Train | Purpose::Evaluate => None,
    };
    if let Some(expected) = expected {
        // Folders of the splits' names, or shards in a folder `data`.
        let is_needed = |split: Split| (split == Split::Train) == (purpose == Purpose::Train);
        match as_on_the_hub(folder, None, None) {
            Ok(files) if files.splits.iter().any(|(split, _)| is_needed(*split)) => return Ok(files),
            Err(error) if splits.is_empty() && has_tables_below(folder, &names) => return Err(error),
            _ => {}
        }
        return Err(OpenDatasetError::NoSplit { path: folder.to_owned(), expected, found: contents(names) });
    }
    let is_read = |name: &&String| splits.iter().any(|(_, files)| files.contains(&folder.join(name)));
    notes.extend(tables_not_read(
        names.iter().filter(|name| !is_read(name) && !name.starts_with('.')).map(String::as_str),
    ));
    let mut files = dataset_files(folder, splits, &folder.join(LABELS_FILE))?;
    files.notes.extend(notes);
    Ok(files)
}

/// Reads a folder by the rules for repositories.
fn as_on_the_hub(folder: &Path, readme: Option<&str>, config: Option<&str>) -> Result<DatasetFiles, OpenDatasetError> {
    let mut paths = Vec::new();
    collect(folder, "", MAX_DEPTH, &mut paths)?;
    paths.sort_unstable();
    let all: Vec<&str> = paths.iter().map(String::as_str).collect();
    let found = layout(&all, readme, config, &|config| format!("--config {config}"))
        .map_err(|problem| OpenDatasetError::Layout { path: folder.to_owned(), problem })?;
    let on_disk = |files: Vec<String>| files.into_iter().map(|file| folder.join(file)).collect();
    let splits: Vec<_> = found.splits.into_iter().map(|(split, files)| (split, on_disk(files))).collect();
    let mut files = dataset_files(folder, splits, &folder.join(LABELS_FILE))?;
    files.notes.extend(found.notes);
    if found.basis == Basis::Names {
        let split_files = files.splits.iter().map(|(split, files)| format!("{split} {}", files.len()));
        files
            .notes
            .push(format!("files by the names of their folders: {}", split_files.collect::<Vec<_>>().join(", ")));
    }
    if let Some(config) = config {
        files.name = format!("{}:{config}", files.name);
    }
    Ok(files)
}

/// The README of a folder; none when there is none.
fn read_readme(folder: &Path) -> Result<Option<String>, OpenDatasetError> {
    let path = folder.join(README);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = untrusted::read(&path).map_err(|source| OpenDatasetError::Read { path, source })?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether a folder in a folder has tables, so that a reason why they cannot be told apart is of interest.
fn has_tables_below(folder: &Path, names: &[String]) -> bool {
    let mut paths = Vec::new();
    let folders = names.iter().filter(|name| !name.starts_with('.'));
    folders.filter(|name| folder.join(name).is_dir()).any(|name| {
        let read = collect(&folder.join(name), "", MAX_DEPTH - 1, &mut paths);
        read.is_ok() && paths.iter().any(|path| FileKind::of(path).is_some())
    })
}

/// Adds the paths of all files below a folder, with slashes, except those that are hidden.
fn collect(folder: &Path, prefix: &str, depth: usize, paths: &mut Vec<String>) -> Result<(), OpenDatasetError> {
    for name in names_in(folder)?.into_iter().filter(|name| !name.starts_with('.')) {
        let path = folder.join(&name);
        let name = format!("{prefix}{name}");
        if !path.is_dir() {
            paths.push(name);
        } else if depth > 0 {
            collect(&path, &format!("{name}/"), depth - 1, paths)?;
        }
    }
    Ok(())
}

/// The files of one split, and what was guessed.
struct Found {
    files: Vec<PathBuf>,
    note: Option<String>,
}

/// The files of one split among the names in a folder, in order.
fn files_of(split: Split, names: &[String], folder: &Path) -> Result<Option<Found>, OpenDatasetError> {
    let is_hidden = |name: &&String| name.starts_with('.');
    let named = |wanted: SplitName| {
        let names = names.iter().filter(|name| !is_hidden(name)).map(String::as_str);
        names.filter(move |name| split_name(name) == Some(wanted))
    };
    if let Some(files) = family_of(named(SplitName::Whole(split)), split, folder)? {
        return Ok(Some(Found { files, note: None }));
    }
    // JSON is used for much else, such as `eval_results.json`.
    let is_table = |name: &&str| FileKind::of(name).is_some_and(|(kind, _)| kind.format.entry().is_always_a_table);
    let Some(files) = family_of(named(SplitName::Word(split)).filter(is_table), split, folder)? else {
        return Ok(None);
    };
    let shown: Vec<String> = files.iter().filter_map(|file| Some(file.file_name()?.display().to_string())).collect();
    let note = format!("{split} is {}, by a word of its name", shown.join(", "));
    Ok(Some(Found { files, note: Some(note) }))
}

/// What a table's name says of its split.
fn split_name(name: &str) -> Option<SplitName> {
    let (_, stem) = FileKind::of(name)?;
    SplitName::of(parse_shard(stem).map_or(stem, |(base, ..)| base))
}

/// The one file, or all shards of one, that tables of a split are; none when there are none.
fn family_of<'a>(
    tables: impl Iterator<Item = &'a str>,
    split: Split,
    folder: &Path,
) -> Result<Option<Vec<PathBuf>>, OpenDatasetError> {
    /// What all shards of one set of files have in common: name, kind and how many there are, none for a whole file.
    type Family<'a> = (&'a str, FileKind, Option<usize>);
    let mut families: BTreeMap<Family, BTreeMap<usize, &str>> = BTreeMap::new();
    let ambiguous = |first: &str, second: &str| OpenDatasetError::Ambiguous {
        path: folder.to_owned(),
        split,
        first: first.to_owned(),
        second: second.to_owned(),
    };
    for name in tables {
        let Some((kind, stem)) = FileKind::of(name) else { continue };
        let (base, shard) = parse_shard(stem).map_or((stem, None), |(base, shard, n)| (base, Some((shard, n))));
        let family = families.entry((base, kind, shard.map(|(_, n)| n))).or_default();
        if let Some(twin) = family.insert(shard.map_or(0, |(shard, _)| shard), name) {
            return Err(ambiguous(twin, name));
        }
    }
    let mut sets = families.iter();
    let Some(((_, _, n_shards), files)) = sets.next() else {
        return Ok(None);
    };
    let first_of = |files: &BTreeMap<usize, &str>| files.values().next().map_or(String::new(), ToString::to_string);
    if let Some((_, others)) = sets.next() {
        return Err(ambiguous(&first_of(files), &first_of(others)));
    }
    if let Some(n_shards) = *n_shards
        && let Some(missing) = (0..n_shards).find(|shard| !files.contains_key(shard))
    {
        return Err(OpenDatasetError::MissingShard { path: folder.to_owned(), split, missing, n_shards });
    }
    Ok(Some(files.values().map(|name| folder.join(name)).collect()))
}

/// Takes `train-00003-of-00010` apart: `train`, 3 and 10.
fn parse_shard(stem: &str) -> Option<(&str, usize, usize)> {
    let (rest, n) = stem.rsplit_once("-of-")?;
    let (base, shard) = rest.rsplit_once('-')?;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    Some((base, number(shard)?, number(n)?))
}

fn single(file: &Path, purpose: Purpose) -> Result<DatasetFiles, OpenDatasetError> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if FileKind::of(&name).is_none() {
        return Err(OpenDatasetError::NotATable { path: file.to_owned() });
    }
    let labels = file.with_file_name(LABELS_FILE);
    let mut files = dataset_files(file, vec![(purpose.only_split(), vec![file.to_owned()])], &labels)?;
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
        let bytes =
            untrusted::read(labels).map_err(|source| OpenDatasetError::Read { path: labels.to_owned(), source })?;
        Some(parse_label_names(&labels.display().to_string(), &bytes)?)
    } else {
        None
    };
    Ok(DatasetFiles { name: name_of(path), splits, columns: ColumnChoice::default(), label_names, notes: Vec::new() })
}

/// The last part of a path without a table's endings; `.` and `..` are resolved first.
fn name_of(path: &Path) -> String {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = resolved.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
    match FileKind::of(&name) {
        Some((_, stem)) if !resolved.is_dir() => stem.to_owned(),
        _ => name,
    }
}

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Result<Vec<String>, OpenDatasetError> {
    let read = |source| OpenDatasetError::Read { path: folder.to_owned(), source };
    let mut names = fs::read_dir(folder)
        .map_err(read)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(read))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    Ok(names)
}

/// The names in a folder, for a message.
fn contents(mut names: Vec<String>) -> String {
    const MAX_NAMES: usize = 8;
    if names.is_empty() {
        return "an empty folder".to_owned();
    }
    let more = if names.len() > MAX_NAMES { format!(" and {} more", names.len() - MAX_NAMES) } else { String::new() };
    names.truncate(MAX_NAMES);
    names.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_told_from_names() {
        assert_eq!(parse_shard("train-00003-of-00010"), Some(("train", 3, 10)));
        for stem in ["train", "train-of-2", "a-b-of-3", "train-1-of-x", "train-+1-of-2", "train--of-2"] {
            assert_eq!(parse_shard(stem), None, "{stem}");
        }
    }
}
