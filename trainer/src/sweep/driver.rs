//! The driver of a sweep: worker processes that share the cores, each with one task at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::attempt::{self, End};
use super::overview::Overview;
use super::plan::{Plan, Task};
use super::schedule::{Progress, Schedule};
use super::settings::SettingsId;
use super::worker::Told;
use crate::atomic;
use crate::exit_code::{ExitCode, interrupted};
use crate::interrupt::Interrupt;
use crate::say;

/// How often a task whose process was killed is begun again before it counts as failed.
const MAX_KILLED: usize = 2;

/// How often to look for what other processes hold.
const POLL: Duration = Duration::from_secs(2);

/// How a sweep is to be run.
#[derive(Clone, Copy, Debug)]
pub struct DriverOptions {
    /// Worker processes.
    pub n_workers: usize,
    /// CPU threads of each.
    pub n_threads: usize,
    /// Whether the first failure ends the sweep.
    pub fail_fast: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Cells in all.
    pub n_cells: usize,
    /// Of these, cells with a result.
    pub n_done: usize,
    /// Of these, cells that failed.
    pub n_failed: usize,
}

enum Event {
    Told(usize, Told),
    Ended(usize),
}

struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Whether it has said that it can take a task.
    is_ready: bool,
    task: Option<(Task, Instant)>,
    at_hand: Option<SettingsId>,
}

