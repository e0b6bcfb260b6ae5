//! `bert-heal bench evaluate`.

use std::time::Instant;

use candle_core::DType;
use clap::Args;
use serde_json::json;
use shared::dataset::{EncodedExample, Example};
use shared::model::TextClassifier;
use shared::nn::Factors;
use shared::random::Seed;
use shared::training::Precision;

use super::compare::{self, BenchOutputFlags};
use crate::commands::device_flags::DeviceFlags;
use crate::commands::input_flags::{BatchFlags, DatasetFlags, ModelFlags};
use crate::environment::{environment, peak_rss_mib};
use crate::estimate;
use crate::exit_code::ExitCode;
use crate::open_dataset::{Purpose, RowSeeds};
use crate::open_model::ModelSource;
use crate::output::{print, print_json};
use crate::runner::{encode, max_length, predictions_of};
use crate::say;

/// Flags of `bench evaluate`.
#[derive(Args, Clone, Debug)]
pub struct BenchEvaluateArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

pub(super) fn run(args: &BenchEvaluateArgs) -> anyhow::Result<ExitCode> {
    let (device, device_name, kernels) = args.device.open()?;
    // A GPU evaluates in f32.
    let precision = if kernels.factors == Factors::Bf16 { Precision::Bf16 } else { Precision::F32 };
    let dataset = args.dataset.request();
    let source = ModelSource::open(&args.model.model, None, args.model.init.weights())?;
    let max_length = max_length(args.batches.max_length, source.max_length, dataset.usual_length(), &source.config)?;
    let (opened, _) = dataset.open(Purpose::Evaluate, RowSeeds::default(), None)?;
    let texts: Vec<&str> = opened.dataset.train.iter().flat_map(Example::texts).collect();
    let tokenizer = source.tokenizer(&texts)?;
    let checkpoint = source.load(Some(opened.dataset.label_names.clone()), Seed(0), &device)?;
    let config = &checkpoint.config;
    let model = TextClassifier::for_evaluation(config, &checkpoint.parameters, &kernels, DType::F32)?;
    let rows = encode(&tokenizer.tokenizer, opened.dataset.split(opened.report_split), max_length)?;
    if let Some(cuts) = rows.cuts_in_words(opened.report_split.name(), max_length) {
        say!("note: {cuts}");
    }
    let n_tokens: usize = rows.examples.iter().map(|example| example.input_ids.len()).sum();
    let measure = || {
        let started = Instant::now();
        predictions_of(&model, &rows, args.batches.batch_size, config.pad_token_id, |_| {})?;
        Ok(started.elapsed().as_secs_f64())
    };
    measure()?; // warms up
    let rounds = compare::in_turn(&args.output, measure)?;
    let rate = estimate::matmul_flops_per_sec(kernels.factors)
        .max(compare::matmul_flops_per_sec(&args.output)?.unwrap_or(0.0));
    let secs = rounds.ours(|secs| *secs);
    let of_row = |row: &EncodedExample| estimate::forward_flops(config, &kernels, 1, row.input_ids.len());
    let flops_per_sec = rows.examples.iter().map(of_row).sum::<f64>() / secs;
    let samples_per_sec = rows.examples.len() as f64 / secs;
    let mut value = json!({
        "evaluate": {
            "samples": rows.examples.len(), "secs": secs, "samples_per_sec": samples_per_sec,
            "tokens_per_sec": n_tokens as f64 / secs,
        },
        "flops_per_sec": flops_per_sec,
        "matmul_flops_per_sec": rate,
        "matmul_share": flops_per_sec / rate,
        "peak_rss_mib": peak_rss_mib(),
        "environment": environment(&device_name, precision),
    });
    let mut text = format!(
        "{samples_per_sec:.1} samples/s, {:.0} tokens/s, {:.0} % of the {:.0} GFLOP/s that a matrix product reaches \
         here",
        n_tokens as f64 / secs,
        100.0 * flops_per_sec / rate,
        rate / 1e9
    );
    if !rounds.theirs.is_empty() {
        let ratio = samples_per_sec / rounds.theirs("eval", "samples_per_sec")?;
        text = format!("{text}\nagainst the other program: {ratio:.2} × its samples/s");
        value["compare"] = json!({"samples_per_sec_ratio": ratio, "ours_secs": rounds.ours, "theirs": rounds.theirs});
    }
    if args.output.json {
        print_json(&value)?;
    } else {
        print(&text)?;
    }
    Ok(ExitCode::Ok)
}
