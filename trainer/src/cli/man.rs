//! `bert-heal man`.

use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal man --out ~/.local/share/man/man1     then: man bert-heal-run
  bert-heal man --out pages && man -l pages/bert-heal.1";

/// Write the manual, a page for each command
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Folder for the pages; other files in it stay
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
}
