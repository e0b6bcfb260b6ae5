//! What commands read: models and datasets.

use super::values;
use crate::datasets::{self, DatasetFiles, OpenOptions, OpenedDataset, Purpose, RowSeeds};
use crate::exit_code::bad_input;
use crate::hub::{self, RepoKind};
use clap::Args;
use shared::Condition;
use shared::dataset::{Limits, OnBadRow};
use shared::record::Source;
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
    #[arg(long, value_name = "DATASET", help = crate::help::dataset())]
    pub dataset: String,

    /// One of its configurations, as its README or its folders name them; also after the name: ORG/NAME:CONFIG
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<String>,

    #[command(flatten)]
    pub columns: ColumnFlags,

    #[command(flatten)]
    pub rows: RowFlags,
}

/// What the columns of a dataset mean.
#[derive(Args, Clone, Debug)]
pub struct ColumnFlags {
    /// The column of the text; several are joined by a space [default: text, sentence, review, title and content, …]
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub text_column: Option<Vec<String>>,

    /// The column of the label [default: label, labels, target, class, category, …]
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,

    /// Class names in the order of their ids, instead of labels.txt
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub label_names: Option<Vec<String>>,
}

impl ColumnFlags {
    /// Puts what was given in place of what the files came with.
    fn apply(&self, files: &mut DatasetFiles) {
        if self.text_column.is_some() {
            files.columns.text.clone_from(&self.text_column);
        }
        if self.label_column.is_some() {
            files.columns.label.clone_from(&self.label_column);
        }
        if self.label_names.is_some() {
            if files.label_names.is_some() {
                files.notes.push("--label-names stands for the class names that the dataset comes with".to_owned());
            }
            files.label_names.clone_from(&self.label_names);
        }
    }
}

/// Which rows of a dataset are used.
#[derive(Args, Clone, Copy, Debug)]
pub struct RowFlags {
    /// Go on without rows that cannot be read, and say how many there were
    #[arg(long)]
    pub skip_bad_rows: bool,

    /// Use at most N rows of train, drawn with the data seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub train_limit: Option<usize>,

    /// Use at most N rows of validation, drawn with the split seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub validation_limit: Option<usize>,

    /// Use at most N rows of test, drawn with the split seed
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub test_limit: Option<usize>,
}

impl DatasetFlags {
    /// The length that is usual for this dataset of the catalogue, with its name there.
    #[must_use]
    pub fn usual_length(&self) -> Option<(&'static str, usize)> {
        let entry = hub::dataset_entry(&self.dataset).filter(|_| !Path::new(&self.dataset).exists())?;
        Some((entry.name.as_str(), entry.usual_length))
    }

    /// Opens the dataset: the file or folder of that name, else what the catalogue or the hub calls so. With it comes
    /// where it was fetched from.
    pub fn open(
        &self,
        purpose: Purpose,
        seeds: RowSeeds,
        label_names: Option<Vec<String>>,
    ) -> anyhow::Result<(OpenedDataset, Option<Source>)> {
        let options = OpenOptions {
            purpose,
            on_bad_row: if self.rows.skip_bad_rows { OnBadRow::Skip } else { OnBadRow::Refuse },
            limits: Limits {
                train: self.rows.train_limit,
                validation: self.rows.validation_limit,
                test: self.rows.test_limit,
            },
            seeds,
            label_names,
        };
        let path = Path::new(&self.dataset);
        let (mut files, source) = if path.exists() {
            hub::say_local_comes_first(RepoKind::Dataset, &self.dataset);
            (datasets::find(path, self.config.as_deref(), purpose).map_err(bad_input)?, None)
        } else {
            let (fetched, files) = hub::dataset(&hub::with_config(&self.dataset, self.config.as_deref())?)
                .map_err(|failed| failed.error)?;
            (files, Some(fetched.source))
        };
        self.columns.apply(&mut files);
        Ok((datasets::open_files(files, &options).map_err(bad_input)?, source))
    }
}

/// Which of a run's models, for commands that open a run's folder.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct WhichFlag {
    /// Which model of a run's folder or web bundle [default: of a run healed if there is one, else healthy; of a bundle
    /// healthy]
    #[arg(long, value_parser = values::condition())]
    pub which: Option<Condition>,
}

/// How texts are put through a model that does not train.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct BatchFlags {
    /// Rows in one forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::count)]
    pub batch_size: usize,

    /// Tokens a text is cut to, with [CLS] and [SEP] [default: as in the model's own run; else 128, or what is usual for a
    /// dataset of the catalogue, at most what the model has positions for]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub max_length: Option<usize>,
}
