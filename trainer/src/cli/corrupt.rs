//! `bert-heal corrupt`.

use super::input::ModelFlags;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal corrupt --model all-MiniLM-L6-v2/ --corrupt kaiming@bottom:0.5 --seed 1 --out broken/
  bert-heal corrupt --model runs/3f2a91c07b5e/checkpoint/healthy --corrupt bitflip:1e-6@all --seed 1 --out broken/";

/// Write a damaged copy of a model
///
/// The same plan and seed give the same bits on every machine and in the browser. Prints each tensor that was touched.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CorruptArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    /// What to damage, and how; `bert-heal help run` shows plans
    #[arg(long, value_name = "PLAN", help_heading = "Corruption")]
    pub corrupt: String,

    /// The seed of the corruption
    #[arg(long, value_name = "N", help_heading = "Corruption")]
    pub seed: u64,

    /// Folder for the damaged checkpoint; must not exist or be empty
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,

    /// Print what was touched as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
