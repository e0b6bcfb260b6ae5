//! What can be done with the folder of a sweep: look, try failed cells again, put together, clean up.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::experiment::{WorkerFlags, carry_out};
use crate::exit_code::{ExitCode, bad_input};
use crate::output::{print, print_json};
use crate::say;
use crate::sweep::{self, Plan, State, Status, Task, attempt};

/// Show how far a sweep is
///
/// Read from its folder alone, on any machine that sees it, whether it runs or not.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// Print it as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs `sweep status`.
pub fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let status = Status::of(&Plan::open(&args.sweep)?)?;
    if args.json {
        print_json(&status)?;
    } else {
        print(&status.in_words())?;
    }
    Ok(ExitCode::Ok)
}

/// Try cells again that failed
///
/// Runs these and whatever else is left. What was computed of them before they failed is used.
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// Cells, by number or the beginning of their id
    #[arg(value_name = "CELL", required_unless_present = "failed", conflicts_with = "failed", help_heading = "Sweep")]
    pub cells: Vec<String>,

    /// All that failed
    #[arg(long, help_heading = "Sweep")]
    pub failed: bool,

    /// Only mark them, for a scheduler to run
    #[arg(long, help_heading = "Sweep")]
    pub mark: bool,

    #[command(flatten)]
    pub workers: WorkerFlags,

    /// Print the outcome as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs `sweep retry`.
pub fn retry(args: &RetryArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::open(&args.sweep)?;
    let mut tasks: Vec<Task> = Vec::new();
    if args.failed {
        for (cell, state) in sweep::states(&plan)? {
            if matches!(state, State::Failed(_)) {
                tasks.push(Task::Cell(cell.id.clone()));
            }
        }
        for condition in [shared::Condition::Healthy, shared::Condition::Control] {
            for task in plan.shared(condition) {
                if matches!(sweep::state_of(&plan, &task)?, State::Failed(_)) {
                    tasks.push(task);
                }
            }
        }
    } else {
        for name in &args.cells {
            let task = Task::Cell(plan.find(name)?.id.clone());
            if let State::Running(who) = sweep::state_of(&plan, &task)? {
                return Err(bad_input(anyhow!("cell {name} is running: {who}")));
            }
            tasks.extend(failed_needs(&plan, &task)?);
            tasks.push(task);
        }
    }
    tasks.sort();
    tasks.dedup();
    for task in &tasks {
        if sweep::is_done(&plan, task) {
            return Err(bad_input(anyhow!("{task} has a result, so there is nothing to try again")));
        }
        attempt::forgive(&plan.folder.attempts(&task.to_string()))?;
    }
    say!("{} {} to be tried again", tasks.len(), if tasks.len() == 1 { "task is" } else { "tasks are" });
    if args.mark {
        return Ok(ExitCode::Ok);
    }
    carry_out(&plan, args.workers, args.json)
}

/// The shared models that a task needs and that failed.
fn failed_needs(plan: &Plan, task: &Task) -> anyhow::Result<Vec<Task>> {
    let mut failed = Vec::new();
    for need in plan.needs(task) {
        if matches!(sweep::state_of(plan, &need)?, State::Failed(_)) {
            failed.push(need);
        }
    }
    Ok(failed)
}

/// Print the log of a cell that is running or failed
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// Cell, by number or the beginning of its id; or a shared model, as sweep status names it
    #[arg(value_name = "CELL", help_heading = "Sweep")]
    pub cell: String,
}

/// Runs `sweep log`.
pub fn log(args: &LogArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::open(&args.sweep)?;
    let is_shared = args.cell.contains('-') && plan.folder.attempts(&args.cell).is_dir();
    let name = if is_shared { args.cell.clone() } else { plan.find(&args.cell)?.id.to_string() };
    let logs = attempt::logs(&plan.folder.attempts(&name))?;
    if logs.is_empty() {
        let what = match plan.find(&args.cell) {
            Ok(cell) if sweep::is_done(&plan, &Task::Cell(cell.id.clone())) => {
                "it is done, and its log went with its work".to_owned()
            }
            Ok(cell) => match failed_needs(&plan, &Task::Cell(cell.id.clone()))?.first() {
                Some(need) => format!("it starts from {need}, which failed: bert-heal sweep log SWEEP {need}"),
                None => "nobody has tried it".to_owned(),
            },
            Err(_) => "nobody has tried it".to_owned(),
        };
        return Err(bad_input(anyhow!("{}: there is no log: {what}", args.cell)));
    }
    for path in logs {
        print(std::fs::read_to_string(&path).with_context(|| path.display().to_string())?.trim_end())?;
    }
    Ok(ExitCode::Ok)
}

/// Put the results of a sweep together
///
/// Writes results.jsonl (a record for each finished cell, in the order of their numbers) and costs.jsonl. It reads results
/// and never exit codes, and gives the same bytes wherever they were made.
#[derive(Args, Clone, Debug)]
pub struct CollectArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// Print the numbers as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs `sweep collect`.
pub fn collect(args: &CollectArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::open(&args.sweep)?;
    let collected = sweep::collect(&plan)?;
    if args.json {
        print_json(&json!({
            "cells": collected.n_cells, "results": collected.n_results, "duplicates": collected.n_duplicates,
        }))?;
    } else {
        print(&format!(
            "{}: {} of {} cells have a result; {} were made twice, alike",
            args.sweep.display(),
            collected.n_results,
            collected.n_cells,
            collected.n_duplicates
        ))?;
    }
    Ok(ExitCode::Ok)
}

/// Remove what a sweep needs only while it runs
///
/// The weights of shared models that no cell waits for, and what tries left at tasks that are done. Results stay.
#[derive(Args, Clone, Debug)]
pub struct CleanArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,
}

/// Runs `sweep clean`.
pub fn clean(args: &CleanArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::open(&args.sweep)?;
    let cleaned = sweep::clean(&plan)?;
    let kept = match cleaned.n_kept {
        0 => String::new(),
        n => format!("; {n} that cells wait for stay"),
    };
    print(&format!(
        "{}: removed {:.1} MiB, the weights of {} shared models among them{kept}; {:.1} MiB are left",
        args.sweep.display(),
        cleaned.n_bytes as f64 / f64::from(1 << 20),
        cleaned.n_models,
        sweep::size(plan.folder.path())? as f64 / f64::from(1 << 20)
    ))?;
    Ok(ExitCode::Ok)
}
