//! `bert-heal bench train`.

use std::time::Instant;

use anyhow::anyhow;
use serde_json::{Value, json};
use shared::record::{BenchThroughput, BenchTrain};

use super::{compare, median};
use crate::cli::bench::{BenchTrainArgs, TIMED_STEPS};
use crate::environment::{environment, peak_rss_mib};
use crate::estimate;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::{print, print_json};
use crate::runner::{Prepared, RunRequest};

/// Steps that warm up caches, allocator and threads.
const WARM_UP_STEPS: usize = 3;

pub(super) fn run(args: &BenchTrainArgs) -> anyhow::Result<ExitCode> {
    args.device.check()?;
    let mut training = args.training.training_args(args.device.dtype.into());
    training.max_length = args.dataset.max_length(args.training.max_length);
    let n_steps = *training.max_steps.get_or_insert(WARM_UP_STEPS + TIMED_STEPS);
    if n_steps <= WARM_UP_STEPS {
        return Err(bad_input(anyhow!("--max-steps {n_steps}: the first {WARM_UP_STEPS} steps are not timed")));
    }
    let prepared = Prepared::new(RunRequest {
        model: &args.model,
        dataset: &args.dataset,
        corruption: None,
        training,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        save_steps: usize::MAX,
        dump: None,
    })?;
    let (ours, theirs) = compare::in_turn(args.output.compare.as_deref(), || measure(&prepared))?;
    let middle = |of: fn(&BenchTrain) -> f64| median(ours.iter().map(of).collect());
    let result = ours.iter().max_by(|a, b| a.train.tokens_per_sec.total_cmp(&b.train.tokens_per_sec));
    let mut value = serde_json::to_value(result)?;
    let mut lines = vec![format!(
        "{:.1} samples/s, {:.0} tokens/s, {:.0} % of the matrix-product rate, {:.0} MiB at peak",
        middle(|r| r.train.samples_per_sec),
        middle(|r| r.train.tokens_per_sec),
        100.0 * middle(|r| r.matmul_share),
        middle(|r| r.peak_rss_mib.unwrap_or(f64::NAN)),
    )];
    if !theirs.is_empty() {
        let theirs_of = |section: &str, field: &str| {
            median(theirs.iter().filter_map(|value| compare::number(value, section, field)).collect())
        };
        let speed = middle(|r| r.train.tokens_per_sec) / theirs_of("train", "tokens_per_sec");
        let memory = middle(|r| r.peak_rss_mib.unwrap_or(f64::NAN)) / theirs_of("peak", "rss_mib");
        lines.push(format!("against the other program: {speed:.2} × its tokens/s, {memory:.2} × its memory"));
        value["compare"] = json!({
            "tokens_per_sec_ratio": finite(speed), "peak_rss_ratio": finite(memory), "theirs": theirs, "ours": ours,
        });
    }
    if args.output.json {
        print_json(&value)?;
    } else {
        print(&lines.join("\n"))?;
    }
    Ok(ExitCode::Ok)
}

fn finite(x: f64) -> Value {
    if x.is_finite() { x.into() } else { Value::Null }
}

fn measure(prepared: &Prepared) -> anyhow::Result<BenchTrain> {
    let rate = estimate::matmul_flops_per_sec()?;
    let mut fine_tuning = prepared.fine_tuning(prepared.load()?.parameters)?;
    for _ in 0..WARM_UP_STEPS {
        fine_tuning.step()?;
    }
    let (mut n_rows, mut n_tokens, mut flops) = (0, 0, 0.0);
    let started = Instant::now();
    while fine_tuning.steps_done() < fine_tuning.n_steps() {
        let report = fine_tuning.step()?;
        n_rows += report.n_rows;
        n_tokens += report.n_tokens;
        for micro in &report.batches {
            let batch = &micro.batch;
            // Padding is computed and not counted.
            let real_length = batch.n_tokens() / batch.n_rows.max(1);
            flops += estimate::step_flops(&prepared.config, batch.n_rows, real_length);
        }
    }
    let secs = started.elapsed().as_secs_f64();
    Ok(BenchTrain {
        train: BenchThroughput {
            steps: fine_tuning.n_steps() - WARM_UP_STEPS,
            secs,
            samples_per_sec: n_rows as f64 / secs,
            tokens_per_sec: n_tokens as f64 / secs,
        },
        peak_rss_mib: peak_rss_mib(),
        matmul_share: flops / secs / rate,
        environment: environment(&prepared.device_name, prepared.spec.training.dtype),
    })
}
