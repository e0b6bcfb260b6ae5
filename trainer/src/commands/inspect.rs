//! `bert-heal inspect`: parameters, what a plan would touch, and what training would need.

mod drawing;

use anyhow::Context;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use shared::corruption::{Plan, Selection};
use shared::model::ParameterPath;
use shared::nn::{Factors, Kernels};

use self::drawing::{Palette, count};
use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::InitFlags;
use super::training_flags::RecomputeFlag;
use crate::device::{DeviceChoice, DtypeChoice};
use crate::estimate::{self, MemoryEstimate, StepShape};
use crate::exit_code::{ExitCode, bad_input};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::runner::max_length;
use crate::say;

const EXAMPLES: &str = "\
Examples:
  bert-heal inspect all-MiniLM-L6-v2/
  bert-heal inspect all-MiniLM-L6-v2/ --corrupt kaiming@bottom:0.5
  bert-heal inspect all-MiniLM-L6-v2/ --corrupt bitflip:1e-6@all/attention.head:0-3 --freeze embeddings
  bert-heal inspect bert-large --random-init --parameters --batch-size 8 --max-length 128";

/// Show a model's parts, what a plan would touch, and what training would need
///
/// Draws the network with its input at the bottom; changes nothing. The estimates of memory and time are for training
/// with the given batch size and length on this machine's CPU.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(value_name = "MODEL")]
    pub model: String,

    #[command(flatten)]
    pub init: InitFlags,

    /// Mark what this plan would touch
    #[arg(long, value_name = "PLAN")]
    pub corrupt: Option<String>,

    /// Number of labels of the classifier, if the model has none yet
    #[arg(long, value_name = "N", default_value = "2", value_parser = flag_values::count)]
    pub labels: usize,

    /// Rows per forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = flag_values::count, help_heading = "Estimate")]
    pub batch_size: usize,

    /// Tokens per row [default: 128, but never more than the model has positions for]
    #[arg(long, value_name = "N", value_parser = flag_values::count, help_heading = "Estimate")]
    pub max_length: Option<usize>,

    /// Number format of matrix products; parameters stay f32
    #[arg(long, default_value = "f32", value_parser = flag_values::dtype(), help_heading = "Estimate")]
    pub dtype: DtypeChoice,

    /// Parameters that training would freeze, such as embeddings,bottom:0.5
    #[arg(long, value_name = "SELECTION", help_heading = "Estimate")]
    pub freeze: Option<String>,

    #[command(flatten, next_help_heading = "Estimate")]
    pub recompute: RecomputeFlag,

    /// List every parameter with its name and shape instead of drawing the network
    #[arg(long, help_heading = "Output")]
    pub parameters: bool,

    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// One row of the table.
struct Row {
    path: ParameterPath,
    name: String,
    shape: Vec<usize>,
    is_touched: bool,
    is_frozen: bool,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let plan = args.corrupt.as_deref().map(Plan::parse).transpose().map_err(bad_input).context("--corrupt")?;
    let freeze = args.freeze.as_deref().map(Selection::parse).transpose().map_err(bad_input).context("--freeze")?;
    let source = ModelSource::open(&args.model, None, Weights::Random)?;
    for note in &source.config.notes {
        say!("note: {note}");
    }
    let max_length = max_length(args.max_length, source.max_length, None, &source.config)?;
    let config = if source.config.label_names.is_empty() {
        source.config.with_labels((0..args.labels).map(|id| format!("LABEL_{id}")).collect())
    } else {
        source.config.clone()
    };
    let plan = plan.map(|plan| plan.resolve_for(&config)).transpose().map_err(bad_input).context("--corrupt")?;
    let freeze =
        freeze.map(|freeze| freeze.resolve(config.anatomy())).transpose().map_err(bad_input).context("--freeze")?;
    if let Some(warning) = config.history.warning() {
        say!("note: {warning}");
    }
    let is_frozen = |path: ParameterPath| freeze.as_ref().is_some_and(|freeze| freeze.contains(path));

