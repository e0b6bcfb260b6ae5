//! `bert-heal run`.

use super::device::DeviceFlags;
use super::input::{DatasetFlags, ModelFlags};
use super::training::{SeedFlags, TrainingFlags};
use super::values;
use crate::help;
use clap::{Args, ValueEnum};
use shared::record::Protocol;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Plans:
  kaiming@bottom:0.5                        re-initialise the lower half of the encoder layers
  kaiming@embeddings;kaiming@bottom:0.25    two steps, applied in order
  bitflip:1e-6,exponent@layers:0-2/attention.query
  gaussian:0.3@all;zero:0.1@top:0.5/ffn

Examples:
  bert-heal run --model all-MiniLM-L6-v2/ --dataset trec6/ --corrupt kaiming@bottom:0.5 --seed 1
  bert-heal run --model all-MiniLM-L6-v2/ --dataset trec6/ --epochs 1 --json > healthy.json
  bert-heal run --model bert-base --random-init --dataset trec6/ --max-steps 3

The same command goes on where it was interrupted.";

/// Fine-tune a model with and without corruption, and compare
///
/// Fine-tunes the healthy model, corrupts and fine-tunes a copy in the same way, and evaluates each on the test split
/// (validation, where test has no labels). Without --corrupt there is only the healthy model. Everything is kept in
/// --out: the record run.json, metrics, per-example predictions and the checkpoints in Hugging Face's layout.
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{}\n\n{}\n\n{EXAMPLES}", help::schemes(), help::formats()))]
pub struct RunArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// What to damage, and how; see below
    #[arg(long, value_name = "PLAN", help_heading = "Corruption")]
    pub corrupt: Option<String>,

    /// When to damage it
    #[arg(long, value_enum, default_value_t, help_heading = "Corruption")]
    pub protocol: ProtocolChoice,

    #[command(flatten)]
    pub training: TrainingFlags,

    #[command(flatten)]
    pub seeds: SeedFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder of this run [default: runs/<id of the run>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Save the training state every so many steps, and every 60 seconds
    #[arg(long, value_name = "N", default_value = "50", value_parser = values::count, help_heading = "Output")]
    pub save_steps: usize,

    /// Also write the first checkpoint and the batches of the healthy fine-tuning, to replay them elsewhere
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub dump_batches: Option<PathBuf>,

    /// Print the record as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// [`Protocol`] as the user names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtocolChoice {
    /// Pre-trained → corrupt → fine-tune
    #[default]
    Pretrained,
    /// Pre-trained → fine-tune → corrupt → fine-tune again
    Finetuned,
}

impl From<ProtocolChoice> for Protocol {
    fn from(protocol: ProtocolChoice) -> Self {
        match protocol {
            ProtocolChoice::Pretrained => Self::Pretrained,
            ProtocolChoice::Finetuned => Self::Finetuned,
        }
    }
}
