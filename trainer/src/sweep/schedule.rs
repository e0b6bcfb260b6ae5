//! Which task comes next.

use std::collections::BTreeMap;

use super::plan::{Plan, Task};
use super::settings::SettingsId;
use super::status::{State, state_of, states};

/// How many cells are looked at for one of the same rows; it must not become a search through all.
const LOOK_AHEAD: usize = 200;

/// What is known of a task while the sweep runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To be done.
    Open,
    /// A worker has it.
    Running,
    /// It has a result.
    Done,
    /// It failed, or what it needs did.
    Failed,
}

/// The tasks of a sweep in their order: by the cells' numbers, each after the shared models that it needs.
#[derive(Debug)]
pub struct Schedule<'a> {
    plan: &'a Plan,
    cells: Vec<Task>,
    /// Cells before this one need no look any more.
    first_open: usize,
    progress: BTreeMap<Task, Progress>,
    /// How many cells, and how many shared models, are at each of [`Progress`].
    n_cells: [usize; 4],
    n_shared: [usize; 4],
    needs: BTreeMap<Task, Vec<Task>>,
}

/// How many tasks of each kind are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Cells that are not done.
    pub n_cells: usize,
    /// Shared models that cells wait for.
    pub n_shared: usize,
}

impl<'a> Schedule<'a> {
    /// Of what is not done; failed cells stay as they are, and count as failed.
    ///
    /// # Errors
    /// When the sweep's folder cannot be read.
    pub fn new(plan: &'a Plan) -> anyhow::Result<Self> {
        let mut progress = BTreeMap::new();
        let mut cells = Vec::new();
        let mut needs = BTreeMap::new();
        for (cell, state) in states(plan)? {
            let task = Task::Cell(cell.id.clone());
            let now = match state {
                State::Completed | State::Diverged => Progress::Done,
                State::Failed(_) => Progress::Failed,
                State::New | State::Running(_) | State::Interrupted(_) => Progress::Open,
            };
            if now == Progress::Open {
                let of_cell = plan.needs(&task);
                for need in &of_cell {
                    if !progress.contains_key(need) {
                        let state = state_of(plan, need)?;
                        let is_failed = matches!(state, State::Failed(_));
                        let now = if state.is_done() {
                            Progress::Done
                        } else if is_failed {
                            Progress::Failed
                        } else {
                            Progress::Open
                        };
                        progress.insert(need.clone(), now);
                        needs.insert(need.clone(), plan.needs(need));
                    }
                }
                needs.insert(task.clone(), of_cell);
            }
            progress.insert(task.clone(), now);
            cells.push(task);
        }
        let (mut n_cells, mut n_shared) = ([0; 4], [0; 4]);
        for (task, now) in &progress {
            let n = if matches!(task, Task::Cell(_)) { &mut n_cells } else { &mut n_shared };
            n[*now as usize] += 1;
        }
        let mut schedule = Self { plan, cells, first_open: 0, progress, n_cells, n_shared, needs };
        schedule.spread_failures();
        Ok(schedule)
    }

    /// The next task for a worker that has what the undamaged models `at_hand` were prepared with; none when all that is
    /// left is running or waits for what is running.
    pub fn next(&mut self, at_hand: Option<&SettingsId>) -> Option<Task> {
        while self.cells.get(self.first_open).is_some_and(|cell| self.progress[cell] != Progress::Open) {
            self.first_open += 1;
        }
        let mut first = None;
        for (n_seen, cell) in self.cells[self.first_open..].iter().enumerate() {
            if n_seen > LOOK_AHEAD && first.is_some() {
                break;
            }
            let Some(task) = self.ready(cell) else { continue };
            if at_hand.is_some_and(|of| self.undamaged_of(&task).as_ref() == Some(of)) {
                first = Some(task);
                break;
            }
            first.get_or_insert(task);
        }
        let task = first?;
        self.put(&task, Progress::Running);
        Some(task)
    }

    /// The cell itself when nothing is missing for it, or what is missing and can be begun.
    fn ready(&self, cell: &Task) -> Option<Task> {
        if self.progress[cell] != Progress::Open {
            return None;
        }
        for need in &self.needs[cell] {
            match self.progress[need] {
                Progress::Done => {}
                Progress::Open => {
                    return self.needs[need]
                        .iter()
                        .all(|first| self.progress[first] == Progress::Done)
                        .then(|| need.clone());
                }
                Progress::Running | Progress::Failed => return None,
            }
        }
        Some(cell.clone())
    }

    /// The undamaged models that a task makes or starts from: tasks with the same share rows and tokens.
    #[must_use]
    pub fn undamaged_of(&self, task: &Task) -> Option<SettingsId> {
        match task {
            Task::Undamaged(of, _) => Some(of.clone()),
            Task::Cell(id) => self.plan.cell(id).map(|cell| cell.settings.undamaged().id()),
        }
    }

    /// Says what became of a task.
    pub fn set(&mut self, task: &Task, now: Progress) {
        self.put(task, now);
        if let Task::Cell(_) = task
            && now == Progress::Open
            && let Some(at) = self.cells.iter().position(|cell| cell == task)
        {
            self.first_open = self.first_open.min(at);
        }
        if now == Progress::Failed {
            self.spread_failures();
        }
    }

    fn put(&mut self, task: &Task, now: Progress) {
        let n = if matches!(task, Task::Cell(_)) { &mut self.n_cells } else { &mut self.n_shared };
        if let Some(before) = self.progress.insert(task.clone(), now) {
            n[before as usize] -= 1;
        }
        n[now as usize] += 1;
    }

    /// What needs something that failed has failed as well.
    fn spread_failures(&mut self) {
        // Twice: a healthy model, the control that is made of it, the cells.
        for _ in 0..2 {
            let failed: Vec<Task> = self
                .needs
                .iter()
                .filter(|(task, _)| self.progress[*task] == Progress::Open)
                .filter(|(_, needs)| needs.iter().any(|need| self.progress[need] == Progress::Failed))
                .map(|(task, _)| task.clone())
                .collect();
            for task in failed {
                self.put(&task, Progress::Failed);
            }
        }
    }

    /// How many cells are in all, done, and failed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.cells.len(), self.n_cells[Progress::Done as usize], self.n_cells[Progress::Failed as usize])
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> Left {
        let n_left = |n: &[usize; 4]| n[Progress::Open as usize] + n[Progress::Running as usize];
        Left { n_cells: n_left(&self.n_cells), n_shared: n_left(&self.n_shared) }
    }
}
