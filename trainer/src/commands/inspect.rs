//! `bert-heal inspect`: parameters, what a plan would touch, and what training would need.

mod drawing;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use shared::corruption::{Plan, Selection};
use shared::model::ParameterPath;

use self::drawing::Palette;
use crate::cli::inspect::InspectArgs;
use crate::estimate::{self, MemoryEstimate, StepShape};
use crate::exit_code::{ExitCode, bad_input};
use crate::models::ModelSource;
use crate::output::{print, print_json};
use crate::runner::max_length;
use crate::say;

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
    let source = ModelSource::open(&args.model, None, true)?;
    let max_length = max_length(args.max_length, source.max_length, None, &source.config)?;
    let config = if source.config.label_names.is_empty() {
        source.config.with_labels((0..args.labels).map(|id| format!("LABEL_{id}")).collect())
    } else {
        source.config.clone()
    };
    let plan = plan.map(|plan| plan.resolve(config.anatomy())).transpose().map_err(bad_input).context("--corrupt")?;
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
    let memory = estimate::memory(&config, shape, is_frozen);
    let rate = estimate::matmul_flops_per_sec()?;
    let step_secs = estimate::step_secs(&config, shape, rate);
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
                "batch_size": args.batch_size, "n_tokens": max_length, "memory_bytes": memory,
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
        "{}: {} layers of {} heads, hidden size {}; {} parameters, {} of them in the encoder",
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
    lines.push(format!("training  {} rows of {} tokens a step, f32 on this CPU:", args.batch_size, max_length));
    lines.push(describe_memory(&memory));
    lines.push(format!(
        "          about {step_secs:.2} s a step (matrix products run at {:.0} GFLOP/s here)",
        rate / 1e9
    ));
    print(&lines.join("\n"))?;
    Ok(ExitCode::Ok)
}

fn describe_memory(memory: &MemoryEstimate) -> String {
    format!(
        "          about {:.0} MiB at peak: parameters {:.0}, gradients {:.0}, optimiser {:.0}, activations {:.0}, \
         workspace {:.0}, the program {:.0}",
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

/// A number of values, to three digits or so.
fn count(n: usize) -> String {
    if n < 100_000 { n.to_string() } else { format!("{:.1} M", n as f64 / 1e6) }
}
