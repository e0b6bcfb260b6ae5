//! `bert-heal sweep cell`: one task of a planned sweep, as a scheduler starts it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use shared::Condition;

use super::cell_flags;
use crate::exit_code::{ExitCode, bad_input};
use crate::interrupt::Interrupt;
use crate::output::print;
use crate::paths;
use crate::say;
use crate::sweep::{self, Done, Plan, Task, Workshop};

/// The variables in which schedulers give a task its number.
const INDEX_VARIABLES: [&str; 3] = ["SLURM_ARRAY_TASK_ID", "HQ_TASK_ID", "JOB_COMPLETION_INDEX"];

const EXAMPLES: &str = "\
Examples:
  bert-heal sweep cell /shared/levels 17
  bert-heal sweep cell /shared/levels --stage healthy     its number from SLURM_ARRAY_TASK_ID and the like

Exit codes: 0 there is a result, 2 bad input, 3 the cell failed (its log says why), 4 interrupted and saved,
75 another process works on it, or a model it starts from is not there yet: try again.";

/// Do one task of a planned sweep, as a scheduler's job does
///
/// Any number of processes on any number of machines may do so on one folder: a task is leased to one of them, the lease is
/// renewed while it lives, and its result is published once. What is done already ends with exit code 0 at once.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CellArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// Which task of the stage, from 0 [default: `SLURM_ARRAY_TASK_ID`, `HQ_TASK_ID` or `JOB_COMPLETION_INDEX`]
    #[arg(value_name = "INDEX", help_heading = "Sweep")]
    pub index: Option<usize>,

    /// Added to the number: for arrays that a scheduler cannot number beyond some limit
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Sweep")]
    pub offset: usize,

    /// Which tasks are counted
    #[arg(long, value_enum, default_value_t = Stage::Cells, help_heading = "Sweep")]
    pub stage: Stage,

    /// Wait this long for another process that works on it, or may be dead, before exit code 75
    #[arg(long, value_name = "SECONDS", default_value_t = 90, help_heading = "Sweep")]
    pub wait: u64,
}

/// The stages of a sweep, each of which needs those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Healthy models
    Healthy,
    /// Controls, made of healthy models
    Control,
    /// Cells
    Cells,
}

impl Stage {
    /// In the order in which they are done.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Control, Self::Cells];

    /// As the flag takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Control => "control",
            Self::Cells => "cells",
        }
    }

    /// Its tasks, by their numbers.
    pub fn tasks(self, plan: &Plan) -> Vec<Task> {
        match self {
            Self::Healthy => plan.shared(Condition::Healthy),
            Self::Control => plan.shared(Condition::Control),
            // By number, dropped ones included, so that what waits in a queue keeps its meaning when the plan changes.
            Self::Cells => plan.ever().iter().map(|cell| Task::Cell(cell.id.clone())).collect(),
        }
    }
}

/// A worker process of a sweep's driver.
#[derive(Args, Clone, Debug)]
pub struct WorkerArgs {
    /// The sweep's folder.
    pub sweep: PathBuf,
}

/// Runs the hidden command.
pub fn work(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    sweep::work(&args.sweep, cell_flags::request)
}

/// Runs the command.
pub fn run(args: &CellArgs) -> anyhow::Result<ExitCode> {
    let folder = paths::canonical(&args.sweep).map_err(bad_input).with_context(|| args.sweep.display().to_string())?;
    let plan = Plan::open(&folder)?;
    let task = task(&plan, args)?;
    if matches!(&task, Task::Cell(id) if plan.cell(id).is_some_and(|cell| cell.is_dropped)) {
        print(&format!("{task}: the experiment no longer has this cell"))?;
        return Ok(ExitCode::Ok);
    }
    std::env::set_current_dir(&plan.working_directory)
        .with_context(|| format!("the sweep's working directory {}", plan.working_directory.display()))?;
    if !sweep::is_done(&plan, &task)
        && let Some(missing) = plan.needs(&task).iter().find(|need| !sweep::is_done(&plan, need))
    {
        say!("{task}: {missing}, which it starts from, is not there yet; try again when the stage before is done");
        return Ok(ExitCode::TryAgain);
    }
    let interrupt = Interrupt::install()?;
    let mut workshop = Workshop::new(&plan, cell_flags::request, interrupt, Duration::from_secs(args.wait));
    match workshop.carry_out(&task)? {
        Done::Finished(words) | Done::Diverged(words) => {
            print(&format!("{task}: {words}"))?;
            Ok(ExitCode::Ok)
        }
        Done::Failed(_) => Ok(ExitCode::CellsFailed),
        Done::Interrupted => {
            say!("{task}: stopped and saved; the same command goes on from there");
            Ok(ExitCode::Interrupted)
        }
        Done::Held(held) => {
            say!("{task}: process {} on {} works on it; try again later", held.by.pid, held.by.host);
            Ok(ExitCode::TryAgain)
        }
    }
}

fn task(plan: &Plan, args: &CellArgs) -> anyhow::Result<Task> {
    let index = match args.index {
        Some(index) => index,
        None => index_of_environment()?,
    } + args.offset;
    let tasks = args.stage.tasks(plan);
    let n = tasks.len();
    tasks
        .into_iter()
        .nth(index)
        .ok_or_else(|| bad_input(anyhow!("INDEX {index}: this stage has {n} tasks, numbered from 0")))
}

fn index_of_environment() -> anyhow::Result<usize> {
    for name in INDEX_VARIABLES {
        if let Ok(text) = std::env::var(name) {
            return text.parse().map_err(|_| bad_input(anyhow!("{name}={text}: expected a number from 0")));
        }
    }
    Err(bad_input(anyhow!("expected INDEX, or one of {} in the environment", INDEX_VARIABLES.join(", "))))
}
