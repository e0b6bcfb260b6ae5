//! `bert-heal bench train`.

use std::time::Instant;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use shared::checkpoint::OtherClasses;
use shared::record::{BenchThroughput, BenchTime, BenchTrain};
use shared::training::StepPart;

use super::compare::{self, BenchOutputFlags};
use crate::commands::device_flags::DeviceFlags;
use crate::commands::input_flags::{DatasetFlags, ModelFlags};
use crate::commands::training_flags::{SeedFlags, TrainingFlags};
use crate::environment::{environment, peak_rss_mib};
use crate::estimate;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::{print, print_json};
use crate::runner::{Models, Prepared, RunRequest};

/// Steps that `bench train` times without `--max-steps`.
const TIMED_STEPS: usize = 30;

/// Flags of `bench train`; without `--max-steps` it times [`TIMED_STEPS`] steps.
#[derive(Args, Clone, Debug)]
pub struct BenchTrainArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    #[command(flatten)]
    pub training: TrainingFlags,

    #[command(flatten)]
    pub seeds: SeedFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

/// Steps that warm up caches, allocator and threads.
const WARM_UP_STEPS: usize = 3;

pub(super) fn run(args: &BenchTrainArgs) -> anyhow::Result<ExitCode> {
    let mut training = args.training.training_args(args.device.precision()?);
    let n_steps = *training.max_steps.get_or_insert(WARM_UP_STEPS + TIMED_STEPS);
    if n_steps <= WARM_UP_STEPS {
        return Err(bad_input(anyhow!(
            "--max-steps {n_steps}: expected more than {WARM_UP_STEPS}, since the first {WARM_UP_STEPS} steps are not \
             timed"
        )));
    }
    let prepared = Prepared::new(RunRequest {
        model: &args.model.model,
        weights: args.model.init.weights(),
        other_classes: OtherClasses::default(),
        dataset: &args.dataset.request(),
        corruption: None,
        training,
        max_length: args.training.max_length,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        activations: args.training.recompute.activations(),
        save_steps: usize::MAX,
        dump: None,
        models: Models::Keep,
    })?;
    let rounds = compare::in_turn(&args.output, || measure(&prepared))?;
    let other_rate = compare::matmul_flops_per_sec(&args.output)?;
    // The run in the middle, not the best one.
    let mut by_speed: Vec<&BenchTrain> = rounds.ours.iter().collect();
    by_speed.sort_by(|a, b| a.train.tokens_per_sec.total_cmp(&b.train.tokens_per_sec));
    let middle = by_speed.get(by_speed.len() / 2).ok_or_else(|| anyhow!("nothing was measured"))?;
    let mut result = (*middle).clone();
    result.matmul_flops_per_sec = result.matmul_flops_per_sec.max(other_rate.unwrap_or(0.0));
    result.matmul_share = result.flops_per_sec / result.matmul_flops_per_sec;
    let mut value = serde_json::to_value(&result)?;
    let mut lines = vec![describe(&result)];
    if !rounds.theirs.is_empty() {
        let speed = rounds.ours(|r| r.train.tokens_per_sec) / rounds.theirs("train", "tokens_per_sec")?;
        let memory = rounds.ours(|r| r.peak_rss_mib.unwrap_or(f64::NAN)) / rounds.theirs("peak", "rss_mib")?;
        lines.push(format!("against the other program: {speed:.2} × its tokens/s, {memory:.2} × its memory"));
        value["compare"] = json!({
            "tokens_per_sec_ratio": finite(speed),
            "peak_rss_ratio": finite(memory),
            "matmul_flops_per_sec": other_rate,
            "theirs": rounds.theirs,
            "ours": rounds.ours,
        });
    }
    if args.output.json {
        print_json(&value)?;
    } else {
        print(&lines.join("\n"))?;
    }
    Ok(ExitCode::Ok)
}

/// The figures for people.
fn describe(bench: &BenchTrain) -> String {
    let BenchTrain { train, time, .. } = bench;
    let part = |secs: f64| 100.0 * secs / train.secs;
    format!(
        "{:.1} samples/s, {:.0} tokens/s, {:.0} MiB at peak\n{:.1} GFLOP/s for the model's own arithmetic, {:.0} % of \
         the {:.0} GFLOP/s that a matrix product reaches here\ntime: forward {:.0} %, backward {:.0} %, optimiser \
         {:.0} %, data {:.1} %",
        train.samples_per_sec,
        train.tokens_per_sec,
        bench.peak_rss_mib.unwrap_or(f64::NAN),
        bench.flops_per_sec / 1e9,
        100.0 * bench.matmul_share,
        bench.matmul_flops_per_sec / 1e9,
        part(time.forward_secs),
        part(time.backward_secs),
        part(time.optimizer_secs),
        part(time.data_secs),
    )
}

fn finite(x: f64) -> Value {
    if x.is_finite() { x.into() } else { Value::Null }
}

fn measure(prepared: &Prepared) -> anyhow::Result<BenchTrain> {
    let rate = estimate::matmul_flops_per_sec(prepared.kernels().factors);
    let mut fine_tuning = prepared.fine_tuning(prepared.load()?)?;
    for _ in 0..WARM_UP_STEPS {
        fine_tuning.step()?;
    }
    let (mut n_rows, mut n_tokens, mut flops) = (0, 0, 0.0);
    let mut time = BenchTime::default();
    let started = Instant::now();
    while fine_tuning.steps_done() < fine_tuning.n_steps() {
        let mut last = Instant::now();
        let batches = fine_tuning.next_batches();
        time.data_secs += last.elapsed().as_secs_f64();
        last = Instant::now();
        let report = fine_tuning.step_on(batches, &mut |part| {
            let secs = match part {
                StepPart::Forward => &mut time.forward_secs,
                StepPart::Backward => &mut time.backward_secs,
                StepPart::Optimizer => &mut time.optimizer_secs,
            };
            *secs += last.elapsed().as_secs_f64();
            last = Instant::now();
        })?;
        n_rows += report.n_rows;
        n_tokens += report.n_tokens;
        for micro in &report.batches {
            let batch = &micro.batch;
            // Padding is computed and not counted.
            let real_length = batch.n_tokens() / batch.n_rows.max(1);
            flops += estimate::step_flops(&prepared.config, &prepared.kernels(), batch.n_rows, real_length);
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
        time,
        flops_per_sec: flops / secs,
        matmul_flops_per_sec: rate,
        matmul_share: flops / secs / rate,
        peak_rss_mib: peak_rss_mib(),
        environment: environment(&prepared.device_name, prepared.spec.training.dtype),
    })
}
