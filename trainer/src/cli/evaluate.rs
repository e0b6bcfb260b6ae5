//! `bert-heal evaluate`.

use super::device::DeviceFlags;
use super::input::{BatchFlags, DatasetFlags, WhichFlag};
use super::training::SplitSeedFlag;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal evaluate --model runs/3f2a91c07b5e --dataset trec6/
  bert-heal evaluate --model my-checkpoint/ --dataset sst2/ --split validation --json";

/// Measure a fine-tuned model on a dataset
///
/// Prints accuracy, macro-F1 and loss. The per-example predictions are kept in --out.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub model: String,

    #[command(flatten)]
    pub which: WhichFlag,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// Which rows [default: test if it has labels, else validation]
    #[arg(long, value_enum, help_heading = "Model and data")]
    pub split: Option<SplitChoice>,

    /// Which rows --train-limit leaves, as in the run that trained on them
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed_data: u64,

    #[command(flatten)]
    pub split_seed: SplitSeedFlag,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for the predictions [default: runs/evaluate-<id of model and data>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the figures as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// A split as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitChoice {
    /// The training split
    Train,
    /// The validation split
    Validation,
    /// The test split
    Test,
}
