//! `bert-heal bench`: speed and memory on this machine.

mod compare;
mod corrupt;
mod evaluate;
mod train;

use clap::{Args, Subcommand};

use self::corrupt::BenchCorruptArgs;
use self::evaluate::BenchEvaluateArgs;
use self::train::BenchTrainArgs;
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  bert-heal bench train --model all-MiniLM-L6-v2/ --dataset rotten_tomatoes/ --max-steps 33 --json
  bert-heal bench evaluate --model runs/3f2a91c07b5e --dataset trec6/
  bert-heal bench train --model M --dataset D --compare 'python torch_finetune.py M D/train.tsv'

The last line that the --compare command prints must be JSON with train_tokens_per_sec and
peak_rss_mib for train, and with eval_samples_per_sec for evaluate.";

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
    /// Fine-tuning steps as in `run`: 33 unless --max-steps is given; the first 3 are not timed
    Train(Box<BenchTrainArgs>),
    /// Forward passes over the test split, as in `evaluate`
    Evaluate(BenchEvaluateArgs),
    /// Applying a corruption plan
    Corrupt(BenchCorruptArgs),
}

/// Runs the command.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        BenchWhat::Train(args) => train::run(args),
        BenchWhat::Evaluate(args) => evaluate::run(args),
        BenchWhat::Corrupt(args) => corrupt::run(args),
    }
}
