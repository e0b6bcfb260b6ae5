//! `bert-heal census`: which share of a model's bits does harm when one of them flips.

mod file;
mod words;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::census::{Answers, HeldOut, Sample, Summary};
use shared::dataset::Split;
use shared::random::Seed;

use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::{BatchFlags, DatasetFlags, WhichFlag};
use super::training_flags::SplitSeedFlag;
use crate::atomic;
use crate::exit_code::{ExitCode, bad_input, interrupted};
use crate::interrupt::Interrupt;
use crate::open_dataset::{Purpose, RowSeeds};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::runner::{encode, max_length};
use crate::{report, say};
use file::{FlipLine, Log};

const EXAMPLES: &str = "\
Examples:
  bert-heal census --model runs/3f2a91c07b5e --dataset trec6/ --flips 500 --seed 1
  bert-heal census --model my-checkpoint/ --dataset sst2/ --limit 300 --out runs/bits --json

Each flip is one line of OUT/census.jsonl with a plan; this makes the same model again:
  bert-heal corrupt --model runs/3f2a91c07b5e --corrupt flip:3.17,bit30@layers:0/attention.query --seed 0 --out broken/

Repeat the same command to go on with an interrupted census.";

/// Flip single bits of a model's weights, one after another, and count which do harm
///
/// Draws pairs of a weight and one of its 32 bits, each class of bits (sign, every bit of the exponent, upper and lower
/// mantissa) of each component on its own. Each bit is flipped alone, the model is measured on held-out rows, and the bit
/// is flipped back. Shares of all pairs are weighted by how many pairs each flip stands for; their 95 % intervals are
/// Wilson's at the effective number of flips.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CensusArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub model: String,

    #[command(flatten)]
    pub which: WhichFlag,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// Split to measure on [default: test if it has labels, else validation]
    #[arg(long, value_parser = flag_values::split(), help_heading = "Model and data")]
    pub split: Option<Split>,

    /// Measure on at most N rows of the split, sampled with the split seed
    #[arg(long, value_name = "N", value_parser = flag_values::count, help_heading = "Model and data")]
    pub limit: Option<usize>,

    /// How many bits are flipped, at least two for each class of bits of each component
    #[arg(long, value_name = "N", default_value = "500", value_parser = flag_values::count, help_heading = "Census")]
    pub flips: usize,

    /// The seed that the bits are drawn with
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Census")]
    pub seed: u64,

    #[command(flatten)]
    pub split_seed: SplitSeedFlag,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for the census [default: runs/census-<id of the model, the data and the draw>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the figures as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Hidden states that are kept so that a flip need not compute what lies below it.
const MEMORY_BYTES: usize = 1 << 30;

/// How the intervals are made, in words.
const INTERVALS: &str = "95 % Wilson intervals at Kish's effective number of flips, (sum of weights)^2 / sum of squared \
                         weights; the gain of stratification is not counted, and rows are taken as they are";

/// Runs the command.
pub fn run(args: &CensusArgs) -> anyhow::Result<ExitCode> {
    let (device, device_name, kernels) = args.device.open()?;
    let mut dataset = args.dataset.request();
    if args.limit.is_some() {
        (dataset.limits.train, dataset.limits.validation, dataset.limits.test) = (args.limit, args.limit, args.limit);
    }
    let source = ModelSource::open(&args.model, args.which.which, Weights::Read)?;
    let max_length = max_length(args.batches.max_length, source.max_length, dataset.usual_length(), &source.config)?;
    let tokenizer = source.tokenizer(&[])?;
    let checkpoint = source.load(None, Seed(0), &device)?;
    let config = checkpoint.config;
    let weights_hash = checkpoint.weights_hash.as_deref().ok_or_else(|| anyhow!("the weights were not hashed"))?;
    let sample = Sample::draw(&config, args.flips, Seed(args.seed)).map_err(bad_input).context("--flips")?;
    let seeds = RowSeeds { train: Seed(0), split: args.split_seed.seed() };
    let (opened, fetched_from) = dataset.open(Purpose::Evaluate, seeds, Some(config.label_names.clone()))?;
    let opened = opened.matched_with(&config.label_names, &format!("model {}", source.name)).map_err(bad_input)?;
    for note in opened.notes.iter().chain(&tokenizer.note).chain(&checkpoint.notes) {
        say!("note: {note}");
    }
    let split = args.split.unwrap_or(opened.report_split);
    let rows = opened.dataset.split(split);
    if rows.is_empty() {
        return Err(bad_input(anyhow!("dataset {} has no {split} rows", opened.dataset.name)));
    }
    let encoded = encode(&tokenizer.tokenizer, rows, max_length)?;
    let labels: Vec<u32> = rows.iter().map(|row| row.label).collect();

    let data_hash = opened.dataset.content_hash();
    let spec = json!({
        "schema": 1,
        "model": source.name,
        "dataset": opened.dataset.name,
        "split": split.name(),
        "n_rows": rows.len(),
        "max_length": max_length,
        "batch_size": args.batches.batch_size,
        "n_flips": args.flips,
        "seed": args.seed,
        "device": device_name,
        "hashes": {"weights": weights_hash, "data": data_hash},
    });
    let out = args.out.clone().unwrap_or_else(|| {
        let id = hex::encode(Sha256::digest(spec.to_string()));
        PathBuf::from("runs").join(format!("census-{}", &id[..12]))
    });
    let mut log = Log::open(&out, &spec, &sample).context("--out")?;

    let interrupt = Interrupt::install()?;
    let started = Instant::now();
    let mut held_out = HeldOut::new(
        &config,
        checkpoint.parameters,
        &kernels,
        &encoded.examples,
        args.batches.batch_size,
        MEMORY_BYTES,
    )?;
    let healthy = Answers::of(held_out.healthy(), &labels);
    say!("without a flip: accuracy {:.1} % on {} rows", 100.0 * healthy.accuracy(), healthy.n);
    let first = log.answers.len();
    let mut bar = Progress::resumed("flipping bits", sample.flips.len(), first);
    for (index, flip) in sample.flips.iter().enumerate().skip(first) {
        if interrupt.is_requested() {
            return Err(interrupted(anyhow!(
                "interrupted after {index} of {} flips; repeat the command with --out {} to go on from there",
                sample.flips.len(),
                out.display()
            )));
        }
        let flipped = held_out.flip(flip.path, flip.weight)?;
        let answers = Answers::of(&flipped.logits, &labels);
        log.append(&FlipLine::new(index, flip, &sample, &config, flipped.values, answers, healthy), answers)?;
        bar.advance(rows.len(), 0);
    }
    let wall_secs = started.elapsed().as_secs_f64();
    bar.finish(&format!("done in {wall_secs:.0} s"));

    let summary = Summary::new(&sample, &log.answers, healthy)?;
    let lines: Vec<FlipLine> = crate::run_dir::metrics::read(&log.path)?;
    let n_flips_now = sample.flips.len() - first;
    let value = json!({
        "spec": spec,
        "healthy": {"accuracy": healthy.accuracy(), "n": healthy.n, "n_correct": healthy.n_correct},
        "summary": summary,
        "intervals": INTERVALS,
        "worst": file::worst(&lines),
        "flips": log.path,
        "wall_secs": wall_secs,
        "n_flips_this_process": n_flips_now,
        "provenance": {"model": source.fetched_from, "dataset": fetched_from},
    });
    write_results(&out, &value, &summary)?;
    if args.json {
        print_json(&value)?;
    } else {
        print(&words::tables(&summary))?;
        print(&words::findings(&summary, &lines, &out))?;
    }
    Ok(ExitCode::Ok)
}

fn write_results(out: &Path, value: &Value, summary: &Summary) -> anyhow::Result<()> {
    for figure in words::figures(summary) {
        let svg = report::drawing(&figure);
        atomic::write_file(&out.join(format!("{}.svg", figure.id)), svg.as_bytes()).context("--out")?;
    }
    atomic::write_json(&out.join("census.json"), value).context("--out")
}
