//! How far a sweep is, told from its folder alone, while others work on it or not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::attempt::{self, Last};
use super::plan::{Plan, PlannedCell, Task};
use super::settings::SettingsId;

/// What became of one cell so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "why")]
pub enum State {
    /// Nobody has tried it.
    New,
    /// It has a result.
    Completed,
    /// It has a result, which is that a fine-tuning broke off.
    Diverged,
    /// A process works on it.
    Running(String),
    /// It was cut short; the sweep goes on with it from where it was.
    Interrupted(String),
    /// It failed, and is tried again only when asked.
    Failed(String),
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Completed => "completed",
            Self::Diverged => "diverged",
            Self::Running(_) => "running",
            Self::Interrupted(_) => "interrupted",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether it has a result.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Completed | Self::Diverged)
    }
}

/// A sweep at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The sweep's name.
    pub name: String,
    /// Tells sweeps apart.
    pub id: String,
    /// Cells in all, by the plan.
    pub n_cells: usize,
    /// Cells by the word of their state; every word is there.
    pub counts: BTreeMap<&'static str, usize>,
    /// Shared models that are being made or failed.
    pub shared: Vec<TaskState>,
    /// The cells that are running, interrupted or failed.
    pub cells: Vec<CellState>,
}

/// A cell that is not simply new or done.
#[derive(Clone, Debug, Serialize)]
pub struct CellState {
    /// Its number.
    pub number: usize,
    /// Its id.
    pub id: SettingsId,
    /// What it does.
    pub settings: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: State,
}

/// A task that is not simply new or done.
#[derive(Clone, Debug, Serialize)]
pub struct TaskState {
    /// Its name, as `sweep log` takes it.
    pub task: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: State,
}

/// The states of all cells of a plan, in the order of their numbers.
///
/// # Errors
/// When the folder cannot be read.
pub fn states(plan: &Plan) -> anyhow::Result<Vec<(&PlannedCell, State)>> {
    let folder = &plan.folder;
    let finished = folder.finished()?;
    let diverged = super::folder::names(&folder.diverged())?;
    let attempted = folder.attempted()?;
    let failed: BTreeMap<String, String> = unfinished_shared(plan)?
        .into_iter()
        .filter_map(|task| match task.state {
            State::Failed(why) => Some((task.task, why)),
            _ => None,
        })
        .collect();
    plan.cells()
        .map(|cell| {
            let id = cell.id.as_str();
            let state = if finished.contains(id) {
                if diverged.contains(id) { State::Diverged } else { State::Completed }
            } else if attempted.contains(id) {
                of_last(plan, id)?
            } else {
                State::New
            };
            let is_open = !failed.is_empty() && !state.is_done();
            let needs = if is_open { plan.needs(&Task::Cell(cell.id.clone())) } else { Vec::new() };
            let blocked = needs.iter().map(ToString::to_string).find_map(|need| failed.get_key_value(&need));
            let state = blocked.map_or(state, |(need, why)| State::Failed(format!("{need}, which it needs: {why}")));
            Ok((cell, state))
        })
        .collect()
}

/// The shared models that were tried and are not there.
fn unfinished_shared(plan: &Plan) -> anyhow::Result<Vec<TaskState>> {
    let mut shared = Vec::new();
    for task in plan.folder.attempted()?.into_iter().filter(|task| task.contains('-')) {
        let is_there = plan.folder.path().join("undamaged").join(&task).join(super::result::SHARED_MODEL).is_file();
        match if is_there { State::New } else { of_last(plan, &task)? } {
            State::New => {}
            state => shared.push(TaskState { task, state }),
        }
    }
    Ok(shared)
}

/// The state of a task without a result.
fn of_last(plan: &Plan, task: &str) -> anyhow::Result<State> {
    let tries = plan.folder.attempts(task);
    Ok(match attempt::last(&tries)? {
        Last::None => State::New,
        Last::Held(_) if attempt::looks_abandoned(&tries) => State::Interrupted("its lease is not renewed".to_owned()),
        Last::Held(lease) => State::Running(format!("process {} on {}", lease.pid, lease.host)),
        Last::Interrupted(why) => State::Interrupted(why),
        Last::Failed(why) => State::Failed(why),
    })
}

/// The state of any task.
///
/// # Errors
/// When the folder cannot be read.
pub fn state_of(plan: &Plan, task: &Task) -> anyhow::Result<State> {
    if super::task::is_done(plan, task) { Ok(State::Completed) } else { of_last(plan, &task.to_string()) }
}

impl Status {
    /// Of a sweep, now.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of(plan: &Plan) -> anyhow::Result<Self> {
        let mut counts: BTreeMap<&'static str, usize> =
            ["new", "completed", "diverged", "running", "interrupted", "failed"].map(|word| (word, 0)).into();
        let mut cells = Vec::new();
        let varying = plan.varying();
        for (cell, state) in states(plan)? {
            *counts.entry(state.as_str()).or_default() += 1;
            if !state.is_done() && state != State::New {
                let settings = cell.settings.in_short(&varying);
                cells.push(CellState { number: cell.number, id: cell.id.clone(), settings, state });
            }
        }
        let shared = unfinished_shared(plan)?;
        let n_cells = plan.cells().count();
        Ok(Self { name: plan.name.clone(), id: plan.id.clone(), n_cells, counts, shared, cells })
    }

    /// For people.
    #[must_use]
    pub fn in_words(&self) -> String {
        const SHOWN: usize = 20;
        let counts: Vec<String> =
            self.counts.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{n} {word}")).collect();
        let mut lines = vec![format!("{} ({}): {} cells, {}", self.name, self.id, self.n_cells, counts.join(", "))];
        lines.extend(self.shared.iter().map(|task| line(&task.task, "shared model", &task.state)));
        let cells = self.cells.iter().take(SHOWN);
        lines.extend(cells.map(|cell| line(&format!("{} {}", cell.number, cell.id), &cell.settings, &cell.state)));
        if self.cells.len() > SHOWN {
            lines.push(format!("… and {} more", self.cells.len() - SHOWN));
        }
        lines.join("\n")
    }
}

fn line(name: &str, what: &str, state: &State) -> String {
    let why = match state {
        State::Running(why) | State::Interrupted(why) | State::Failed(why) => format!(" ({why})"),
        State::New | State::Completed | State::Diverged => String::new(),
    };
    format!("  {:<11} {name}  {what}{why}", state.as_str())
}
