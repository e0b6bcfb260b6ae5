//! `bert-heal inspect`.

use super::device::DtypeChoice;
use super::input::InitFlags;
use super::values;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  bert-heal inspect all-MiniLM-L6-v2/
  bert-heal inspect all-MiniLM-L6-v2/ --corrupt kaiming@bottom:0.5
  bert-heal inspect all-MiniLM-L6-v2/ --corrupt bitflip:1e-6@all/attention.head:0-3 --freeze embeddings
  bert-heal inspect bert-large --random-init --parameters --batch-size 8 --max-length 128";

/// Show a model's parts, what a plan would touch, and what training would need
///
/// Draws the network with its input at the bottom. Reads the model and changes nothing. The estimates of memory and time are for training with the given batch size and
/// length on this machine's CPU.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(value_name = "MODEL")]
    pub model: String,

    #[command(flatten)]
    pub init: InitFlags,

    /// Mark what this plan would touch
    #[arg(long, value_name = "PLAN")]
    pub corrupt: Option<String>,

    /// Labels of the classifier, if the model has none yet
    #[arg(long, value_name = "N", default_value = "2", value_parser = values::count)]
    pub labels: usize,

    /// Rows in one forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::count, help_heading = "Estimate")]
    pub batch_size: usize,

    /// Tokens in a row [default: 128, at most what the model has positions for]
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Estimate")]
    pub max_length: Option<usize>,

    /// Number format of activations; parameters stay f32
    #[arg(long, value_enum, default_value_t, help_heading = "Estimate")]
    pub dtype: DtypeChoice,

    /// Parameters that training would leave as they are, such as embeddings,bottom:0.5
    #[arg(long, value_name = "SELECTION", help_heading = "Estimate")]
    pub freeze: Option<String>,

    /// List every parameter with its name and shape instead of drawing the network
    #[arg(long, help_heading = "Output")]
    pub parameters: bool,

    /// Print all of it as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
