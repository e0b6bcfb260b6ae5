//! `bert-heal run`: one cell of the experiment.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use shared::Condition;
use shared::record::{ModelResult, RunRecord, RunStatus};
use shared::statistics::{Interval, wilson};

use crate::cli::run::RunArgs;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupt;
use crate::output::{print, print_json};
use crate::report::words;
use crate::run_dir::RunDir;
use crate::runner::{self, BatchDump, Prepared, RunRequest};

/// Confidence of the accuracies' intervals.
const LEVEL: f64 = 0.95;

/// Runs the command and says how it ended.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    args.device.check()?;
    let training = args.training.training_args(args.device.dtype.into());
    let prepared = Prepared::new(RunRequest {
        model: &args.model,
        dataset: &args.dataset,
        corruption: args.corrupt.as_deref().map(|plan| (args.protocol.into(), plan)),
        training,
        max_length: args.training.max_length,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        save_steps: args.save_steps,
        dump: args.dump_batches.clone().map(BatchDump::new).transpose()?,
    })?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(prepared.spec.id().as_str()));
    let run_dir = RunDir::open(&path, &prepared.spec, &prepared.numerics)?;
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
    table.set_header(["model", "accuracy", "95 % interval", "macro-F1", "loss", "largest class", "rows"]);
    for condition in [Condition::Healthy, Condition::Corrupted, Condition::Healed] {
        if let Some(result) = record.result(condition) {
            table.add_row(row(condition.as_str(), result));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![table.to_string()];
    if let Some(control) = &record.control {
        let Interval { low, high, .. } = accuracy_interval(control);
        lines.push(format!(
            "control   {:.1} % ({:.0} % interval {:.1} to {:.1} %): the healthy model {}",
            100.0 * control.accuracy,
            100.0 * LEVEL,
            100.0 * low,
            100.0 * high,
            words::control_budget(&record.spec.training)
        ));
    }
    if let Some(recovery) = &record.recovery {
        let value = recovery.value.map_or("undefined".into(), |value| format!("{:.1} %", 100.0 * value));
        let interval = recovery.interval.map_or(String::new(), |i| range(&i, 100.0, "%"));
        let note = recovery.note.as_ref().map_or(String::new(), |note| format!("; {note}"));
        lines.push(format!("recovery  {value}{interval} against the {}{note}", recovery.reference));
    }
    if let Some(kept) = words::share_kept(record) {
        lines.push(format!("kept      {kept}"));
    }
    if let Some(deficit) = &record.deficit {
        let interval = range(&deficit.interval, 1.0, "points");
        lines.push(format!("deficit   {:.1} points{interval} against the {}", deficit.points, deficit.reference));
    }
    lines.extend(words::one_seed(record));
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

fn row(name: &str, result: &ModelResult) -> [String; 7] {
    let Interval { low, high, .. } = accuracy_interval(result);
    let loss = if result.loss.is_finite() { format!("{:.4}", result.loss) } else { "not finite".into() };
    [
        name.to_owned(),
        format!("{:.1} %", 100.0 * result.accuracy),
        format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high),
        format!("{:.1} %", 100.0 * result.macro_f1),
        loss,
        result.largest_class_share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share)),
        result.rows_in_words(),
    ]
}

/// Wilson's interval over rows. A record that was written by hand may have no rows; all is possible then.
fn accuracy_interval(result: &ModelResult) -> Interval {
    let n = result.n as u64;
    wilson((result.accuracy * n as f64).round() as u64, n, LEVEL)
        .map_or(Interval { low: 0.0, high: 1.0, level: LEVEL }, |estimate| estimate.interval)
}

fn range(interval: &Interval, factor: f64, unit: &str) -> String {
    format!(
        " ({:.0} % interval {:.1} to {:.1} {unit})",
        100.0 * interval.level,
        factor * interval.low,
        factor * interval.high
    )
}
