//! `bert-heal predict`.

use super::device::DeviceFlags;
use super::input::{BatchFlags, WhichFlag};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  echo 'Who wrote Hamlet?' | bert-heal predict --model runs/3f2a91c07b5e
  bert-heal predict --model RUN/checkpoint/healthy --model RUN/checkpoint/healed --input texts.txt --json";

/// Classify texts, one a line, with one model or several side by side
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle; give it again to compare
    #[arg(long = "model", value_name = "MODEL", required = true, help_heading = "Model and data")]
    pub models: Vec<String>,

    #[command(flatten)]
    pub which: WhichFlag,

    /// File of texts in UTF-8, one a line [default: stdin]
    #[arg(long, value_name = "FILE", help_heading = "Model and data")]
    pub input: Option<PathBuf>,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Print an array of predictions as JSON; with several models, one for each text and model
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
