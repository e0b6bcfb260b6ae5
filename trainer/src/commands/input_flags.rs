//! What commands read: models and datasets.

use clap::Args;
use shared::Condition;
use shared::dataset::{ColumnChoice, Delimiter, Limits, OnBadRow};

use super::flag_values;
use crate::dataset_request::DatasetRequest;
use crate::open_model::Weights;

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
    /// Read only the config and the tokenizer, and initialise the weights from the head seed; bert-base, bert-large and
    /// distilbert are built in
    #[arg(long)]
    pub random_init: bool,
}

impl InitFlags {
    /// The same as a choice.
    #[must_use]
    pub fn weights(self) -> Weights {
        if self.random_init { Weights::Random } else { Weights::Read }
    }
}

/// The dataset of commands that take one.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct DatasetFlags {
    #[arg(long, value_name = "DATASET", help = crate::help::dataset())]
    pub dataset: String,

    /// One of the dataset's configurations, as named in its README or by its folders; ORG/NAME:CONFIG also works
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
    /// Text column; several are joined with a space [default: text, sentence, review, title and content, …]
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub text_column: Option<Vec<String>>,

    /// Column of the second text, where each row is a pair of texts [default: hypothesis beside premise, sentence2 beside
    /// sentence1, sentence beside question, …]
    #[arg(long, value_name = "NAME")]
    pub text_pair_column: Option<String>,

    /// Label column [default: label, labels, target, class, category, …]
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,

    /// Separator between the columns of CSV [default: comma]; with it TSV is read as CSV, with any columns and quoted fields
    #[arg(long, value_name = "CHARACTER", value_parser = flag_values::delimiter())]
    pub delimiter: Option<Delimiter>,

    /// Class names in the order of their ids, instead of those in labels.txt
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub label_names: Option<Vec<String>>,
}

/// Which rows of a dataset are used.
#[derive(Args, Clone, Copy, Debug)]
pub struct RowFlags {
    /// Skip unreadable rows and report how many there were
    #[arg(long)]
    pub skip_bad_rows: bool,

    /// Use at most N training rows, sampled with the data seed
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub train_limit: Option<usize>,

    /// Use at most N validation rows, sampled with the split seed
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub validation_limit: Option<usize>,

    /// Use at most N test rows, sampled with the split seed
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub test_limit: Option<usize>,
}

impl DatasetFlags {
    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> DatasetRequest {
        dataset_request(&self.dataset, self.config.as_deref(), &self.columns, self.rows)
    }
}

/// A dataset by its name and the flags that say how it is read.
pub(super) fn dataset_request(
    name: &str,
    config: Option<&str>,
    columns: &ColumnFlags,
    rows: RowFlags,
) -> DatasetRequest {
    let label_names = columns.label_names.as_ref();
    DatasetRequest {
        name: name.to_owned(),
        config: config.map(str::to_owned),
        columns: ColumnChoice {
            text: columns.text_column.clone(),
            text_pair: columns.text_pair_column.clone(),
            label: columns.label_column.clone(),
            delimiter: columns.delimiter,
        },
        // White space around a name is no part of it, as in labels.txt.
        label_names: label_names.map(|names| names.iter().map(|name| name.trim().to_owned()).collect()),
        on_bad_row: if rows.skip_bad_rows { OnBadRow::Skip } else { OnBadRow::Refuse },
        limits: Limits { train: rows.train_limit, validation: rows.validation_limit, test: rows.test_limit },
    }
}

/// Which of a run's models, for commands that open a run's folder.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct WhichFlag {
    /// Which model of a run folder or web bundle [default: a run's healed model if it has one, else its healthy model;
    /// a bundle's healthy model]
    #[arg(long, value_parser = flag_values::condition())]
    pub which: Option<Condition>,
}

/// How texts are put through a model that does not train.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct BatchFlags {
    /// Rows per forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = flag_values::count)]
    pub batch_size: usize,

    /// Truncate texts to this many tokens, including [CLS] and [SEP] [default: as in the model's own run; else 128, or
    /// what is usual for a catalogue dataset, but never more than the model has positions for]
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub max_length: Option<usize>,
}
