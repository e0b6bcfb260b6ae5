//! `bert-heal sweep launcher`: what has a scheduler do the tasks of a planned sweep.
//!
//! It is thin: the scheduler starts `bert-heal sweep cell` with a number, and everything else is settled in the sweep's
//! folder. Nothing here asks how a task ended; what is left is read from the folder when the launcher is printed.

mod kubernetes;
mod launch;
mod scripts;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use self::launch::{Array, Launch, arrays};
use super::super::flag_values;
use super::cell::Stage;
use super::cell_flags;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::print;
use crate::paths;
use crate::say;
use crate::sweep::{self, Plan, State, Task};

const EXAMPLES: &str = "\
Examples:
  bert-heal sweep launcher /shared/levels --for slurm > levels.sh
  bash levels.sh --time=2:00:00 --partition=long         its words go to sbatch
  bert-heal sweep launcher /shared/levels --for hyperqueue > levels.sh
  bert-heal sweep launcher /shared/levels --for kubernetes > levels.yaml

When it has ended: bert-heal sweep status, sweep retry --failed --mark, and a new launcher for what is left; then
sweep collect. docs/clusters.md says what bites where.";

/// Print the script or manifest that has a cluster do a planned sweep
///
/// It covers what has no result yet: healthy models, then controls, then cells. Tasks that failed are left out until sweep
/// retry --mark.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LauncherArgs {
    /// The sweep's folder
    #[arg(value_name = "SWEEP", help_heading = "Sweep")]
    pub sweep: PathBuf,

    /// The scheduler
    #[arg(long = "for", value_enum, value_name = "SCHEDULER", help_heading = "Sweep")]
    pub scheduler: Scheduler,

    /// CPU threads of each task
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = flag_values::count, help_heading = "Sweep")]
    pub cpus: usize,

    /// Tasks of one array at most [default: 1000 for Slurm, 10000 for `HyperQueue`, 100000 for Kubernetes]
    #[arg(long, value_name = "N", value_parser = flag_values::count, help_heading = "Sweep")]
    pub array_size: Option<usize>,
}

/// Who starts the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scheduler {
    /// Job arrays
    Slurm,
    /// Task arrays
    #[value(name = "hyperqueue")]
    HyperQueue,
    /// Indexed Jobs
    Kubernetes,
}

impl Scheduler {
    /// Slurm numbers the tasks of an array below `MaxArraySize`, which is 1001 unless set; a word of a command line may be
    /// 128 KiB long, which 10,000 numbers stay under; an Indexed Job may have 100,000 completions.
    fn array_size(self) -> usize {
        match self {
            Self::Slurm => 1000,
            Self::HyperQueue => 10_000,
            Self::Kubernetes => 100_000,
        }
    }
}

/// Runs the command.
pub fn run(args: &LauncherArgs) -> anyhow::Result<ExitCode> {
    let sweep = paths::canonical(&args.sweep).map_err(bad_input).with_context(|| args.sweep.display().to_string())?;
    let plan = Plan::open(&sweep)?;
    let left = Left::of(&plan)?;
    if left.n_failed > 0 {
        say!(
            "{} tasks failed, or start from a model that did, and are left out; to include them: bert-heal sweep retry {} \
             --failed --mark",
            left.n_failed,
            args.sweep.display()
        );
    }
    let array_size = args.array_size.unwrap_or(args.scheduler.array_size());
    let arrays: Vec<Array> =
        left.stages.iter().flat_map(|(stage, n, left)| arrays(*stage, *n, left, array_size)).collect();
    if arrays.is_empty() {
        say!("nothing is left to be launched");
        return Ok(ExitCode::Ok);
    }
    // Relative paths of models and datasets begin there; on a machine without it their sizes are not known.
    if plan.working_directory.is_dir() {
        std::env::set_current_dir(&plan.working_directory)?;
    }
    let forecast = sweep::forecast(&plan, cell_flags::request, 1)?;
    let device = |cell: &sweep::PlannedCell| cell.settings.text("device").unwrap_or_default();
    let launch = Launch {
        title: format!("{}, {}", one_line(&plan.name), left.in_words()),
        label: format!("{}-{}", label(&plan.name), &plan.id[..plan.id.len().min(6)]),
        working_directory: plan.working_directory.clone(),
        program: std::env::current_exe().context("this program's own path")?,
        n_cpus: args.cpus,
        memory_mib: forecast.memory_mib.map(memory_request),
        needs_gpu: plan.cells().any(|cell| device(cell).starts_with("cuda")),
        arrays,
        sweep,
    };
    print(
        match args.scheduler {
            Scheduler::Slurm => scripts::slurm(&launch),
            Scheduler::HyperQueue => scripts::hyperqueue(&launch),
            Scheduler::Kubernetes => kubernetes::manifest(&launch)?,
        }
        .trim_end(),
    )?;
    Ok(ExitCode::Ok)
}

/// The numbers of the tasks of each stage that have no result and can get one.
struct Left {
    /// With the number of tasks that the stage has.
    stages: Vec<(Stage, usize, Vec<usize>)>,
    n_failed: usize,
}

impl Left {
    fn of(plan: &Plan) -> anyhow::Result<Self> {
        let cells: BTreeMap<Task, State> =
            sweep::states(plan)?.into_iter().map(|(cell, state)| (Task::Cell(cell.id.clone()), state)).collect();
        // A shared model whose weights were cleaned away is missing only if a cell waits for it.
        let waiting = cells.iter().filter(|(_, state)| !state.is_done()).flat_map(|(task, _)| plan.needs(task));
        let mut shared = BTreeMap::new();
        for task in waiting {
            if let Entry::Vacant(place) = shared.entry(task) {
                let state = sweep::state_of(plan, place.key())?;
                place.insert(state);
            }
        }
        let failed = |task: &Task| matches!(cells.get(task).or(shared.get(task)), Some(State::Failed(_)));
        let is_open = |task: &Task| cells.get(task).or(shared.get(task)).is_some_and(|state| !state.is_done());
        let mut left = Self { stages: Vec::new(), n_failed: 0 };
        for stage in Stage::ALL {
            let tasks = stage.tasks(plan);
            let n = tasks.len();
            let mut numbers = Vec::new();
            for (number, task) in tasks.into_iter().enumerate().filter(|(_, task)| is_open(task)) {
                if failed(&task) || plan.needs(&task).iter().any(failed) {
                    left.n_failed += 1;
                } else {
                    numbers.push(number);
                }
            }
            left.stages.push((stage, n, numbers));
        }
        Ok(left)
    }

    fn in_words(&self) -> String {
        let stages = self.stages.iter().map(|(stage, n, left)| format!("{} of {n} {}", left.len(), stage.as_str()));
        format!("{} left", stages.collect::<Vec<_>>().join(", "))
    }
}

/// Half as much again as forecast, in steps of 256 MiB: a scheduler kills a task that takes more than it asked for.
fn memory_request(forecast_mib: f64) -> u64 {
    ((1.5 * forecast_mib / 256.0).ceil() as u64 + 1) * 256
}

/// A name made of small letters, digits and hyphens.
fn label(name: &str) -> String {
    const MAX_LEN: usize = 30;
    let usable = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(usable).take(MAX_LEN).collect();
    match label.trim_matches('-') {
        "" => "sweep".to_owned(),
        label => label.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_that_every_scheduler_takes() {
        assert_eq!(label("TREC-6 / Ebenen: ü"), "trec-6---ebenen");
        assert_eq!(label("…"), "sweep");
        assert!(label(&"long".repeat(100)).len() <= 30);
    }
}
