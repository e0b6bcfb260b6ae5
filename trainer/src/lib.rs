//! The native program `bert-heal`: files, devices and processes around what `shared` computes.
//!
//! [`main`] is the whole program. The modules in the order in which they can be read; none knows one that comes after it:
//!
//! The process and what it says
//! - [`exit_code`]: how the program ends, and which error leads to which exit code
//! - `output`: stdout is the result; [`say!`] is for stderr
//! - [`environment`]: what a record says about machine and build
//! - `threads`: the number of CPU threads, fixed before any of them starts
//! - [`interrupt`]: signals that ask for an end
//! - `progress`: how far a long job is
//! - [`device`]: from the user's choice of a device to candle's
//! - `estimate`: memory and time of a training, before it starts
//! - `failpoint`: places where a test can have the process killed
//!
//! Files, models and data
//! - `atomic`: files and folders that appear whole or not at all
//! - `paths`: paths as people write them
//! - `untrusted`: what strangers wrote, read up to a bound and without a panic
//! - [`open_dataset`]: from a file or folder to splits of labelled rows
//! - [`hub`]: models and datasets that are not on this machine
//! - [`dataset_request`]: a dataset as it is asked for, here or on the hub
//! - `open_bundle`: web bundles on disk
//! - [`open_model`]: config, tokenizer and weights, wherever the model's name leads
//!
//! A run and what came of it
//! - [`run_dir`]: what a run leaves on disk
//! - [`runner`]: a run: fine-tune, corrupt, fine-tune again, judge
//! - [`sweep`]: many runs, on one machine or many
//! - `report`: what a run, or many, showed, as a page
//!
//! On top
//! - [`help`]: parts of the command line's help that are made from the library's tables
//! - [`commands`]: what users type, and what it leads to

#![warn(clippy::print_stderr)] // `say!` instead, which goes on without a terminal

mod atomic;
pub mod commands;
pub mod dataset_request;
pub mod device;
pub mod environment;
mod estimate;
pub mod exit_code;
mod failpoint;
pub mod help;
pub mod hub;
pub mod interrupt;
mod open_bundle;
pub mod open_dataset;
pub mod open_model;
mod output;
mod paths;
mod progress;
mod report;
pub mod run_dir;
pub mod runner;
pub mod sweep;
mod threads;
mod untrusted;

use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;
use shared::nn::InstructionSet;

use crate::commands::Cli;
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
    commands::run(cli.command)
}
