//! `bert-heal bench corrupt`.

use std::time::Instant;

use anyhow::{Context, anyhow};
use candle_core::Device;
use clap::Args;
use serde_json::json;
use shared::corruption::Plan;
use shared::random::Seed;

use super::compare::{BenchOutputFlags, median};
use crate::commands::flag_values;
use crate::commands::input_flags::ModelFlags;
use crate::exit_code::{ExitCode, bad_input};
use crate::open_model::ModelSource;
use crate::output::{print, print_json};

/// Flags of `bench corrupt`.
#[derive(Args, Clone, Debug)]
pub struct BenchCorruptArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    /// Take the classifier's number of labels from this dataset [default: 2 labels]
    #[arg(long, value_name = "DATASET", help_heading = "Model and data")]
    pub dataset: Option<String>,

    /// The plan to apply
    #[arg(long, value_name = "PLAN", default_value = "kaiming@all", help_heading = "Corruption")]
    pub corrupt: String,

    /// How many times to apply it
    #[arg(long, value_name = "N", default_value = "5", value_parser = flag_values::count, help_heading = "Corruption")]
    pub repeat: usize,

    #[command(flatten)]
    pub output: BenchOutputFlags,
}

pub(super) fn run(args: &BenchCorruptArgs) -> anyhow::Result<ExitCode> {
    if args.output.compare.is_some() {
        return Err(bad_input(anyhow!("--compare works only with bench train and bench evaluate")));
    }
    let plan = Plan::parse(&args.corrupt).map_err(bad_input).context("--corrupt")?;
    let source = ModelSource::open(&args.model.model, None, args.model.init.weights())?;
    let labels = vec!["LABEL_0".to_owned(), "LABEL_1".to_owned()];
    let mut checkpoint = source.load(Some(labels), Seed(0), &Device::Cpu)?;
    let plan = plan.resolve_for(&checkpoint.config).map_err(bad_input).context("--corrupt")?;
    let (mut secs, mut copy_secs, mut n_values) = (Vec::new(), Vec::new(), 0);
    for seed in 0..args.repeat as u64 {
        let started = Instant::now();
        let touched = plan.touched();
        let copies = touched
            .iter()
            .map(|path| Ok(checkpoint.parameters.get_detached(*path)?.copy()?))
            .collect::<anyhow::Result<Vec<_>>>()?;
        copy_secs.push(started.elapsed().as_secs_f64());
        drop(copies);
        let started = Instant::now();
        n_values = checkpoint.parameters.corrupt(&plan, Seed(seed))?.totals.n_selected;
        secs.push(started.elapsed().as_secs_f64());
    }
    let (secs, copy_secs) = (median(secs), median(copy_secs));
    if args.output.json {
        print_json(&json!({
            "corrupt": {"values": n_values, "secs": secs, "values_per_sec": n_values as f64 / secs},
            "copy_secs": copy_secs, "ratio_to_copy": secs / copy_secs,
        }))?;
    } else {
        print(&format!(
            "{:.1} M values in {:.3} s ({:.0} M values/s), {:.1} × the time it takes to copy them",
            n_values as f64 / 1e6,
            secs,
            n_values as f64 / secs / 1e6,
            secs / copy_secs
        ))?;
    }
    Ok(ExitCode::Ok)
}
