//! `bert-heal evaluate`: a fine-tuned model on a dataset.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use candle_core::DType;
use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::dataset::Split;
use shared::evaluation::{confusion, evaluate};
use shared::model::TextClassifier;
use shared::random::Seed;
use shared::statistics::wilson;

use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::{BatchFlags, DatasetFlags, WhichFlag};
use super::training_flags::SplitSeedFlag;
use crate::atomic;
use crate::exit_code::{ExitCode, bad_input};
use crate::open_dataset::{Purpose, RowSeeds};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::run_dir::predictions;
use crate::runner::{encode, max_length, predictions_of};
use crate::say;

const EXAMPLES: &str = "\
Examples:
  bert-heal evaluate --model runs/3f2a91c07b5e --dataset trec6/
  bert-heal evaluate --model my-checkpoint/ --dataset sst2/ --split validation --json";

/// Measure a fine-tuned model on a dataset
///
/// Prints accuracy, macro-F1 and loss, and keeps the per-example predictions in --out.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub model: String,

    #[command(flatten)]
    pub which: WhichFlag,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// Split to evaluate on [default: test if it has labels, else validation]
    #[arg(long, value_parser = flag_values::split(), help_heading = "Model and data")]
    pub split: Option<Split>,

    /// Seed for the rows that --train-limit keeps; use that of the run that trained on them
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed_data: u64,

    #[command(flatten)]
    pub split_seed: SplitSeedFlag,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for the predictions [default: runs/evaluate-<id of the model and the data>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the figures as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Confidence of the interval around the accuracy.
const LEVEL: f64 = 0.95;

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let (device, _, kernels) = args.device.open()?;
    let dataset = args.dataset.request();
    let source = ModelSource::open(&args.model, args.which.which, Weights::Read)?;
    let max_length = max_length(args.batches.max_length, source.max_length, dataset.usual_length(), &source.config)?;
    let tokenizer = source.tokenizer(&[])?;
    // Without labels of the dataset: a head created on the spot would be judged as if it had been trained.
    let checkpoint = source.load(None, Seed(0), &device)?;
    let weights_hash = checkpoint.weights_hash.as_deref().ok_or_else(|| anyhow!("the weights were not hashed"))?;
    let own_names = Some(checkpoint.config.label_names.clone());
    let seeds = RowSeeds { train: Seed(args.seed_data), split: args.split_seed.seed() };
    let (opened, fetched_from) = dataset.open(Purpose::Evaluate, seeds, own_names)?;
    let opened =
        opened.matched_with(&checkpoint.config.label_names, &format!("model {}", source.name)).map_err(bad_input)?;
    for note in opened.notes.iter().chain(&tokenizer.note).chain(&checkpoint.notes) {
        say!("note: {note}");
    }
    let split = args.split.unwrap_or(opened.report_split);
    let rows = opened.dataset.split(split);
    if rows.is_empty() {
        return Err(bad_input(anyhow!("dataset {} has no {split} rows", opened.dataset.name)));
    }
    let encoded = encode(&tokenizer.tokenizer, rows, max_length)?;
    let model = TextClassifier::for_evaluation(&checkpoint.config, &checkpoint.parameters, &kernels, DType::F32)?;
    let mut bar = Progress::phase(&format!("evaluating on {split}"), rows.len().div_ceil(args.batches.batch_size));
    let pad_token_id = checkpoint.config.pad_token_id;
    let predictions = predictions_of(&model, &encoded, args.batches.batch_size, pad_token_id, |n| bar.advance(n, 0))?;
    bar.finish("done");
    let metrics = evaluate(&predictions, checkpoint.config.label_names.len())?;
    let n_right = predictions.iter().filter(|prediction| prediction.is_correct()).count();
    let interval = wilson(n_right as u64, metrics.n as u64, LEVEL)?.interval;

    let out = args.out.clone().unwrap_or_else(|| {
        let key = format!("{weights_hash}{}{split}", opened.dataset.content_hash());
        let id = hex::encode(Sha256::digest(key));
        PathBuf::from("runs").join(format!("evaluate-{}", &id[..12]))
    });
    let predictions_path = out.join("predictions.jsonl.zst");
    predictions::write(&predictions_path, &predictions).context("--out")?;
    let value = json!({
        "model": source.name,
        "dataset": opened.dataset.name,
        "split": split.name(),
        "accuracy": metrics.accuracy,
        "accuracy_interval": {"low": interval.low, "high": interval.high, "level": interval.level},
        "macro_f1": metrics.macro_f1,
        "loss": metrics.loss,
        "expected_calibration_error": metrics.expected_calibration_error,
        "n": metrics.n,
        "n_non_finite": metrics.n_non_finite,
        "n_saturated": metrics.n_saturated,
        "max_length": max_length,
        "n_cut": encoded.n_cut,
        "largest_class_share": metrics.largest_class_share,
        "confusion": confusion(&predictions, checkpoint.config.label_names.len())?,
        "labels": checkpoint.config.label_names,
        "predictions": predictions_path,
        "hashes": {"weights": weights_hash, "data": opened.dataset.content_hash()},
        "provenance": {"model": source.fetched_from, "dataset": fetched_from},
    });
    atomic::write_json(&out.join("evaluation.json"), &value)?;
    if args.json {
        print_json(&value)?;
    } else {
        let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
        print(&format!(
            "accuracy  {} (95 % interval {} to {})\nmacro-F1  {}\nloss      {}\nlargest   {} of the rows were assigned \
             to one class\nrows      {} of {split}, {} of them truncated to {max_length} tokens\nkept in   {}",
            percent(metrics.accuracy),
            percent(interval.low),
            percent(interval.high),
            percent(metrics.macro_f1),
            metrics.loss.map_or("not finite".into(), |loss| format!("{loss:.4}")),
            metrics.largest_class_share.map_or("none".into(), percent),
            metrics.rows_in_words(),
            encoded.n_cut,
            out.display()
        ))?;
    }
    Ok(ExitCode::Ok)
}
