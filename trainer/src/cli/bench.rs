//! `bert-heal bench`.

use super::device::DeviceFlags;
use super::input::{BatchFlags, DatasetFlags, ModelFlags};
use super::training::{SeedFlags, TrainingFlags};
use super::values;
use clap::{Args, Subcommand};

/// Steps that `bench train` times without `--max-steps`.
pub const TIMED_STEPS: usize = 30;

const EXAMPLES: &str = "\
Examples:
  bert-heal bench train --model all-MiniLM-L6-v2/ --dataset rotten_tomatoes/ --max-steps 33 --json
  bert-heal bench evaluate --model runs/3f2a91c07b5e --dataset trec6/
  bert-heal bench train --model M --dataset D --compare 'python torch_finetune.py M D/train.tsv'

The command of --compare ends with one line of JSON: train_tokens_per_sec and peak_rss_mib for train,
eval_samples_per_sec for evaluate.";

/// Measure speed and memory on this machine
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub what: BenchWhat,
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchWhat {
    /// Fine-tuning steps, as `run` takes them: 33, or --max-steps; the first 3 are not counted
    Train(Box<BenchTrainArgs>),
    /// Forward passes over the test split, as `evaluate` makes them
    Evaluate(BenchEvaluateArgs),
    /// Applying a corruption plan
    Corrupt(BenchCorruptArgs),
}

/// Flags of `bench train`; without `--max-steps` it times [`TIMED_STEPS`] steps.
#[derive(Args, Clone, Debug)]
pub struct BenchTrainArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    #[command(flatten)]
    pub training: TrainingFlags,

    #[command(flatten)]
    pub seeds: SeedFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

/// Flags of `bench evaluate`.
#[derive(Args, Clone, Debug)]
pub struct BenchEvaluateArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

/// Flags of `bench corrupt`.
#[derive(Args, Clone, Debug)]
pub struct BenchCorruptArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    /// The dataset that gives the classifier its number of labels [default: 2 labels]
    #[arg(long, value_name = "DATASET", help_heading = "Model and data")]
    pub dataset: Option<String>,

    /// The plan to apply
    #[arg(long, value_name = "PLAN", default_value = "kaiming@all", help_heading = "Corruption")]
    pub corrupt: String,

    /// Times it is applied
    #[arg(long, value_name = "N", default_value = "5", value_parser = values::count, help_heading = "Corruption")]
    pub repeat: usize,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

/// What a benchmark prints.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct BenchOutputFlags {
    /// Run this shell command in turn with the benchmark (A B A B …), and print the ratios of medians
    #[arg(long, value_name = "COMMAND")]
    pub compare: Option<String>,

    /// How often each side of --compare runs
    #[arg(long, value_name = "N", default_value = "3", value_parser = values::count)]
    pub rounds: usize,

    /// Run this shell command once; its last line is JSON with `matmul_flops_per_sec`, the other program's rate of
    /// matrix products. The larger rate is what the share is of
    #[arg(long, value_name = "COMMAND")]
    pub compare_matmul: Option<String>,

    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}
