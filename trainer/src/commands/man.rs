//! `bert-heal man`: the command line as manual pages.

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::man::ManArgs;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::print;
use crate::run_dir::atomic;

/// Runs the command.
pub fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let written = atomic::create_dirs(&args.out)
        .and_then(|_| clap_mangen::generate_to(Cli::command(), &args.out).map_err(Into::into));
    written.map_err(bad_input).with_context(|| format!("--out {}", args.out.display()))?;
    print(&format!("{}: bert-heal.1 and a page for each command", args.out.display()))?;
    Ok(ExitCode::Ok)
}
