//! `bert-heal sweep`: many runs from one experiment file.

mod cell;
mod cell_flags;
mod experiment;
mod folder_commands;
mod launcher;
mod plan;

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::json;

use self::experiment::{ExperimentFlags, Planned, WorkerFlags, carry_out};
use crate::exit_code::ExitCode;
use crate::output::{print, print_json};
use crate::sweep::{self, State};

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
