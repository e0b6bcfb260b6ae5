//! `bert-heal sweep`: many runs from one experiment file.

mod cell;
mod cell_flags;
mod folder_commands;
mod launcher;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::json;

use super::flag_values;
use crate::exit_code::{ExitCode, bad_input};
use crate::interrupt::Interrupt;
use crate::output::{print, print_json};
use crate::say;
use crate::sweep::{self, DriverOptions, Experiment, Plan, State, drive};

const EXAMPLES: &str = "\
Examples:
  bert-heal sweep trec6-levels.toml --list         what would run, and what it would take
  bert-heal sweep trec6-levels.toml                run it; repeat the command to go on
  bert-heal sweep trec6-levels.toml --set seed=0-1 --set model=my-bert/
  bert-heal sweep status sweeps/trec6-levels
  bert-heal sweep log sweeps/trec6-levels 17       why cell 17 failed
  bert-heal sweep retry sweeps/trec6-levels --failed
  bert-heal report sweeps/trec6-levels

An experiment file:
  name = \"trec6-levels\"
  [grid]                        # one value or a list; the cells are all combinations
  model = \"minilm-l3\"
  dataset = \"trec6\"
  protocol = \"finetuned\"
  scheme = \"kaiming\"            # with place and level; or plans as they are: corrupt = [\"zero:0.1@all\", \"none\"]
  place = [\"bottom\", \"top\"]
  level = [0.33, 0.67, 1]
  seed = \"0-5\"
  [[exclude]]                   # combinations that are left out
  place = \"top\"
  level = 1
  [[claims]]                    # what is asked, before the data
  name = \"bottom is worse\"
  family = \"primary\"
  question = \"bottom-against-top\"

The keys of [grid] are the flags of `bert-heal run`, with _ for -.
Exit codes: 0 all done, 2 bad input, 3 some cells failed, 4 interrupted.";

/// Run an experiment file: many runs, in worker processes that share the cores
///
/// The models that cells share (the healthy one and the control) are made once. Each cell leaves its record and compact
/// predictions, and no checkpoints. Stopped at any time, in any way, the same command goes on without repeating a finished
/// cell. A failing cell does not stop the others.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepArgs {
    #[command(subcommand)]
    pub command: Option<SweepCommand>,

    #[command(flatten)]
    pub experiment: ExperimentFlags,

    /// Print every cell with why it would run, and what all of them would take; run nothing
    #[arg(long, help_heading = "Sweep")]
    pub list: bool,

    #[command(flatten)]
    pub workers: WorkerFlags,

    /// Print the outcome, or with --list the cells, as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// What a sweep is of.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sweep")]
pub struct ExperimentFlags {
    /// Experiment file
    #[arg(value_name = "EXPERIMENT.toml", required = true)]
    pub file: Option<PathBuf>,

    /// Replace a key of [grid], such as seed=0-1 or model=my-bert/; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// The sweep's folder [default: sweeps/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on although the experiment file has other cells than the sweep was planned with
    #[arg(long)]
    pub accept: bool,

    /// Keep the corrupted and the healed model of every cell
    #[arg(long)]
    pub keep_checkpoints: bool,
}

/// Who computes.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Sweep")]
pub struct WorkerFlags {
    /// Worker processes; the threads (--threads) are shared out among them [default: one for each thread]
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub workers: Option<usize>,

    /// End the sweep at the first cell that fails
    #[arg(long)]
    pub fail_fast: bool,
}

/// What else can be done with a sweep.
#[derive(Clone, Debug, Subcommand)]
pub enum SweepCommand {
    Plan(plan::PlanArgs),
    Cell(cell::CellArgs),
    Launcher(launcher::LauncherArgs),
    Status(folder_commands::StatusArgs),
    Retry(folder_commands::RetryArgs),
    Log(folder_commands::LogArgs),
    Collect(folder_commands::CollectArgs),
    Clean(folder_commands::CleanArgs),
    #[command(hide = true)]
    Worker(cell::WorkerArgs),
}

/// Runs the command.
pub fn run(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(SweepCommand::Plan(args)) => plan::run(args),
        Some(SweepCommand::Cell(args)) => cell::run(args),
        Some(SweepCommand::Launcher(args)) => launcher::run(args),
        Some(SweepCommand::Status(args)) => folder_commands::status(args),
        Some(SweepCommand::Retry(args)) => folder_commands::retry(args),
        Some(SweepCommand::Log(args)) => folder_commands::log(args),
        Some(SweepCommand::Collect(args)) => folder_commands::collect(args),
        Some(SweepCommand::Clean(args)) => folder_commands::clean(args),
        Some(SweepCommand::Worker(args)) => cell::work(args),
        None => sweep(args),
    }
}

fn sweep(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        let planned = Planned::of(&args.experiment)?;
        return list(&planned, args.workers, args.json);
    }
    let plan = Planned::of(&args.experiment)?.accepted(args.experiment.accept)?;
    carry_out(&plan, args.workers, args.json)
}

/// An experiment with its plan, which is not written yet.
struct Planned {
    plan: Plan,
    difference: sweep::Difference,
    /// The experiment file with what was set.
    text: String,
}

