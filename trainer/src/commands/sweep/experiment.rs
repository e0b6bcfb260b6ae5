//! What several commands about sweeps have in common: an experiment with its plan, and carrying it out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::super::flag_values;
use super::cell_flags;
use crate::exit_code::{ExitCode, bad_input};
use crate::interrupt::Interrupt;
use crate::output::{print, print_json};
use crate::say;
use crate::sweep::{self, DriverOptions, Experiment, Plan, drive};

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

    /// Go on although the experiment file has other cells or claims than the sweep was planned with
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

/// An experiment with its plan, which is not written yet.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// How it differs from the one that is written.
    pub(super) difference: sweep::Difference,
    /// The experiment file with what was set.
    text: String,
}

impl Planned {
    pub(super) fn of(flags: &ExperimentFlags) -> anyhow::Result<Self> {
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
    pub(super) fn accepted(self, accept: bool) -> anyhow::Result<Plan> {
        let path = self.plan.folder.path().display();
        if !self.difference.is_empty() && !accept {
            return Err(bad_input(anyhow!(
                "the experiment has other cells or claims than {path} was planned with; --accept goes on with them, another --out \
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
pub(super) fn carry_out(plan: &Plan, workers: WorkerFlags, as_json: bool) -> anyhow::Result<ExitCode> {
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
    pub(super) fn shared_out(self) -> (usize, usize) {
        let n_threads = rayon::current_num_threads();
        let n_workers = self.workers.unwrap_or(n_threads);
        (n_workers, (n_threads / n_workers).max(1))
    }
}
