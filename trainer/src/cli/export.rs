//! `bert-heal export`.

use super::input::WhichFlag;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal export --model runs/3f2a91c07b5e --which healed --for hub --out healed-trec6/";

/// Write a model for use elsewhere
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A run's folder or a checkpoint
    #[arg(long, value_name = "RUN_OR_DIR", help_heading = "Model and data")]
    pub model: PathBuf,

    #[command(flatten)]
    pub which: WhichFlag,

    /// Who is to read it
    #[arg(long = "for", value_enum, help_heading = "Output")]
    pub target: ExportTarget,

    /// Folder to write; must not exist or be empty
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
}

/// Who is to read an exported model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTarget {
    /// transformers, and everything else that reads Hugging Face's layout
    Hub,
}
