//! The native program `bert-heal`: files, devices and processes around what `shared` computes.
//!
//! [`main`] is the whole program. [`cli`] is what users type, [`commands`] what it leads to, [`hub`] where models and
//! data come from that are not here, [`runner`] one run of the experiment, [`run_dir`] what it leaves on disk,
//! [`exit_code`] how it ends.

#![warn(clippy::print_stderr)] // `say!` instead, which goes on without a terminal

pub mod bundles;
pub mod card;
pub mod cli;
pub mod commands;
pub mod datasets;
pub mod device;
pub mod environment;
pub mod estimate;
pub mod exit_code;
pub mod help;
pub mod hub;
pub mod interrupt;
pub mod models;
pub mod output;
mod panics;
pub mod progress;
pub mod report;
pub mod run_dir;
pub mod runner;
pub mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;
use shared::nn::InstructionSet;

use crate::cli::{Cli, Command};
use crate::exit_code::{ExitCode, bad_input, exit_code_of};

/// The whole program: reads the command line, does what it says, and tells how it ended.
///
/// An error is one line on stderr, from the outermost context to the cause; wrong usage is clap's message.
#[must_use]
pub fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // The default hook has printed the panic; a bug must not end with a code that means something else to a script.
    let outcome = catch_unwind(AssertUnwindSafe(|| run(cli))).unwrap_or(Ok(ExitCode::Unexpected));
    let exit_code = outcome.unwrap_or_else(|error| {
        say!("error: {error:#}");
        exit_code_of(&error)
    });
    exit_code.into()
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Whatever the command is: an operation would panic at a value that cannot be.
    InstructionSet::from_env().map_err(bad_input)?;
    threads::fix(cli.threads)?;
    hub::fix_offline(cli.offline);
    match cli.command {
        Command::Fetch(args) => commands::fetch::run(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Quickstart(args) => commands::quickstart::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Corrupt(args) => commands::corrupt::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Completions(args) => commands::completions::run(args),
        Command::Man(args) => commands::man::run(&args),
    }
}
