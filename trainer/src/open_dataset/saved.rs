//! Folders that Hugging Face's `datasets` wrote with `save_to_disk`: Arrow streams, and JSON that says which.
//!
//! ```text
//! dataset_dict.json                  {"splits": ["train", "test"]}; without it the folder is one split itself
//! train/state.json                   {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], …}
//! train/dataset_info.json            features, with the names of classes
//! train/data-00000-of-00001.arrow
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::dataset::{Split, split_of_word};

use super::error::OpenDatasetError;
use crate::untrusted;

/// The file with the names of the splits.
const DICT: &str = "dataset_dict.json";

/// The file with the names of a split's streams.
const STATE: &str = "state.json";

/// The file with the features of a split's columns.
pub(super) const INFO: &str = "dataset_info.json";

#[derive(Deserialize)]
struct Dict {
    splits: Vec<String>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "_data_files")]
    data_files: Vec<DataFile>,
}

#[derive(Deserialize)]
struct DataFile {
    filename: String,
}

/// The streams of each split, and what is said about others.
pub(super) struct Saved {
    pub splits: Vec<(Split, Vec<PathBuf>)>,
    pub notes: Vec<String>,
}

/// Looks for what `save_to_disk` leaves in a folder; none when it was not that. A dataset without splits is that of `single`.
///
/// # Errors
/// When one of its files is missing or not what it should be.
pub(super) fn find(folder: &Path, single: Split) -> Result<Option<Saved>, OpenDatasetError> {
    let mut notes = Vec::new();
    if folder.join(DICT).is_file() {
        let dict: Dict = json(&folder.join(DICT), "splits, a list of names")?;
        let mut splits = Vec::new();
        for name in dict.splits {
            match split_of_word(&name) {
                Some(split) => splits.push((split, streams(&checked(folder, &name)?)?)),
                None => notes.push(format!("the split {name} of {DICT} is not used")),
            }
        }
        splits.sort_by_key(|(split, _)| *split);
        return Ok(Some(Saved { splits, notes }));
    }
    if folder.join(STATE).is_file() && folder.join(INFO).is_file() {
        return Ok(Some(Saved { splits: vec![(single, streams(folder)?)], notes }));
    }
    Ok(None)
}

/// The streams of one split in their order.
fn streams(folder: &Path) -> Result<Vec<PathBuf>, OpenDatasetError> {
    let state: State = json(&folder.join(STATE), "_data_files, a list of objects with a filename")?;
    state
        .data_files
        .iter()
        .map(|file| {
            let path = checked(folder, &file.filename)?;
            let layout = |problem| OpenDatasetError::Layout { path: folder.to_owned(), problem };
            if path.is_file() {
                Ok(path)
            } else {
                Err(layout(format!("expected {}, which its {STATE} names, got no such file", file.filename)))
            }
        })
        .collect()
}

/// A name in a folder, which may not lead out of it.
fn checked(folder: &Path, name: &str) -> Result<PathBuf, OpenDatasetError> {
    if Path::new(name).file_name().is_some_and(|file_name| file_name == name) {
        return Ok(folder.join(name));
    }
    let problem = format!("expected the name of a file or folder beside its JSON, got {name:?}");
    Err(OpenDatasetError::Layout { path: folder.to_owned(), problem })
}

fn json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T, OpenDatasetError> {
    if fs::metadata(path).is_err() {
        let problem = "expected the JSON that save_to_disk writes there, got no such file".to_owned();
        return Err(OpenDatasetError::Layout { path: path.to_owned(), problem });
    }
    let bytes = untrusted::read(path).map_err(|source| OpenDatasetError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|error| OpenDatasetError::Layout {
        path: path.to_owned(),
        problem: format!("expected {expected}, got {error}"),
    })
}
