//! A worker process: takes tasks from the sweep's driver on stdin, and tells on stdout how each is going, a line of JSON
//! each way.
//!
//! Its tasks share what they have in common in memory. When stdin ends, because the driver has, the worker saves its state
//! and stops.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::plan::{Plan, Task};
use super::request::Resolve;
use super::task::{Done, Workshop};
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupt;
use crate::paths;
use crate::progress::{self, PhaseProgress};

/// What a worker tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// It can take a task.
    Ready,
    /// How far it is.
    Progress(PhaseProgress),
    /// The task has a result; a sentence about it.
    Finished(String),
    /// The task's result is that a fine-tuning broke off.
    Diverged(String),
    /// The task failed.
    Failed(String),
    /// The task was saved and not finished, since the process was asked to stop.
    Interrupted,
    /// Another process, of this description, holds the task.
    Held(String),
}

/// Works for a driver until that has no more tasks.
///
/// # Errors
/// When the sweep's folder cannot be used.
pub fn work(folder: &Path, resolve: Resolve) -> anyhow::Result<ExitCode> {
    let folder = paths::canonical(folder).with_context(|| folder.display().to_string())?;
    let plan = Plan::open(&folder)?;
    std::env::set_current_dir(&plan.working_directory)
        .with_context(|| format!("the sweep's working directory {}", plan.working_directory.display()))?;
    let interrupt = Interrupt::install()?;
    progress::watch(|progress| tell(&Told::Progress(progress)));
    let tasks = tasks(interrupt.clone())?;
    let mut workshop = Workshop::new(&plan, resolve, interrupt.clone(), Duration::ZERO);
    tell(&Told::Ready);
    for task in tasks {
        tell(&match workshop.carry_out(&task)? {
            Done::Finished(words) => Told::Finished(words),
            Done::Diverged(why) => Told::Diverged(why),
            Done::Failed(why) => Told::Failed(why),
            Done::Interrupted => Told::Interrupted,
            Done::Held(held) => Told::Held(format!("process {} on {}", held.by.pid, held.by.host)),
        });
        if interrupt.is_requested() {
            return Ok(ExitCode::Interrupted);
        }
    }
    Ok(ExitCode::Ok)
}

fn tell(told: &Told) {
    // A driver that is gone hears nothing; the end of stdin stops this process.
    let line = serde_json::to_string(told).unwrap_or_default();
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// The tasks as they come. The end of stdin in the middle of a task asks for the orderly end.
fn tasks(interrupt: Interrupt) -> anyhow::Result<mpsc::Receiver<Task>> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(task) => {
                    if sender.send(task).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        interrupt.request();
    };
    std::thread::Builder::new().name("tasks".into()).spawn(read).context("the thread for tasks")?;
    Ok(receiver)
}
