//! A dataset as it is asked for: its name, what its columns mean, and which of its rows are used.

use std::path::Path;

use shared::dataset::{ColumnChoice, Limits, OnBadRow};
use shared::record::Source;

use crate::exit_code::bad_input;
use crate::hub::{self, RepoKind};
use crate::open_dataset::{self, DatasetFiles, OpenOptions, OpenedDataset, Purpose, RowSeeds};

/// What `--dataset` and the flags beside it say.
#[derive(Clone, Debug)]
pub struct DatasetRequest {
    /// A file or folder, a catalogue name or a hub id.
    pub name: String,
    /// One of its configurations.
    pub config: Option<String>,
    /// Columns, instead of those that the files came with or that are guessed.
    pub columns: ColumnChoice,
    /// Class names in the order of their ids, instead of those that the dataset comes with.
    pub label_names: Option<Vec<String>>,
    /// What to do with rows that cannot be used.
    pub on_bad_row: OnBadRow,
    /// The most rows of each split.
    pub limits: Limits,
}

impl DatasetRequest {
    /// All rows of a dataset, read as it says itself.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            config: None,
            columns: ColumnChoice::default(),
            label_names: None,
            on_bad_row: OnBadRow::Refuse,
            limits: Limits::default(),
        }
    }

    /// The length that is usual for this dataset of the catalogue, with its name there.
    #[must_use]
    pub fn usual_length(&self) -> Option<(&'static str, usize)> {
        let entry = hub::dataset_entry(&self.name).filter(|_| !Path::new(&self.name).exists())?;
        Some((entry.name.as_str(), entry.usual_length))
    }

    /// Opens the dataset: the file or folder of that name, else what the catalogue or the hub calls so. With it comes
    /// where it was fetched from. `label_names` are those of a dataset that comes with none.
    ///
    /// # Errors
    /// When it cannot be had or read; what is wrong with its name or its files is bad input.
    pub fn open(
        &self,
        purpose: Purpose,
        seeds: RowSeeds,
        label_names: Option<Vec<String>>,
    ) -> anyhow::Result<(OpenedDataset, Option<Source>)> {
        let options = OpenOptions { purpose, on_bad_row: self.on_bad_row, limits: self.limits, seeds, label_names };
        let path = Path::new(&self.name);
        let (mut files, source) = if path.exists() {
            hub::say_local_comes_first(RepoKind::Dataset, &self.name);
            (open_dataset::find(path, self.config.as_deref(), purpose).map_err(bad_input)?, None)
        } else {
            let (fetched, files) =
                hub::dataset(&hub::with_config(&self.name, self.config.as_deref())?).map_err(|failed| failed.error)?;
            (files, Some(fetched.source))
        };
        self.put_in_place(&mut files);
        Ok((open_dataset::open_files(files, &options).map_err(bad_input)?, source))
    }

    /// Puts what was asked for in place of what the files came with.
    fn put_in_place(&self, files: &mut DatasetFiles) {
        if self.columns.text.is_some() {
            files.columns.text.clone_from(&self.columns.text);
        }
        // A text that was asked for leaves nothing of a pair that the dataset is known for.
        if self.columns.text.is_some() || self.columns.text_pair.is_some() {
            files.columns.text_pair.clone_from(&self.columns.text_pair);
        }
        if self.columns.label.is_some() {
            files.columns.label.clone_from(&self.columns.label);
        }
        if self.columns.delimiter.is_some() {
            files.columns.delimiter = self.columns.delimiter;
        }
        if self.label_names.is_some() {
            if files.label_names.is_some() {
                files.notes.push("--label-names stands for the class names that the dataset comes with".to_owned());
            }
            files.label_names.clone_from(&self.label_names);
        }
    }
}
