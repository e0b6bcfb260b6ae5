//! `bert-heal blame`: which part of a damaged model is to blame.

mod drawing;
mod value;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow};
use candle_core::DType;
use clap::Args;
use shared::dataset::{EncodedExample, Split};
use shared::evaluation::predicted_class;
use shared::model::TextClassifier;
use shared::random::Seed;
use shared::surgery::{Design, MAX_LAYERS, Mix, MixCounts, Mixture, Players, Rest, Rows, margin};

use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::{BatchFlags, DatasetFlags};
use super::training_flags::SplitSeedFlag;
use super::two_models::{FittingModels, RowRequest};
use crate::atomic;
use crate::exit_code::{ExitCode, bad_input, interrupted};
use crate::interrupt::{AtTheEnd, Interrupt};
use crate::open_dataset::RowSeeds;
use crate::output::{print, print_json};
use crate::progress::Progress;
use value::{Asked, Found, SentenceFound};

const EXAMPLES: &str = "\
Examples:
  bert-heal blame --healthy RUN/checkpoint/healthy --damaged RUN/checkpoint/corrupted --dataset trec6/
  bert-heal blame --healthy RUN/checkpoint/healthy --damaged RUN/checkpoint/healed --dataset trec6/ --text 'Who wrote Hamlet?'
  bert-heal blame --healthy healthy/ --damaged broken/ --dataset trec6/ --rest fixed-healthy --json";

/// Share out what damage costs among a model's layers
///
/// Builds every mix of a healthy and a damaged model, layer by layer, and gives each layer its Shapley value: what its
/// damage costs on average over all orders in which the layers could be damaged one after another. The values sum to the
/// whole loss. Everything that is no encoder layer (embeddings, pooler, classifier) is one more part, the rest.
///
/// Up to 8 layers the values are exact. Mixes share their common layers, so that all of them cost 14 passes through a layer
/// for 3 layers and 126 for 6, twice that with the rest. Above 8 layers the values are means over random orders, each with
/// its reverse, and have a 95 % interval over orders.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BlameArgs {
    /// The model before the damage: catalogue name, hub id, or a folder: a checkpoint or a run
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub healthy: String,

    /// The model after the damage, of the same shape; it may be healed already
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub damaged: String,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// Split whose rows are used [default: test if it has labels, else validation]
    #[arg(long, value_parser = flag_values::split(), help_heading = "Model and data")]
    pub split: Option<Split>,

    /// Share out the margin of this sentence as well: how far the logit of the healthy model's answer is above the next
    #[arg(long, value_name = "SENTENCE", help_heading = "Model and data")]
    pub text: Option<String>,

    /// What becomes of embeddings, pooler and classifier
    #[arg(long, default_value = "player", value_parser = flag_values::rest(), help_heading = "Surgery")]
    pub rest: Rest,

    /// Random orders for models of more than 8 layers, half of them the reverse of the others
    #[arg(long, value_name = "N", default_value = "64", value_parser = flag_values::even_count, help_heading = "Surgery")]
    pub permutations: usize,

    /// The seed of the random orders
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed: u64,

    /// Seed for the rows that --train-limit keeps; use that of the run that trained on them
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed_data: u64,

    #[command(flatten)]
    pub split_seed: SplitSeedFlag,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for blame.json and the figure blame.svg; those that are there are replaced
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print everything as JSON, with what every mix is worth
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &BlameArgs) -> anyhow::Result<ExitCode> {
    let (device, _, kernels) = args.device.open()?;
    let models = FittingModels::open(&[("--healthy", &args.healthy), ("--damaged", &args.damaged)], &device)?;
    let dataset = args.dataset.request();
    let held_out = models.held_out(&RowRequest {
        dataset: &dataset,
        split: args.split,
        seeds: RowSeeds { train: Seed(args.seed_data), split: args.split_seed.seed() },
        max_length: args.batches.max_length,
    })?;
    let config = models.config();
    if config.n_layers > MAX_LAYERS {
        let n_layers = config.n_layers;
        return Err(bad_input(anyhow!("--healthy has {n_layers} layers: expected at most {MAX_LAYERS}")));
    }
    let players = Players { n_layers: config.n_layers, rest: args.rest };
    let design = Design::new(players, args.permutations / 2, Seed(args.seed));
    let mixes = design.mixes();
    let [healthy, damaged] = [0, 1].map(|i| {
        let checkpoint = &models.checkpoints[i];
        TextClassifier::for_evaluation(&checkpoint.config, &checkpoint.parameters, &kernels, DType::F32)
    });
    let (healthy, damaged) = (healthy?, damaged?);
    let parameters = [0, 1].map(|i| &models.checkpoints[i].parameters);
    let mixture = Mixture::new(players, (&healthy, parameters[0]), (&damaged, parameters[1]))?;

    let interrupt = Interrupt::install_for(AtTheEnd::NothingIsSaved)?;
    let started = Instant::now();
    let sentence = args.text.as_deref().map(|text| {
        let encoded = models.tokenizer.encode_inputs(&[text.into()], held_out.max_length)?;
        let examples: Vec<EncodedExample> =
            encoded.into_iter().map(|encoded| EncodedExample::new(encoded, 0)).collect();
        let rows = Rows { examples: &examples, batch_size: 1, pad_token_id: config.pad_token_id };
        of_sentence(&mixture, &design, &rows, &interrupt).map(|found| (text, found))
    });
    let sentence = sentence.transpose()?;
    let rows = Rows {
        examples: &held_out.rows.examples,
        batch_size: args.batches.batch_size,
        pad_token_id: config.pad_token_id,
    };
    let counts = count(&mixture, &mixes, &rows, &interrupt)?;
    let wall_secs = started.elapsed().as_secs_f64();
    let accuracy = design
        .blame(|mix| counts.accuracy(mix))
        .ok_or_else(|| anyhow!("the accuracies of the mixes could not be shared out"))?;
    let margin = sentence.as_ref().and_then(|(_, found)| design.blame(|mix| found.margin(mix)));

    let (names, seed) = ([&*args.healthy, &*args.damaged], args.seed);
    let asked = Asked { names, seed, models: &models, held_out: &held_out, design: &design };
    let found = Found {
        mixture: &mixture,
        counts: &counts,
        accuracy: &accuracy,
        sentence: sentence.as_ref().map(|(text, found)| (*text, found, margin.as_ref())),
        wall_secs,
    };
    let value = value::value(&asked, &found)?;
    if let Some(out) = &args.out {
        let write = || -> anyhow::Result<()> {
            atomic::write_json(&out.join("blame.json"), &value)?;
            atomic::write_file(&out.join("blame.svg"), drawing::svg(&asked, &found).as_bytes())
        };
        write().context("--out")?;
    }
    if args.json {
        print_json(&value)?;
    } else {
        print(&drawing::text(&asked, &found))?;
    }
    Ok(ExitCode::Ok)
}

