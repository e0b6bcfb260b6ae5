//! What commands read: models and datasets.

use super::values;
use crate::datasets::{self, OpenOptions, OpenedDataset, Purpose};
use crate::exit_code::bad_input;
use clap::{Args, ValueEnum};
use shared::dataset::{Limits, OnBadRow};
use shared::seed::Seed;
use std::path::Path;

/// The model of commands that take one.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct ModelFlags {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(long, value_name = "MODEL")]
    pub model: String,

    #[command(flatten)]
    pub init: InitFlags,
}

/// How the weights come about.
#[derive(Args, Clone, Copy, Debug)]
pub struct InitFlags {
    /// Take config and tokenizer only and draw the weights from the head seed; bert-base, bert-large and distilbert
    /// are built in
    #[arg(long)]
    pub random_init: bool,
}

/// The dataset of commands that take one.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct DatasetFlags {
    /// Catalogue name, hub id, a folder with train.tsv, validation.tsv, test.tsv, or one .tsv file
    #[arg(long, value_name = "DATASET")]
    pub dataset: String,

    #[command(flatten)]
    pub rows: RowFlags,
}

/// Which rows of a dataset are used.
#[derive(Args, Clone, Copy, Debug)]
pub struct RowFlags {
    /// Go on without rows that cannot be read, and say how many there were
    #[arg(long)]
    pub skip_bad_rows: bool,

    /// Use at most so many rows of train, drawn by the data seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub train_limit: Option<usize>,

    /// Use at most so many rows of validation, drawn by the data seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub validation_limit: Option<usize>,

    /// Use at most so many rows of test, drawn by the data seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub test_limit: Option<usize>,
}

impl DatasetFlags {
    /// Opens the dataset.
    pub fn open(
        &self,
        purpose: Purpose,
        seed: Seed,
        label_names: Option<Vec<String>>,
    ) -> anyhow::Result<OpenedDataset> {
        let options = OpenOptions {
            purpose,
            on_bad_row: if self.rows.skip_bad_rows { OnBadRow::Skip } else { OnBadRow::Refuse },
            limits: Limits {
                train: self.rows.train_limit,
                validation: self.rows.validation_limit,
                test: self.rows.test_limit,
            },
            seed,
            label_names,
        };
        datasets::open(Path::new(&self.dataset), &options).map_err(bad_input)
    }
}

/// Which of a run's models, for commands that open a run's folder.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct WhichFlag {
    /// Which model of a run's folder [default: healed if there is one, else healthy]
    #[arg(long, value_enum)]
    pub which: Option<Which>,
}

/// One of the models that a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Which {
    /// Fine-tuned without corruption
    Healthy,
    /// After corruption, before healing
    Corrupted,
    /// Corrupted, then fine-tuned
    Healed,
}

impl Which {
    /// All of them, in the order in which a run makes them.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Corrupted, Self::Healed];

    /// The name in files and folders.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Corrupted => "corrupted",
            Self::Healed => "healed",
        }
    }
}

/// How texts are put through a model that does not train.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct BatchFlags {
    /// Rows in one forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::count)]
    pub batch_size: usize,

    /// Tokens a text is cut to, with [CLS] and [SEP]
    #[arg(long, value_name = "N", default_value = "128", value_parser = values::count)]
    pub max_length: usize,
}
