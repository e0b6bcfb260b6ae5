//! The command line: one file for each command, and one for each group of flags that commands share.
//!
//! Names, defaults and exit codes are what scripts rely on. Wrong usage ends with exit code 2 and a message that names
//! the flag, its value and what was expected; so does everything that a command finds wrong with its input.
//!
//! Groups of flags are flattened without a doc comment of their own: clap would take it for the command's description.

#![expect(rustdoc::broken_intra_doc_links, reason = "what clap prints as help holds brackets that are no links")]
#![expect(rustdoc::invalid_html_tags, reason = "and placeholders that are no tags")]

pub mod bench;
pub mod completions;
pub mod corrupt;
pub mod device;
pub mod evaluate;
pub mod export;
pub mod fetch;
pub mod input;
pub mod inspect;
pub mod man;
pub mod predict;
pub mod quickstart;
pub mod report;
pub mod run;
pub mod training;
mod values;

use crate::environment::VERSION_AND_COMMIT;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  bert-heal fetch --list
  bert-heal run --model minilm-l6 --dataset trec6 --corrupt kaiming@bottom:0.5
  bert-heal help run

Results go to stdout, log and progress to stderr; --json prints one JSON value.
Exit codes: 0 ok, 1 unexpected, 2 usage or bad input, 3 some runs failed, 4 interrupted.";

/// Break a BERT, fine-tune it, and measure how far it heals
///
/// Takes a pre-trained encoder, damages a chosen part of it reproducibly, fine-tunes it on a classification dataset and
/// compares the healed model with the same model fine-tuned without damage.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "bert-heal",
    bin_name = "bert-heal",
    version = VERSION_AND_COMMIT,
    after_help = EXAMPLES,
    max_term_width = 100,
    arg_required_else_help = true,
)]
pub struct Cli {
    /// Threads of the CPU [default: `RAYON_NUM_THREADS`, else one for each core]
    #[arg(long, global = true, value_name = "N", value_parser = values::count, help_heading = "Device")]
    pub threads: Option<usize>,

    /// Take models and datasets from this machine only, as `HF_HUB_OFFLINE=1` does
    #[arg(long, global = true, help_heading = "Model and data")]
    pub offline: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands that work. Their descriptions stand with their flags.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    #[expect(missing_docs, reason = "clap takes the description from the flags' type")]
    Quickstart(quickstart::QuickstartArgs),
    #[expect(missing_docs, reason = "as above")]
    Fetch(fetch::FetchArgs),
    #[expect(missing_docs, reason = "as above")]
    Run(Box<run::RunArgs>),
    #[expect(missing_docs, reason = "as above")]
    Report(report::ReportArgs),
    #[expect(missing_docs, reason = "as above")]
    Evaluate(evaluate::EvaluateArgs),
    #[expect(missing_docs, reason = "as above")]
    Predict(predict::PredictArgs),
    #[expect(missing_docs, reason = "as above")]
    Corrupt(corrupt::CorruptArgs),
    #[expect(missing_docs, reason = "as above")]
    Inspect(inspect::InspectArgs),
    #[expect(missing_docs, reason = "as above")]
    Export(export::ExportArgs),
    #[expect(missing_docs, reason = "as above")]
    Bench(bench::BenchArgs),
    #[expect(missing_docs, reason = "as above")]
    Completions(completions::CompletionsArgs),
    #[expect(missing_docs, reason = "as above")]
    Man(man::ManArgs),
}
