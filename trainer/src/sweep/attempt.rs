//! One try at a task, and whose turn it is.
//!
//! Machines that share a folder but not a clock, over a file system whose locks cannot be trusted, have to agree on who
//! works on a task. A try is a folder `attempts/<task>/<n>`, which only one process can create; its number is the fencing
//! token. Its holder renews `lease.json` every few seconds. Others watch it: when it stays the same for [`TIME_TO_LIVE`] by
//! their own clock, or its process is gone from this very machine, they begin try n+1 and take over the training state. The
//! holder that was taken for dead, because it was paused or cut off, finds try n+1 at its next renewal and stops. Should it
//! come to its end all the same, its result is the same byte for byte, and the first that is published stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::folder::names;
use super::machine::{boot, host, is_running};
use crate::atomic;
use crate::run_dir::take_lock_away;
use crate::say;

/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(5);

/// How long a lease counts without being renewed: long enough for a slow file system, short beside what is computed.
pub const TIME_TO_LIVE: Duration = Duration::from_mins(1);

/// How often others look.
const WATCH: Duration = Duration::from_millis(500);

const LEASE: &str = "lease.json";
const END: &str = "end.json";
const LOG: &str = "log.txt";
/// The folder of the run, with its training states.
const RUN: &str = "run";

/// Who works on a try, and that it still does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The machine's name.
    pub host: String,
    /// One start of that machine and one container on it, so that a process number of another counts for nothing; empty where
    /// unknown.
    pub boot: String,
    /// The process.
    pub pid: u32,
    /// How often it was renewed.
    pub renewals: u64,
}

/// How a try ended that left no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Whether it is to be tried again without being asked for.
    pub is_interrupted: bool,
    /// What happened, in a sentence.
    pub reason: String,
}

/// What is known of the last try at a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// There was none.
    None,
    /// Somebody holds it, as far as can be told at one look.
    Held(Lease),
    /// It was cut short: its process was stopped, killed, or is gone.
    Interrupted(String),
    /// It failed.
    Failed(String),
}

/// A try that this process holds.
#[derive(Debug)]
pub struct Attempt {
    path: PathBuf,
    number: u32,
    is_lost: Arc<AtomicBool>,
    stop: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    is_ended: bool,
}

/// The lease of somebody else, and since when it has been the same.
#[derive(Clone, Debug)]
pub struct Watched {
    number: u32,
    lease: Lease,
    since: Instant,
}

/// Why a task cannot be worked on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// By whom.
    pub by: Lease,
}

