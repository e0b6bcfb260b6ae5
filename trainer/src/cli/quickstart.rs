//! `bert-heal quickstart`.

use clap::Args;
use std::path::PathBuf;

/// The model where none is named.
pub const DEFAULT_MODEL: &str = "minilm-l6";

/// The plan where none is named.
pub const DEFAULT_CORRUPT: &str = "kaiming@bottom:0.5";

const EXAMPLES: &str = "\
Examples:
  bert-heal quickstart
  bert-heal quickstart --corrupt kaiming@top:0.5         the same damage at the other end
  bert-heal quickstart --model my-model/ --dataset my-data/

It fine-tunes twice on at most 1,500 rows, which takes a minute each on two cores; fetching what is not here comes first
and is told apart. Without a network it starts from the page's own model (BERT_HEAL_BUNDLES names the folder of
bundles, else that of the source tree is taken) and says what needs data. The numbers show how it works and prove nothing: for that see bert-heal help run.";

/// Damage and heal a small model in a few minutes: a demonstration
///
/// Fetches a small model and dataset, fine-tunes the model, damages it, fine-tunes it again, and shows healthy, corrupted
/// and healed on one screen, with a report as a page. The run is an ordinary one: its folder opens in every command.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct QuickstartArgs {
    /// Catalogue name, hub id or folder
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_MODEL, help_heading = "Model and data")]
    pub model: String,

    /// Catalogue name, hub id, folder or file
    #[arg(long, value_name = "DATASET", default_value = "rotten_tomatoes", help_heading = "Model and data")]
    pub dataset: String,

    /// What to damage, and how; the words are those of bert-heal help run
    #[arg(long, value_name = "PLAN", default_value = DEFAULT_CORRUPT, help_heading = "Corruption")]
    pub corrupt: String,

    /// Sets all seeds: which weights, first weights of the classifier, order of rows
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed: u64,

    /// Folder of the run, with the report in it [default: runs/<id of the run>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the record, the report's place and the seconds of fetching as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
