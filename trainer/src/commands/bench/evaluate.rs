//! `bert-heal bench evaluate`.

use std::time::Instant;

use candle_core::DType;
use serde_json::json;
use shared::model::TextClassifier;
use shared::nn::Kernels;
use shared::seed::Seed;
use shared::training::Precision;

use super::{compare, median};
use crate::cli::bench::BenchEvaluateArgs;
use crate::datasets::Purpose;
use crate::device;
use crate::environment::{environment, peak_rss_mib};
use crate::exit_code::ExitCode;
use crate::models::ModelSource;
use crate::output::{print, print_json};
use crate::runner::{encode, predictions_of};

pub(super) fn run(args: &BenchEvaluateArgs) -> anyhow::Result<ExitCode> {
    args.device.check()?;
    let (device, device_name) = device::open(args.device.device)?;
    let source = ModelSource::open(&args.model.model, None, args.model.init.random_init)?;
    let max_length = args.dataset.max_length(args.batches.max_length);
    crate::runner::check_length(max_length, &source.config)?;
    let (opened, _) = args.dataset.open(Purpose::Evaluate, Seed(0), None)?;
    let texts: Vec<&str> = opened.dataset.train.iter().map(|example| example.text.as_str()).collect();
    let tokenizer = source.tokenizer(&texts)?;
    let checkpoint = source.load(Some(opened.dataset.label_names.clone()), Seed(0), &device)?;
    let config = &checkpoint.config;
    let kernels = Kernels::for_device(&device);
    let model = TextClassifier::for_evaluation(config, &checkpoint.parameters, &kernels, DType::F32)?;
    let rows = encode(&tokenizer.tokenizer, opened.dataset.split(opened.report_split), max_length)?;
    let n_tokens: usize = rows.examples.iter().map(|example| example.input_ids.len()).sum();
    let measure = || {
        let started = Instant::now();
        predictions_of(&model, &rows, args.batches.batch_size, config.pad_token_id, |_| {})?;
        Ok(started.elapsed().as_secs_f64())
    };
    measure()?; // warms up
    let (ours, theirs) = compare::in_turn(args.output.compare.as_deref(), measure)?;
    let secs = median(ours);
    let samples_per_sec = rows.examples.len() as f64 / secs;
    let mut value = json!({
        "evaluate": {
            "samples": rows.examples.len(), "secs": secs, "samples_per_sec": samples_per_sec,
            "tokens_per_sec": n_tokens as f64 / secs,
        },
        "peak_rss_mib": peak_rss_mib(),
        "environment": environment(&device_name, Precision::F32),
    });
    let mut text = format!("{samples_per_sec:.1} samples/s, {:.0} tokens/s", n_tokens as f64 / secs);
    if !theirs.is_empty() {
        let other = median(theirs.iter().filter_map(|v| compare::number(v, "eval", "samples_per_sec")).collect());
        let ratio = samples_per_sec / other;
        text = format!("{text}\nagainst the other program: {ratio:.2} × its samples/s");
        value["compare"] = json!({"samples_per_sec_ratio": ratio, "theirs": theirs});
    }
    if args.output.json {
        print_json(&value)?;
    } else {
        print(&text)?;
    }
    Ok(ExitCode::Ok)
}