impl Attempt {
    /// Begins a try at the task with the folder `tries`, taking over what an earlier one computed; when somebody else holds
    /// it, waits for at most `patience` whether that one is still alive. `watched` is what the last look saw, for one who
    /// asks again later instead of waiting; `is_done` ends the waiting when there is a result.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn begin(
        tries: &Path,
        patience: Duration,
        watched: &mut Option<Watched>,
        is_done: impl Fn() -> bool,
    ) -> anyhow::Result<Result<Option<Self>, Held>> {
        let started = Instant::now();
        loop {
            if is_done() {
                return Ok(Ok(None));
            }
            let number = last_number(tries)?;
            if let Some(number) = number
                && let Some(lease) = held(&tries.join(number.to_string()))?
            {
                let since = match &*watched {
                    Some(before) if (before.number, &before.lease) == (number, &lease) => before.since,
                    _ => Instant::now(),
                };
                if since.elapsed() < TIME_TO_LIVE {
                    *watched = Some(Watched { number, lease: lease.clone(), since });
                    if started.elapsed() >= patience {
                        return Ok(Err(Held { by: lease }));
                    }
                    std::thread::sleep(WATCH.min(patience));
                    continue;
                }
                say!(
                    "{}: process {} on {} is gone; going on from what it saved",
                    tries.display(),
                    lease.pid,
                    lease.host
                );
            }
            let next = number.map_or(1, |number| number + 1);
            let path = tries.join(next.to_string());
            atomic::create_dirs(tries)?;
            match fs::create_dir(&path) {
                Ok(()) => return Self::hold(tries, path, next).map(|attempt| Ok(Some(attempt))),
                // Somebody was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
    }

    fn hold(tries: &Path, path: PathBuf, number: u32) -> anyhow::Result<Self> {
        let mut lease = Lease::of_this_process();
        write_lease(&path, &lease)?;
        crate::failpoint::reached("attempt.held");
        // Each take-over moves the run on, and one that died before it did so has none: the newest is the one to go on from.
        // What its process is still writing goes to a folder of its own from here on.
        for earlier in (1..number).rev() {
            let from = tries.join(earlier.to_string()).join(RUN);
            match atomic::rename(&from, &path.join(RUN)) {
                Ok(()) => {
                    // A process that is paused or cut off still has the lock's file open.
                    take_lock_away(&path.join(RUN))?;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Windows moves no folder in which a process that is paused has a file open.
                Err(error) if cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied => {
                    say!("{}: {error}; beginning anew", from.display());
                    break;
                }
                Err(error) => return Err(error).with_context(|| from.display().to_string()),
            }
        }
        crate::failpoint::reached("attempt.taken-over");
        let is_lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = mpsc::channel();
        let (renewed, tries, lost) = (path.clone(), tries.to_owned(), is_lost.clone());
        let renew = move || {
            while stopped.recv_timeout(RENEWAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                if last_number(&tries).is_ok_and(|last| last != Some(number)) {
                    lost.store(true, Ordering::Relaxed);
                    return;
                }
                lease.renewals += 1;
                // A file system that fails for a while leaves the lease old, which others will see.
                let _ = write_lease(&renewed, &lease);
            }
        };
        let thread = std::thread::Builder::new().name("lease".into()).spawn(renew).context("the lease's thread")?;
        Ok(Self { path, number, is_lost, stop: Some((stop, thread)), is_ended: false })
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the run in it.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.path.join(RUN)
    }

    /// Where its messages go.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// Set when another process has taken it for dead and begun the next.
    #[must_use]
    pub fn lost(&self) -> Arc<AtomicBool> {
        self.is_lost.clone()
    }

    /// Ends it without a result.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn end(mut self, end: &End) -> anyhow::Result<()> {
        self.release();
        atomic::write_json(&self.path.join(END), end)
    }

    /// Ends it with a result, and removes what all tries at the task left.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.release();
        let Some(tries) = self.path.parent() else { return Ok(()) };
        // The result is published: what is left is rubbish, and somebody who was taken for dead may still add to it.
        match fs::remove_dir_all(tries) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                say!("note: {} could not be removed ({error}); `sweep clean` tries again", tries.display());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn release(&mut self) {
        self.is_ended = true;
        if let Some((stop, thread)) = self.stop.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Attempt {
    /// A try that is dropped on the way out of an error ends as interrupted; who ends it otherwise has said so.
    fn drop(&mut self) {
        if !self.is_ended {
            self.release();
            let end = End { is_interrupted: true, reason: "it was given up".to_owned() };
            let _ = atomic::write_json(&self.path.join(END), &end);
        }
    }
}

impl Lease {
    fn of_this_process() -> Self {
        Self { host: host(), boot: boot(), pid: std::process::id(), renewals: 0 }
    }

    /// Whether its process certainly runs no more: it is one of this start of this machine, and is gone.
    fn is_gone(&self) -> bool {
        let here = Self::of_this_process();
        !here.boot.is_empty() && (&self.host, &self.boot) == (&here.host, &here.boot) && !is_running(self.pid)
    }
}

/// What is known of the last try at a task, at one look.
///
/// # Errors
/// When the file system fails.
pub fn last(tries: &Path) -> anyhow::Result<Last> {
    let Some(number) = last_number(tries)? else { return Ok(Last::None) };
    let path = tries.join(number.to_string());
    if let Some(end) = read::<End>(&path.join(END))? {
        return Ok(if end.is_interrupted { Last::Interrupted(end.reason) } else { Last::Failed(end.reason) });
    }
    Ok(match held(&path)? {
        Some(lease) => Last::Held(lease),
        None => Last::Interrupted("its process is gone".to_owned()),
    })
}

/// Whether the lease of the last try at a task is the same for [`TIME_TO_LIVE`] and more, by the file's own time and this
/// machine's clock: a hint for an overview, on which nothing is decided.
#[must_use]
pub fn looks_abandoned(tries: &Path) -> bool {
    let lease = last_number(tries).ok().flatten().map(|number| tries.join(number.to_string()).join(LEASE));
    let modified = lease.and_then(|path| fs::metadata(path).ok()?.modified().ok());
    modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > TIME_TO_LIVE)
}

/// Says of a task's last try that its process, of this machine and number, came to an end, when it has not said so itself.
///
/// # Errors
/// When that cannot be written.
pub fn mark_ended(tries: &Path, pid: u32, end: &End) -> anyhow::Result<()> {
    let Some(number) = last_number(tries)? else { return Ok(()) };
    let path = tries.join(number.to_string());
    let here = Lease::of_this_process();
    let is_its = read::<Lease>(&path.join(LEASE))?.is_none_or(|lease| lease.pid == pid && lease.host == here.host);
    if path.join(END).exists() || !is_its { Ok(()) } else { overwrite_end(tries, end) }
}

/// Says how a task's last try ended, whatever it said itself.
///
/// # Errors
/// When that cannot be written.
fn overwrite_end(tries: &Path, end: &End) -> anyhow::Result<()> {
    let Some(number) = last_number(tries)? else { return Ok(()) };
    atomic::write_json(&tries.join(number.to_string()).join(END), end)
}

/// Lets a task that failed be tried again.
///
/// # Errors
/// When that cannot be written.
pub fn forgive(tries: &Path) -> anyhow::Result<()> {
    overwrite_end(tries, &End { is_interrupted: true, reason: "it is to be tried again".to_owned() })
}

/// The logs of a task's tries that are still there, the first first.
///
/// # Errors
/// When the file system fails.
pub fn logs(tries: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Some(last) = last_number(tries)? else { return Ok(Vec::new()) };
    let paths = (1..=last).map(|number| tries.join(number.to_string()).join(LOG));
    Ok(paths.filter(|path| path.is_file()).collect())
}

/// The lease of a try that has not ended and whose process may run.
fn held(path: &Path) -> anyhow::Result<Option<Lease>> {
    if path.join(END).exists() {
        return Ok(None);
    }
    let Some(lease) = read::<Lease>(&path.join(LEASE))? else {
        // Its folder was made and its lease is not there: either this very moment, or the process died in between. It has
        // computed nothing, and who finds its try taken stops.
        return Ok(None);
    };
    Ok((!lease.is_gone()).then_some(lease))
}

fn write_lease(path: &Path, lease: &Lease) -> anyhow::Result<()> {
    atomic::write_json(&path.join(LEASE), lease)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => {
            let bytes = bytes.with_context(|| path.display().to_string())?;
            Ok(Some(serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?))
        }
    }
}

fn last_number(tries: &Path) -> anyhow::Result<Option<u32>> {
    Ok(names(tries)?.iter().filter_map(|name| name.parse().ok()).max())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn begin(tries: &Path) -> Result<Option<Attempt>, Held> {
        Attempt::begin(tries, Duration::ZERO, &mut None, || false).unwrap()
    }

    #[test]
    fn a_task_is_held_by_one_process_and_taken_over_with_what_it_computed() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let first = begin(&tries).unwrap().unwrap();
        assert_eq!(first.number(), 1);
        assert_eq!(begin(&tries).unwrap_err().by.pid, std::process::id());
        assert!(matches!(last(&tries).unwrap(), Last::Held(_)));
        fs::create_dir(first.run()).unwrap();
        fs::write(first.run().join("state"), "saved").unwrap();
        first.end(&End { is_interrupted: true, reason: "stopped".into() }).unwrap();
        assert_eq!(last(&tries).unwrap(), Last::Interrupted("stopped".into()));

        let second = begin(&tries).unwrap().unwrap();
        assert_eq!(second.number(), 2);
        assert_eq!(fs::read_to_string(second.run().join("state")).unwrap(), "saved");
        second.end(&End { is_interrupted: false, reason: "no such file".into() }).unwrap();
        assert_eq!(last(&tries).unwrap(), Last::Failed("no such file".into()));
        forgive(&tries).unwrap();
        assert!(matches!(last(&tries).unwrap(), Last::Interrupted(_)));
        begin(&tries).unwrap().unwrap().finish().unwrap();
        assert!(!tries.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_gone_from_this_machine_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = Lease { pid: child.id(), ..Lease::of_this_process() };
        child.wait().unwrap();
        fs::create_dir_all(tries.join("1")).unwrap();
        write_lease(&tries.join("1"), &gone).unwrap();
        assert_eq!(last(&tries).unwrap(), Last::Interrupted("its process is gone".into()));
        assert_eq!(begin(&tries).unwrap().unwrap().number(), 2);

        // Of another machine nothing is known at one look.
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir_all(elsewhere.join("1")).unwrap();
        write_lease(&elsewhere.join("1"), &Lease { host: "another".into(), ..gone }).unwrap();
        assert_eq!(begin(&elsewhere).unwrap_err().by.host, "another");
    }

    #[test]
    fn who_was_taken_for_dead_and_is_only_paused_does_not_keep_the_folder_of_the_run_locked() {
        let open = |run: PathBuf| File::options().create(true).append(true).open(run.join(".lock")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let paused = begin(&tries).unwrap().unwrap();
        fs::create_dir(paused.run()).unwrap();
        let lock = open(paused.run());
        lock.try_lock().unwrap();
        overwrite_end(&tries, &End { is_interrupted: true, reason: "its lease is not renewed".into() }).unwrap();
        let next = begin(&tries).unwrap().unwrap();
        open(next.run()).try_lock().unwrap();
    }

    #[test]
    fn who_was_taken_for_dead_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let first = begin(&tries).unwrap().unwrap();
        fs::create_dir(tries.join("2")).unwrap();
        let lost = first.lost();
        let started = Instant::now();
        while !lost.load(Ordering::Relaxed) && started.elapsed() < 4 * RENEWAL {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(lost.load(Ordering::Relaxed));
    }

    #[test]
    fn waiting_ends_when_there_is_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let _held = begin(&tries).unwrap().unwrap();
        let looks = std::cell::Cell::new(0);
        let is_done = || looks.replace(looks.get() + 1) == 2;
        assert!(Attempt::begin(&tries, Duration::from_secs(30), &mut None, is_done).unwrap().unwrap().is_none());
    }

    #[test]
    fn a_lease_of_another_machine_that_stays_the_same_is_taken_over_by_one_who_only_looks_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        let elsewhere = Lease { host: "another".into(), ..Lease::of_this_process() };
        fs::create_dir_all(tries.join("1/run")).unwrap();
        write_lease(&tries.join("1"), &elsewhere).unwrap();
        let mut watched = None;
        let mut look = |age: Duration| {
            if let Some(watched) = &mut watched {
                let Watched { since, .. } = watched;
                *since = since.checked_sub(age).unwrap();
            }
            Attempt::begin(&tries, Duration::ZERO, &mut watched, || false).unwrap()
        };
        assert_eq!(look(Duration::ZERO).unwrap_err().by.host, "another");
        assert_eq!(look(TIME_TO_LIVE / 2).unwrap_err().by.host, "another");
        // It lives: the minute begins anew.
        write_lease(&tries.join("1"), &Lease { renewals: 1, ..elsewhere }).unwrap();
        assert!(look(TIME_TO_LIVE).is_err());
        let next = look(TIME_TO_LIVE).unwrap().unwrap();
        assert_eq!((next.number(), next.run().is_dir()), (2, true));
    }

    #[test]
    fn who_died_before_it_moved_the_run_over_does_not_lose_it() {
        let folder = tempfile::tempdir().unwrap();
        let tries = folder.path().join("cell");
        fs::create_dir_all(tries.join("1/run")).unwrap();
        fs::write(tries.join("1/run/state"), "saved").unwrap();
        // Two that died at the worst moment.
        fs::create_dir(tries.join("2")).unwrap();
        fs::create_dir(tries.join("3")).unwrap();
        let fourth = begin(&tries).unwrap().unwrap();
        assert_eq!(fourth.number(), 4);
        assert_eq!(fs::read_to_string(fourth.run().join("state")).unwrap(), "saved");
    }
}