/// What each mix gets right, with a bar.
fn count(mixture: &Mixture<'_>, mixes: &[Mix], rows: &Rows<'_>, interrupt: &Interrupt) -> anyhow::Result<MixCounts> {
    let n_batches = rows.examples.len().div_ceil(rows.batch_size);
    let mut bar = Progress::phase(&format!("{} mixes", mixes.len()), n_batches);
    let mut may_go_on = || !interrupt.is_requested();
    match mixture.count(rows, mixes, &mut may_go_on, |n_rows| bar.advance(n_rows, 0))? {
        Some(counts) => {
            bar.finish("done");
            Ok(counts)
        }
        None => Err(stopped()),
    }
}

fn stopped() -> anyhow::Error {
    interrupted(anyhow!("stopped before every mix was measured; nothing was written"))
}

/// The logits of every mix for the one sentence, and the class that the healthy mix answers.
fn of_sentence(
    mixture: &Mixture<'_>,
    design: &Design,
    rows: &Rows<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<SentenceFound> {
    let mixes = design.mixes();
    let batch = shared::dataset::Batch::new(rows.examples, &[0], rows.pad_token_id);
    let mut may_go_on = || !interrupt.is_requested();
    let logits = mixture.logits(&batch, &mixes, &mut may_go_on)?.ok_or_else(stopped)?;
    let mut logits: Vec<(Mix, Vec<f32>)> =
        logits.into_iter().filter_map(|(mix, rows)| Some((mix, rows.into_iter().next()?))).collect();
    logits.sort_by_key(|(mix, _)| *mix);
    let class = logits.first().and_then(|(_, logits)| predicted_class(logits)).ok_or_else(|| {
        bad_input(anyhow!(
            "--text: the healthy model's logits are not finite, so there is no answer whose margin could be shared out"
        ))
    })?;
    let margins = logits.iter().map(|(mix, logits)| (*mix, margin(logits, class as usize))).collect();
    Ok(SentenceFound { class: class as usize, margins })
}
