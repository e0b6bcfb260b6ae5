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
    /// Take config and tokenizer only and draw the weights from the head seed; bert-base, bert-large and distilbert
    /// are built in
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

    /// What separates the columns of CSV [default: comma]; with it TSV is read as CSV is, with any columns and quoted fields
    #[arg(long, value_name = "CHARACTER", value_parser = flag_values::delimiter())]
    pub delimiter: Option<Delimiter>,

    /// Class names in the order of their ids, instead of labels.txt
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub label_names: Option<Vec<String>>,
}

/// Which rows of a dataset are used.
#[derive(Args, Clone, Copy, Debug)]
pub struct RowFlags {
    /// Go on without rows that cannot be read, and say how many there were
    #[arg(long)]
    pub skip_bad_rows: bool,

    /// Use at most N rows of train, drawn with the data seed
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub train_limit: Option<usize>,

    /// Use at most N rows of validation, drawn with the split seed
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub validation_limit: Option<usize>,

    /// Use at most N rows of test, drawn with the split seed
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
    /// Which model of a run's folder or web bundle [default: of a run healed if there is one, else healthy; of a bundle
    /// healthy]
    #[arg(long, value_parser = flag_values::condition())]
    pub which: Option<Condition>,
}

/// How texts are put through a model that does not train.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model and data")]
pub struct BatchFlags {
    /// Rows in one forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = flag_values::count)]
    pub batch_size: usize,

    /// Tokens a text is cut to, with [CLS] and [SEP] [default: as in the model's own run; else 128, or what is usual for a
    /// dataset of the catalogue, at most what the model has positions for]
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub max_length: Option<usize>,
}
