//! `bert-heal run`: one cell of the experiment.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use shared::record::{Interval, ModelResult, RunRecord, RunStatus};
use shared::statistics::wilson;

use crate::cli::run::RunArgs;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupt;
use crate::output::{print, print_json};
use crate::run_dir::RunDir;
use crate::runner::{self, BatchDump, Prepared, RunRequest};

/// Confidence of the accuracies' intervals.
const LEVEL: f64 = 0.95;

/// Runs the command and says how it ended.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    args.device.check()?;
    let mut training = args.training.training_args(args.device.dtype.into());
    training.max_length = args.dataset.max_length(args.training.max_length);
    let prepared = Prepared::new(RunRequest {
        model: &args.model,
        dataset: &args.dataset,
        corruption: args.corrupt.as_deref().map(|plan| (args.protocol.into(), plan)),
        training,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        save_steps: args.save_steps,
        dump: args.dump_batches.clone().map(BatchDump::new).transpose()?,
    })?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(prepared.spec.id().as_str()));
    let run_dir = RunDir::open(&path, &prepared.spec)?;
    let interrupt = Interrupt::install()?;
    let record = runner::run(&prepared, &run_dir, &interrupt)?;
    if args.json {
        print_json(&record)?;
    } else {
        print(&summary(&record, &path.display().to_string()))?;
    }
    Ok(match record.status {
        RunStatus::Ok => ExitCode::Ok,
        RunStatus::Failed { .. } => ExitCode::CellsFailed,
    })
}

/// The record for people.
pub(super) fn summary(record: &RunRecord, path: &str) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["model", "accuracy", "95 % interval", "macro-F1", "loss", "rows"]);
    let models = [("healthy", &record.healthy), ("corrupted", &record.corrupted), ("healed", &record.healed)];
    for (name, result) in models {
        if let Some(result) = result {
            table.add_row(row(name, result));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![table.to_string()];
    if let Some(recovery) = &record.recovery {
        let value = recovery.value.map_or("undefined".into(), |value| format!("{:.1} %", 100.0 * value));
        let interval = recovery.interval.map_or(String::new(), |i| range(&i, 100.0, "%"));
        let note = recovery.note.as_ref().map_or(String::new(), |note| format!("; {note}"));
        lines.push(format!("recovery  {value}{interval}{note}"));
    }
    if let Some(deficit) = &record.deficit {
        lines.push(format!("deficit   {:.1} points{}", deficit.points, range(&deficit.interval, 1.0, "points")));
    }
    if record.deficit.is_some() {
        lines.push("One seed: the intervals are over rows alone and say nothing about other seeds.".into());
    }
    if let RunStatus::Failed { phase, step, learning_rate, reason } = &record.status {
        lines.push(format!(
            "FAILED in fine-tuning the {} model: {reason} at step {step} (learning rate {learning_rate:e})",
            phase.as_str()
        ));
    }
    if let Some(speed) = record.train.samples_per_sec {
        lines.push(format!("training  {} steps, {:.0} s, {speed:.1} samples/s", record.train.steps, record.train.secs));
    }
    lines.push(format!("kept in   {path}"));
    lines.join("\n")
}

fn row(name: &str, result: &ModelResult) -> [String; 6] {
    let rows = match result.n_non_finite {
        0 => result.n.to_string(),
        n => format!("{} ({n} not finite)", result.n),
    };
    let n = result.n as u64;
    // Of a record that was written by hand there may be none.
    let interval = wilson((result.accuracy * n as f64).round() as u64, n, LEVEL)
        .map_or("–".into(), |estimate| format!("{:.1} to {:.1} %", 100.0 * estimate.low, 100.0 * estimate.high));
    let loss = if result.loss.is_finite() { format!("{:.4}", result.loss) } else { "not finite".into() };
    [
        name.to_owned(),
        format!("{:.1} %", 100.0 * result.accuracy),
        interval,
        format!("{:.1} %", 100.0 * result.macro_f1),
        loss,
        rows,
    ]
}

fn range(interval: &Interval, factor: f64, unit: &str) -> String {
    format!(
        " ({:.0} % interval {:.1} to {:.1} {unit})",
        100.0 * interval.level,
        factor * interval.low,
        factor * interval.high
    )
}