impl Planned {
    fn of(flags: &ExperimentFlags) -> anyhow::Result<Self> {
        let path = flags.file.as_ref().expect("clap requires it");
        let text = std::fs::read_to_string(path).map_err(bad_input).with_context(|| path.display().to_string())?;
        let experiment = Experiment::parse(&text, &cell_flags::settings(), &flags.set)
            .with_context(|| path.display().to_string())?;
        let out = flags.out.clone().unwrap_or_else(|| Path::new("sweeps").join(&experiment.name));
        let (plan, difference) =
            Plan::of(&experiment, &out, flags.keep_checkpoints).with_context(|| path.display().to_string())?;
        // A cell is as good as its values, each of which is looked at once: no two flags of a run contradict each other.
        let mut seen = BTreeSet::new();
        for cell in plan.cells() {
            let values = cell.settings.iter().map(|(key, value)| (key.to_owned(), value.to_string()));
            if values.filter(|value| seen.insert(value.clone())).count() == 0 {
                continue;
            }
            cell_flags::request(&cell.settings)
                .with_context(|| format!("{}: {}", path.display(), cell.settings.in_words()))?;
        }
        let set = flags.set.iter().map(|set| format!("# --set {set}\n"));
        Ok(Self { plan, difference, text: std::iter::once(text).chain(set).collect() })
    }

    /// Writes the plan, when it is new or its changes are accepted.
    fn accepted(self, accept: bool) -> anyhow::Result<Plan> {
        let path = self.plan.folder.path().display();
        if !self.difference.is_empty() && !accept {
            return Err(bad_input(anyhow!(
                "the experiment has other cells than {path} was planned with; --accept goes on with them, another --out \
                 begins anew:\n{}",
                self.difference
            )));
        }
        if !self.difference.is_empty() {
            say!("{path}: {}", self.difference);
        }
        self.plan.write(&self.text)?;
        Ok(self.plan)
    }
}

/// Runs what is left of a planned sweep, and puts its results together.
fn carry_out(plan: &Plan, workers: WorkerFlags, as_json: bool) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    let (n_workers, n_threads) = workers.shared_out();
    let options = DriverOptions { n_workers, n_threads, fail_fast: workers.fail_fast };
    let outcome = drive(plan, options, &interrupt)?;
    let collected = sweep::collect(plan)?;
    let path = plan.folder.path().display();
    if as_json {
        print_json(&json!({
            "sweep": plan.id, "name": plan.name, "folder": plan.folder.path(), "cells": outcome.n_cells,
            "done": outcome.n_done, "failed": outcome.n_failed, "duplicates": collected.n_duplicates,
        }))?;
    } else {
        let failed = match outcome.n_failed {
            0 => String::new(),
            n => format!(", {n} failed (bert-heal sweep status {path} names them)"),
        };
        print(&format!(
            "{}: {} of {} cells done{failed}\nkept in   {path}\nnext      bert-heal report {path}; bert-heal sweep clean {path}",
            plan.name, outcome.n_done, outcome.n_cells
        ))?;
    }
    Ok(if outcome.n_failed > 0 { ExitCode::CellsFailed } else { ExitCode::Ok })
}

impl WorkerFlags {
    /// How many workers, and how many threads each: one thread each is fastest, as no two wait for one another.
    fn shared_out(self) -> (usize, usize) {
        let n_threads = rayon::current_num_threads();
        let n_workers = self.workers.unwrap_or(n_threads);
        (n_workers, (n_threads / n_workers).max(1))
    }
}

/// Prints the cells with why each would run, and the forecast.
fn list(planned: &Planned, workers: WorkerFlags, as_json: bool) -> anyhow::Result<ExitCode> {
    let plan = &planned.plan;
    let is_planned = sweep::SweepFolder::is_one(plan.folder.path());
    let added: BTreeSet<_> = planned.difference.added.iter().map(sweep::Settings::id).collect();
    let why = |id: &sweep::SettingsId, state: &State| match state {
        State::New if is_planned && added.contains(id) => "changed".to_owned(),
        State::Completed | State::Diverged => "done".to_owned(),
        other => other.as_str().to_owned(),
    };
    let states = sweep::states(plan)?;
    let (n_workers, _) = workers.shared_out();
    let forecast = sweep::forecast(plan, cell_flags::request, n_workers)?;
    if as_json {
        let cells: Vec<_> = states
            .iter()
            .map(|(cell, state)| json!({"number": cell.number, "id": cell.id, "why": why(&cell.id, state), "settings": cell.settings}))
            .collect();
        print_json(&json!({"name": plan.name, "sweep": plan.id, "cells": cells, "forecast": forecast}))?;
        return Ok(ExitCode::Ok);
    }
    let varying = plan.varying();
    let common = plan.cells().next().map_or_else(String::new, |cell| cell.settings.in_words());
    let mut lines: Vec<String> = states
        .iter()
        .map(|(cell, state)| {
            format!(
                "{:>6}  {}  {:<11}  {}",
                cell.number,
                cell.id,
                why(&cell.id, state),
                cell.settings.in_short(&varying)
            )
        })
        .collect();
    lines.push(format!("\nall       {common} in cell 0; above stands what differs"));
    if !planned.difference.is_empty() {
        lines.push(format!(
            "changes   {} (needs --accept)",
            planned.difference.to_string().lines().last().unwrap_or("")
        ));
    }
    lines.extend(plan::forecast_in_words(&forecast, n_workers));
    print(&lines.join("\n"))?;
    Ok(ExitCode::Ok)
}
