//! `bert-heal sweep plan`: a sweep's folder, for other machines to work on.

use std::time::Duration;

use clap::Args;
use indicatif::HumanDuration;
use serde_json::json;
use shared::Condition;

use super::experiment::{ExperimentFlags, Planned};
use crate::exit_code::ExitCode;
use crate::output::{print, print_json};
use crate::sweep::Forecast;

const EXAMPLES: &str = "\
Examples:
  bert-heal sweep plan trec6-levels.toml --out /shared/levels
  bert-heal sweep cell /shared/levels --stage healthy 0     on any machine, for 0, 1, …
  bert-heal sweep cell /shared/levels --stage control 0     then for these
  bert-heal sweep cell /shared/levels 0                     then for all cells
  bert-heal sweep collect /shared/levels";

/// Plan a sweep without running it, for a cluster
///
/// Writes the sweep's folder and prints how many tasks each stage has: healthy models, controls made of them, and cells.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    #[command(flatten)]
    pub experiment: ExperimentFlags,

    /// Print the numbers as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let plan = Planned::of(&args.experiment)?.accepted(args.experiment.accept)?;
    let stages = [
        ("healthy", plan.shared(Condition::Healthy).len()),
        ("control", plan.shared(Condition::Control).len()),
        ("cells", plan.cells().count()),
    ];
    if args.json {
        let stages: serde_json::Map<String, serde_json::Value> =
            stages.iter().map(|(stage, n)| ((*stage).to_owned(), json!(n))).collect();
        print_json(&json!({"sweep": plan.id, "name": plan.name, "folder": plan.folder.path(), "stages": stages}))?;
    } else {
        let stages: Vec<String> = stages.iter().map(|(stage, n)| format!("{n} {stage}")).collect();
        print(&format!("{}: planned, {}", plan.folder.path().display(), stages.join(", ")))?;
    }
    Ok(ExitCode::Ok)
}

/// The forecast for people.
pub(super) fn forecast_in_words(forecast: &Forecast, n_workers: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "to do     {} cells and {} shared models, {} optimiser steps; at most {:.3e} tokens, {:.2e} FLOP of training",
        forecast.n_cells, forecast.n_shared, forecast.n_steps, forecast.n_tokens, forecast.flop
    )];
    if let Some(secs) = forecast.secs {
        let duration = |secs: f64| HumanDuration(Duration::from_secs_f64(secs)).to_string();
        lines.push(format!(
            "time      about {} of one process, {} with {n_workers}; {}",
            duration(secs),
            duration(secs / n_workers as f64),
            forecast.secs_by
        ));
    }
    if let Some(memory) = forecast.memory_mib {
        lines.push(format!("memory    about {memory:.0} MiB for each of {n_workers} processes"));
    }
    if let Some(peak) = forecast.peak_disk_mib {
        lines.push(format!(
            "disk      at most {peak:.0} MiB while it runs, about {:.1} MiB after sweep clean",
            forecast.disk_mib
        ));
    }
    lines.extend(forecast.unknown.iter().map(|why| format!("unknown   {why}")));
    lines
}
