//! Datasets on this machine: from a folder or file to splits, with everything said that was decided on the way.
//!
//! A folder has one file or set of shards for train and optionally for validation (also called dev or valid) and test,
//! and optionally `labels.txt` with the class names; a single file holds all rows. A copy of a repository of the hub
//! is read as on the hub (`layout`), and so is what `save_to_disk` of Hugging Face's `datasets` leaves (`saved`).
//! Formats are those of [`shared::dataset::Format`], told by the file's name. Whatever the format, the same rows give the same dataset.

mod arrow;
mod error;
mod expansion;
mod find;
pub(crate) mod layout;
mod parquet;
mod read;
pub(crate) mod readme;
mod saved;
mod text;

use std::path::Path;

pub use shared::dataset::ColumnChoice;
use shared::dataset::{CarveOut, Dataset, Example, Limits, OnBadRow, Rows, Split, carve_out};
use shared::random::Seed;
use shared::record::Seeds;

pub use error::OpenDatasetError;
pub use find::{DatasetFiles, Purpose, find};
use read::ReadSplit;

/// How to open a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// What for.
    pub purpose: Purpose,
    /// What to do with rows that cannot be used.
    pub on_bad_row: OnBadRow,
    /// The most rows of each split, chosen after missing splits were carved.
    pub limits: Limits,
    /// What chooses rows.
    pub seeds: RowSeeds,
    /// Class names where the dataset comes with none, such as those of the model to evaluate; else they are counted.
    pub label_names: Option<Vec<String>>,
}

/// The seeds that choose rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowSeeds {
    /// Which training rows a limit leaves: the run's data seed.
    pub train: Seed,
    /// Which rows are held out of train, and which a limit on validation or test leaves.
    pub split: Seed,
}

impl From<Seeds> for RowSeeds {
    fn from(seeds: Seeds) -> Self {
        Self { train: seeds.data, split: seeds.split }
    }
}

/// A dataset and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenedDataset {
    /// The rows to use.
    pub dataset: Dataset,
    /// Sentences for the log and the record: what was carved, skipped, left out or found twice.
    pub notes: Vec<String>,
    /// The split to report on: test if it is labelled, else validation.
    pub report_split: Split,
    /// Rows skipped as bad, over all files.
    pub n_skipped: usize,
}

impl OpenedDataset {
    /// The same rows with the class ids of a model: classes are matched by name, see [`Dataset::matched_with`]. `of` says
    /// whose `names` they are.
    ///
    /// # Errors
    /// When they are other classes, with both lists.
    pub fn matched_with(mut self, names: &[String], of: &str) -> Result<Self, OpenDatasetError> {
        let (dataset, note) = self.dataset.matched_with(names, of)?;
        self.notes.extend(note);
        Ok(Self { dataset, ..self })
    }

    /// The rows to report on.
    #[must_use]
    pub fn report_rows(&self) -> &[Example] {
        self.dataset.split(self.report_split)
    }
}

/// Opens a folder of splits or a single file; see [`open_files`].
///
/// # Errors
/// When something that is needed is not there or cannot be read; each error names the path. All of them are bad input.
pub fn open(path: &Path, options: &OpenOptions) -> Result<OpenedDataset, OpenDatasetError> {
    open_files(find(path, None, options.purpose)?, options)
}

/// Opens a dataset whose files are known.
///
/// Missing splits under [`Purpose::Train`]: when neither validation nor test has labels, a stratified tenth of train
/// becomes test and another validation, by the split seed. When only one of them is missing nothing is carved, so that
/// the rest of train stays what others train on too.
///
/// # Errors
/// When a split that is needed is not there or a file cannot be read; all of them are bad input.
pub fn open_files(files: DatasetFiles, options: &OpenOptions) -> Result<OpenedDataset, OpenDatasetError> {
    let mut read = read::read(&files, options.on_bad_row, options.label_names.as_deref())?;
    let mut notes = files.notes;
    notes.append(&mut read.notes);

    let [mut train, mut validation, mut test] = [Split::Train, Split::Validation, Split::Test]
        .map(|split| labelled(read.splits.iter_mut().find(|other| other.split == split), &mut notes));
    if options.purpose == Purpose::Train {
        if train.is_empty() {
            return Err(match read.splits.into_iter().find(|split| split.split == Split::Train) {
                Some(split) => OpenDatasetError::UnlabelledTrain { file: split.file },
                None => OpenDatasetError::NoTrain { name: files.name },
            });
        }
        if validation.is_empty() && test.is_empty() {
            test = carve(&mut train, CarveOut::Test, Split::Test, options.seeds.split, &mut notes);
            validation = carve(&mut train, CarveOut::Validation, Split::Validation, options.seeds.split, &mut notes);
        }
    }

    let report_split = if !test.is_empty() {
        Split::Test
    } else if !validation.is_empty() {
        Split::Validation
    } else {
        return Err(OpenDatasetError::NothingToReportOn { name: files.name });
    };
    notes.push(format!("reported on {report_split}"));

    let dataset = Dataset::new(files.name, read.label_names, train, validation, test)?;
    let dataset = limited(dataset, options, &mut notes)?;
    notes.extend(dataset.warnings());
    Ok(OpenedDataset { dataset, notes, report_split, n_skipped: read.n_skipped })
}

/// Takes the rows of a split out, none when there is no such split or it has no labels.
fn labelled(split: Option<&mut ReadSplit>, notes: &mut Vec<String>) -> Vec<Example> {
    let Some(split) = split else {
        return Vec::new();
    };
    match std::mem::replace(&mut split.rows, Rows::Unlabelled { n_rows: 0 }) {
        Rows::Labelled(examples) => examples,
        Rows::Unlabelled { n_rows } => {
            notes.push(format!("{}: all {n_rows} rows have the label -1, so it is not used", split.file));
            Vec::new()
        }
    }
}

fn carve(
    train: &mut Vec<Example>,
    purpose: CarveOut,
    split: Split,
    seed: Seed,
    notes: &mut Vec<String>,
) -> Vec<Example> {
    let carved = carve_out(std::mem::take(train), purpose, seed);
    notes.push(format!(
        "no {split} split: {} rows were carved out of train by split seed {}, stratified; {} are left",
        carved.held_out.len(),
        seed.0,
        carved.kept.len()
    ));
    *train = carved.kept;
    carved.held_out
}

fn limited(dataset: Dataset, options: &OpenOptions, notes: &mut Vec<String>) -> Result<Dataset, OpenDatasetError> {
    let before = Split::ALL.map(|split| dataset.split(split).len());
    let RowSeeds { train, split: others } = options.seeds;
    let dataset = dataset.limited(&options.limits, train, others)?;
    for (split, before) in Split::ALL.into_iter().zip(before) {
        let after = dataset.split(split).len();
        if after < before {
            let seed = match split {
                Split::Train => format!("data seed {}", train.0),
                Split::Validation | Split::Test => format!("split seed {}", others.0),
            };
            notes.push(format!("{split} is limited to {after} of {before} rows, stratified, by {seed}"));
        }
    }
    Ok(dataset)
}