    let rows: Vec<Row> = config
        .parameters()
        .into_iter()
        .map(|path| Row {
            path,
            name: path.name(config.architecture),
            shape: config.shape_of(path),
            is_touched: plan.as_ref().is_some_and(|plan| plan.touches(path)),
            is_frozen: is_frozen(path),
        })
        .collect();
    let n_values = |of: &dyn Fn(&Row) -> bool| -> usize {
        rows.iter().filter(|row| of(row)).map(|row| row.shape.iter().product::<usize>()).sum()
    };
    let shape = StepShape { batch_size: args.batch_size, n_tokens: max_length };
    let (_, _, kernels) = DeviceFlags { device: DeviceChoice::Cpu, dtype: args.dtype }.open()?;
    let kernels = Kernels { activations: args.recompute.activations(), ..kernels };
    let dtype = if kernels.factors == Factors::Bf16 { "bf16" } else { "f32" };
    let memory = estimate::memory(&config, shape, &kernels, is_frozen);
    let rate = estimate::matmul_flops_per_sec(Factors::F32);
    let step_secs = estimate::step_secs(&config, shape, &kernels, rate);
    let (n_parameters, n_encoder) = (n_values(&|_| true), n_values(&|row| row.path.layer_idx().is_some()));
    let (n_touched, n_frozen) = (n_values(&|row| row.is_touched), n_values(&|row| row.is_frozen));

    if args.json {
        print_json(&json!({
            "model": source.name,
            "architecture": config.architecture,
            "n_layers": config.n_layers,
            "n_heads": config.n_heads,
            "hidden_size": config.hidden_size,
            "labels": config.label_names,
            "n_parameters": n_parameters,
            "n_parameters_encoder": n_encoder,
            "n_parameters_touched": n_touched,
            "n_parameters_frozen": n_frozen,
            "plan": plan.as_ref().map(shared::corruption::ResolvedPlan::describe),
            "parameters": rows.iter().map(|row| json!({
                "name": row.name, "shape": row.shape, "touched": row.is_touched, "frozen": row.is_frozen
            })).collect::<Vec<_>>(),
            "estimate": {
                "batch_size": args.batch_size, "n_tokens": max_length, "dtype": dtype, "memory_bytes": memory,
                "memory_mib": mib(memory.total), "matmul_flops_per_sec": rate, "step_secs": step_secs
            },
        }))?;
        return Ok(ExitCode::Ok);
    }
    if args.parameters {
        print(&table(&rows))?;
    } else {
        print(&drawing::draw(&config, plan.as_ref(), is_frozen, &Palette::for_stdout()))?;
    }
    let mut lines = vec![format!(
        "{}: {} layers with {} heads each, hidden size {}; {} parameters, {} of them in the encoder",
        source.name,
        config.n_layers,
        config.n_heads,
        config.hidden_size,
        count(n_parameters),
        count(n_encoder)
    )];
    if let Some(plan) = &plan {
        lines.push(format!("plan      {}; touches {} parameters", plan.describe(), count(n_touched)));
    }
    if n_frozen > 0 {
        lines.push(format!("frozen    {} parameters", count(n_frozen)));
    }
    lines.push(format!("training  {} rows of {} tokens per step, {dtype} on this CPU:", args.batch_size, max_length));
    lines.push(describe_memory(&memory));
    lines.push(format!(
        "          about {step_secs:.2} s per step (matrix products of f32 run at {:.0} GFLOP/s here)",
        rate / 1e9
    ));
    print(&lines.join("\n"))?;
    Ok(ExitCode::Ok)
}

fn describe_memory(memory: &MemoryEstimate) -> String {
    format!(
        "          about {:.0} MiB at peak: parameters {:.0}, gradients {:.0}, optimiser {:.0}, activations {:.0}, \
         workspace {:.0}, program {:.0}",
        mib(memory.total),
        mib(memory.parameters),
        mib(memory.gradients),
        mib(memory.optimizer),
        mib(memory.activations),
        mib(memory.workspace),
        mib(memory.base)
    )
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["", "parameter", "shape", "values"]);
    for row in rows {
        let marks = [(row.is_touched, 'x'), (row.is_frozen, 'f')];
        let marks: String = marks.into_iter().filter_map(|(is_set, mark)| is_set.then_some(mark)).collect();
        let shape = row.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        table.add_row([marks, row.name.clone(), shape, row.shape.iter().product::<usize>().to_string()]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
