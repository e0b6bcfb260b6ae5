//! `bert-heal run`: one cell of the experiment.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use shared::Condition;
use shared::checkpoint::OtherClasses;
use shared::record::{ModelResult, Protocol, RunRecord, RunStatus};
use shared::statistics::{Interval, wilson};

use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::{DatasetFlags, ModelFlags};
use super::training_flags::{SeedFlags, TrainingFlags};
use crate::exit_code::ExitCode;
use crate::help;
use crate::interrupt::Interrupt;
use crate::output::{print, print_json};
use crate::report::words;
use crate::run_dir::RunDir;
use crate::runner::{self, BatchDump, Models, Prepared, RunRequest};

const EXAMPLES: &str = "\
Plans:
  kaiming@bottom:0.5                        re-initialise the lower half of the encoder layers
  kaiming@embeddings;kaiming@bottom:0.25    two steps, applied in order
  bitflip:1e-6,exponent@layers:0-2/attention.query
  gaussian:0.3@all;zero:0.1@top:0.5/ffn

Examples:
  bert-heal run --model all-MiniLM-L6-v2/ --dataset trec6/ --corrupt kaiming@bottom:0.5 --seed 1
  bert-heal run --model all-MiniLM-L6-v2/ --dataset trec6/ --epochs 1 --json > healthy.json
  bert-heal run --model bert-base --random-init --dataset trec6/ --max-steps 3

Repeat the same command to resume an interrupted run.";

/// Fine-tune a model with and without corruption, and compare
///
/// Fine-tunes the healthy model, corrupts a copy and fine-tunes it in the same way, and evaluates each model on the
/// test split (on validation if test has no labels). Without --corrupt there is only the healthy model. Everything is
/// kept in --out: the record run.json, metrics, per-example predictions and the checkpoints in Hugging Face's layout.
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{}\n\n{}\n\n{EXAMPLES}", help::schemes(), help::formats()))]
pub struct RunArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    /// Keep the model's head although its class names are not the dataset's, the first class for the first, and so on;
    /// otherwise a head for other classes is drawn anew
    #[arg(long, help_heading = "Model and data")]
    pub keep_head: bool,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// What to damage, and how; see below
    #[arg(long, value_name = "PLAN", help_heading = "Corruption")]
    pub corrupt: Option<String>,

    /// When to damage it
    #[arg(long, default_value = "pretrained", value_parser = flag_values::protocol(), help_heading = "Corruption")]
    pub protocol: Protocol,

    #[command(flatten)]
    pub training: TrainingFlags,

    #[command(flatten)]
    pub seeds: SeedFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Run folder [default: runs/<run id>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Save the training state every N steps and at least once a minute
    #[arg(long, value_name = "N", default_value = "50", value_parser = flag_values::count, help_heading = "Output")]
    pub save_steps: usize,

    /// Also write the initial checkpoint and the batches of the healthy fine-tuning to this folder, to replay them
    /// elsewhere
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub dump_batches: Option<PathBuf>,

    /// Print the record as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Confidence of the accuracies' intervals.
const LEVEL: f64 = 0.95;

/// Runs the command and says how it ended.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let training = args.training.training_args(args.device.precision()?);
    let prepared = Prepared::new(RunRequest {
        model: &args.model.model,
        weights: args.model.init.weights(),
        other_classes: if args.keep_head { OtherClasses::KeepByNumber } else { OtherClasses::DrawAnew },
        dataset: &args.dataset.request(),
        corruption: args.corrupt.as_deref().map(|plan| (args.protocol, plan)),
        training,
        max_length: args.training.max_length,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        activations: args.training.recompute.activations(),
        save_steps: args.save_steps,
        dump: args.dump_batches.clone().map(BatchDump::new).transpose()?,
        models: Models::Keep,
    })?;
    let (path, record) = carry_out(&prepared, args.out.as_deref())?;
    if args.json {
        print_json(&record)?;
    } else {
        print(&summary(&record, &path.display().to_string()))?;
    }
    Ok(ended(&record))
}

/// Carries a run out in its folder, `runs/<id of the run>` unless another is named.
pub(super) fn carry_out(prepared: &Prepared, out: Option<&Path>) -> anyhow::Result<(PathBuf, RunRecord)> {
    let path = out.map_or_else(|| Path::new("runs").join(prepared.spec.id().as_str()), Path::to_owned);
    let run_dir = RunDir::open(&path, &prepared.spec, &prepared.numerics)?;
    let record = runner::run(prepared, &run_dir, &Interrupt::install()?)?;
    Ok((path, record))
}

/// How a command of one run ends.
pub(super) fn ended(record: &RunRecord) -> ExitCode {
    match record.status {
        RunStatus::Ok => ExitCode::Ok,
        RunStatus::Failed { .. } => ExitCode::CellsFailed,
    }
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
            100.0 * control.metrics.accuracy,
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
            "FAILED while fine-tuning the {} model: {reason} at step {step} (learning rate {learning_rate:e})",
            phase.as_str()
        ));
    }
    if let (Some(secs), Some(speed)) = (record.train.secs, record.train.samples_per_sec) {
        lines.push(format!("training  {} steps, {secs:.0} s, {speed:.1} samples/s", record.train.steps));
    }
    lines.push(format!("kept in   {path}"));
    lines.join("\n")
}

fn row(name: &str, result: &ModelResult) -> [String; 7] {
    let Interval { low, high, .. } = accuracy_interval(result);
    let loss = result.metrics.loss.map_or("not finite".into(), |loss| format!("{loss:.4}"));
    [
        name.to_owned(),
        format!("{:.1} %", 100.0 * result.metrics.accuracy),
        format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high),
        format!("{:.1} %", 100.0 * result.metrics.macro_f1),
        loss,
        result.metrics.largest_class_share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share)),
        result.metrics.rows_in_words(),
    ]
}

/// Wilson's interval over rows. A record that was written by hand may have no rows; all is possible then.
fn accuracy_interval(result: &ModelResult) -> Interval {
    let n = result.metrics.n as u64;
    wilson((result.metrics.accuracy * n as f64).round() as u64, n, LEVEL)
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
