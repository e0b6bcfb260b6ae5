//! `bert-heal man`: the command line as manual pages.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};

use crate::atomic;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  bert-heal man --out ~/.local/share/man/man1     then: man bert-heal-run
  bert-heal man --out pages && man -l pages/bert-heal.1";

/// Write the manual pages, one for each command
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Folder for the pages; other files in it are kept
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
}

/// Runs the command; `command` is the whole command line.
pub fn run(args: &ManArgs, command: Command) -> anyhow::Result<ExitCode> {
    let written =
        atomic::create_dirs(&args.out).and_then(|_| clap_mangen::generate_to(command, &args.out).map_err(Into::into));
    written.map_err(bad_input).with_context(|| format!("--out {}", args.out.display()))?;
    print(&format!("{}: bert-heal.1 and a page for each command", args.out.display()))?;
    Ok(ExitCode::Ok)
}