/// Runs what is left of a sweep.
///
/// # Errors
/// When the user interrupts, a worker cannot be started, or the sweep's folder cannot be used.
pub fn drive(plan: &Plan, options: DriverOptions, interrupt: &Interrupt) -> anyhow::Result<Outcome> {
    let mut schedule = Schedule::new(plan)?;
    let (n_cells, n_done, n_failed) = schedule.counts();
    if schedule.left().n_cells == 0 {
        return Ok(Outcome { n_cells, n_done, n_failed });
    }
    let n_workers = options.n_workers.min(schedule.left().n_cells + schedule.left().n_shared);
    let mut overview = Overview::new(&plan.name, n_workers, n_cells, n_done);
    let (sender, events) = mpsc::channel();
    let mut workers = BTreeMap::new();
    for number in 0..n_workers {
        workers.insert(number, start(plan, number, options.n_threads, &sender)?);
    }
    let mut run = Run {
        plan,
        varying: plan.varying(),
        schedule: &mut schedule,
        overview: &mut overview,
        killed: BTreeMap::new(),
        held: Vec::new(),
        holders: BTreeMap::new(),
    };
    let mut is_stopping = false;
    let mut last_poll = Instant::now();
    while !workers.is_empty() {
        match events.recv_timeout(POLL) {
            Ok(Event::Told(number, told)) => {
                let is_progress = matches!(told, Told::Progress(_));
                if let Some(worker) = workers.get_mut(&number) {
                    run.told(worker, number, told);
                }
                // Nobody is free for another task by it.
                if is_progress && !interrupt.is_requested() && last_poll.elapsed() < POLL {
                    continue;
                }
            }
            Ok(Event::Ended(number)) => {
                let Some(worker) = workers.remove(&number) else { continue };
                let was_lost = run.ended(worker, number, is_stopping)?;
                if was_lost && !is_stopping {
                    workers.insert(number, start(plan, number, options.n_threads, &sender)?);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("this function has a sender"),
        }
        if !is_stopping && (interrupt.is_requested() || (options.fail_fast && run.schedule.counts().2 > n_failed)) {
            is_stopping = true;
            // Who works on something saves it, when its stdin ends.
            for worker in workers.values_mut() {
                worker.stdin = None;
            }
        }
        if last_poll.elapsed() >= POLL {
            last_poll = Instant::now();
            run.look_at_held();
        }
        if !is_stopping {
            for (number, worker) in &mut workers {
                run.assign(worker, *number)?;
            }
        }
    }
    overview.finish();
    if interrupt.is_requested() {
        let (n_cells, n_done, _) = schedule.counts();
        return Err(interrupted(anyhow!(
            "interrupted with {n_done} of {n_cells} cells done; repeat the command to go on"
        )));
    }
    if !is_stopping && schedule.left().n_cells > 0 {
        return Err(anyhow!("all workers have ended; {} says why", plan.folder.path().join("logs").display()));
    }
    let (n_cells, n_done, n_failed) = schedule.counts();
    Ok(Outcome { n_cells, n_done, n_failed })
}

fn start(plan: &Plan, number: usize, n_threads: usize, events: &mpsc::Sender<Event>) -> anyhow::Result<Worker> {
    let log = plan.folder.path().join("logs").join(format!("worker-{number}.log"));
    atomic::create_dirs(log.parent().expect("it lies in a folder"))?;
    let log = File::options().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
    let mut child = Command::new(std::env::current_exe().context("this program's own path")?)
        .args(["sweep", "worker"])
        .arg(plan.folder.path())
        .args(["--threads", &n_threads.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("cannot start a worker")?;
    let stdout = child.stdout.take().expect("it is piped");
    let stdin = child.stdin.take();
    let events = events.clone();
    let read = move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(told) = serde_json::from_str(&line)
                && events.send(Event::Told(number, told)).is_err()
            {
                return;
            }
        }
        let _ = events.send(Event::Ended(number));
    };
    std::thread::Builder::new().name(format!("worker {number}")).spawn(read).context("a worker's thread")?;
    Ok(Worker { child, stdin, is_ready: false, task: None, at_hand: None })
}

struct Run<'a, 'b> {
    plan: &'a Plan,
    /// The settings that tell cells apart.
    varying: BTreeSet<String>,
    schedule: &'b mut Schedule<'a>,
    overview: &'b mut Overview,
    /// How often the process of a task was killed.
    killed: BTreeMap<Task, usize>,
    /// What other processes work on.
    held: Vec<Task>,
    /// Who they are, as far as it was said.
    holders: BTreeMap<Task, String>,
}

impl Run<'_, '_> {
    /// Gives a worker without a task the next one; when there will be none for it, ends it.
    fn assign(&mut self, worker: &mut Worker, number: usize) -> anyhow::Result<()> {
        if !worker.is_ready || worker.task.is_some() || worker.stdin.is_none() {
            return Ok(());
        }
        let left = self.schedule.left();
        let Some(task) = self.schedule.next(worker.at_hand.as_ref()) else {
            if left.n_cells == 0 {
                worker.stdin = None;
            }
            return Ok(());
        };
        let line = serde_json::to_string(&task)?;
        let stdin = worker.stdin.as_mut().expect("it was looked at");
        if writeln!(stdin, "{line}").and_then(|()| stdin.flush()).is_err() {
            // It has just died; its end is on its way.
            self.schedule.set(&task, Progress::Open);
            worker.stdin = None;
            return Ok(());
        }
        worker.at_hand = self.schedule.undamaged_of(&task);
        self.overview.began(number, &self.in_words(&task));
        worker.task = Some((task, Instant::now()));
        Ok(())
    }

    fn told(&mut self, worker: &mut Worker, number: usize, told: Told) {
        match told {
            Told::Ready => {
                worker.is_ready = true;
                return;
            }
            Told::Progress(progress) => {
                self.overview.progress(number, &progress);
                return;
            }
            _ => {}
        }
        let Some((task, began)) = worker.task.take() else { return };
        let secs = began.elapsed().as_secs_f64();
        let words = self.in_words(&task);
        let (now, line) = match told {
            Told::Finished(result) => (Progress::Done, format!("{words}: {result} ({secs:.0} s)")),
            Told::Diverged(why) => (Progress::Done, format!("{words}: {why}")),
            Told::Failed(why) => (Progress::Failed, format!("FAILED {words}: {why}")),
            Told::Held(by) => {
                self.held.push(task.clone());
                // It is asked for again and again, and said once.
                if self.holders.get(&task) == Some(&by) {
                    self.schedule.set(&task, Progress::Running);
                    self.overview.set_idle(number);
                    return;
                }
                self.holders.insert(task.clone(), by.clone());
                (Progress::Running, format!("{words}: {by} works on it"))
            }
            Told::Interrupted => (Progress::Open, format!("{words}: stopped and saved")),
            Told::Ready | Told::Progress(_) => return,
        };
        if now == Progress::Done {
            self.overview.took(matches!(task, Task::Cell(_)), secs);
        }
        self.became(&task, now, number, &line);
    }

    fn became(&mut self, task: &Task, now: Progress, worker: usize, line: &str) {
        self.schedule.set(task, now);
        self.overview.ended(worker, line, self.schedule.counts(), self.schedule.left());
    }

    /// A worker's process has ended. Returns whether another is to take its place.
    fn ended(&mut self, worker: Worker, number: usize, is_stopping: bool) -> anyhow::Result<bool> {
        let Worker { mut child, task, .. } = worker;
        let status = child.wait().context("waiting for a worker")?;
        let Some((task, _)) = task else {
            if !status.success() && !is_stopping {
                say!("worker {number} ended: {}", how(status));
            }
            return Ok(self.schedule.left().n_cells > 0 && was_killed(status.code()));
        };
        let words = self.in_words(&task);
        let n_killed = self.killed.entry(task.clone()).or_default();
        let is_interrupted = match status.code() {
            // Its own word for an orderly end that came before it could tell.
            Some(code) if code == ExitCode::Interrupted as i32 => true,
            code if was_killed(code) => {
                *n_killed += 1;
                *n_killed <= MAX_KILLED
            }
            _ => false,
        };
        let reason = format!("its process ended: {} (logs/worker-{number}.log has its last words)", how(status));
        let end = End { is_interrupted, reason: reason.clone() };
        attempt::mark_ended(&self.plan.folder.attempts(&task.to_string()), child.id(), &end)?;
        let now = if super::task::is_done(self.plan, &task) {
            Progress::Done
        } else if is_interrupted {
            Progress::Open
        } else {
            Progress::Failed
        };
        let again = if now == Progress::Open && !is_stopping { "; it is begun again from where it was" } else { "" };
        self.became(&task, now, number, &format!("{words}: {reason}{again}"));
        Ok(true)
    }

    /// What somebody else held may be done by now, or free.
    fn look_at_held(&mut self) {
        for task in std::mem::take(&mut self.held) {
            let now = if super::task::is_done(self.plan, &task) { Progress::Done } else { Progress::Open };
            self.schedule.set(&task, now);
        }
    }

    fn in_words(&self, task: &Task) -> String {
        match task {
            Task::Cell(id) => match self.plan.cell(id) {
                Some(cell) => format!("cell {} {}", cell.number, cell.settings.in_short(&self.varying)),
                None => id.to_string(),
            },
            Task::Undamaged(_, condition) => {
                let settings = self.plan.settings(task);
                let settings = settings.map_or_else(String::new, |settings| settings.in_short(&self.varying));
                format!("{condition} {settings}")
            }
        }
    }
}

/// Whether a process had no say in how it ended: on Unix there is no code then, on Windows one of the system's, which as a
/// number with a sign are all below 0.
fn was_killed(code: Option<i32>) -> bool {
    code.is_none_or(|code| code < 0)
}

fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("killed by signal {signal}{}", if signal == 9 { " (is memory short?)" } else { "" });
    }
    status.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_the_system_ended_was_killed_and_one_that_ended_itself_was_not() {
        // As Windows has them: an access violation, Ctrl-C without a handler.
        let of_windows = [0xC000_0005_u32, 0xC000_013A].map(|code| Some(code.cast_signed()));
        for code in of_windows.into_iter().chain([None]) {
            assert!(was_killed(code), "{code:?}");
        }
        for code in [ExitCode::Ok, ExitCode::Unexpected, ExitCode::BadInput, ExitCode::Interrupted, ExitCode::TryAgain]
        {
            assert!(!was_killed(Some(code as i32)), "{code:?}");
        }
    }
}
