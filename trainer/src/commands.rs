//! The command line: a file for each command, its flags above and what it does below. What several commands have in
//! common are the files of flags.
//!
//! Names, defaults and exit codes are what scripts rely on. Wrong usage ends with exit code 2 and a message that names
//! the flag, its value and what was expected; so does everything that a command finds wrong with its input. Nothing
//! outside of this folder knows flags: a command turns them into plain values.
//!
//! A new command is a file, a line in [`Command`] and one in [`run`].
//!
//! Groups of flags are flattened without a doc comment of their own: clap would take it for the command's description.

mod device_flags;
mod flag_values;
mod input_flags;
mod training_flags;
mod two_models;

mod bench;
mod blame;
mod bridge;
mod census;
mod completions;
mod corrupt;
mod evaluate;
mod export;
mod fetch;
mod inspect;
mod man;
mod predict;
mod quickstart;
mod report;
mod run;
mod scar;
mod sweep;
mod transplant;

use clap::{CommandFactory, Parser, Subcommand};

use crate::environment::VERSION_AND_COMMIT;
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  bert-heal fetch --list
  bert-heal run --model minilm-l6 --dataset trec6 --corrupt kaiming@bottom:0.5
  bert-heal help run

Results go to stdout, messages and progress to stderr; --json prints one JSON value.
Exit codes: 0 ok, 1 unexpected, 2 usage or bad input, 3 a run failed, 4 interrupted.";

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
    /// CPU threads to use [default: `RAYON_NUM_THREADS`, else one per core]
    #[arg(long, global = true, value_name = "N", value_parser = flag_values::count, help_heading = "Device")]
    pub threads: Option<usize>,

    /// Use only models and datasets on this machine, as with `HF_HUB_OFFLINE=1`
    #[arg(long, global = true, help_heading = "Model and data")]
    pub offline: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

// No doc comments on the variants: a command's description stands with its flags.
/// The commands that work, in the order of `--help`.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Quickstart(quickstart::QuickstartArgs),
    Fetch(fetch::FetchArgs),
    Run(Box<run::RunArgs>),
    Sweep(Box<sweep::SweepArgs>),
    Report(report::ReportArgs),
    Evaluate(evaluate::EvaluateArgs),
    Predict(predict::PredictArgs),
    Corrupt(corrupt::CorruptArgs),
    Census(census::CensusArgs),
    Transplant(transplant::TransplantArgs),
    Blame(blame::BlameArgs),
    Bridge(bridge::BridgeArgs),
    Scar(scar::ScarArgs),
    Inspect(inspect::InspectArgs),
    Export(export::ExportArgs),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Does what the user typed.
///
/// # Errors
/// Each names what is wrong; [`exit_code_of`](crate::exit_code::exit_code_of) tells whose fault it is.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Fetch(args) => fetch::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Corrupt(args) => corrupt::run(&args),
        Command::Census(args) => census::run(&args),
        Command::Transplant(args) => transplant::run(&args),
        Command::Blame(args) => blame::run(&args),
        Command::Bridge(args) => bridge::run(&args),
        Command::Scar(args) => scar::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}
