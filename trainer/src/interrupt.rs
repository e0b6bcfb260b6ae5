//! Signals that ask for an end: Ctrl-C, a scheduler's SIGTERM, a closed terminal.
//!
//! The first one is orderly: the job finishes its step, saves and ends with exit code 4. Ctrl-C after any of them ends the
//! process at once. SIGTERM and SIGHUP never do, however often they come: systemd sends one right after the other, and a
//! scheduler follows with SIGKILL when its patience is over. A SIGHUP that is ignored already stays ignored, so a run under
//! `nohup` outlives its terminal.
//!
//! Nothing relies on the orderly end: `HyperQueue` kills a second after its SIGINT. What was being saved then stays
//! incomplete, which the next start recognises and passes over; the last whole state counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit_code::ExitCode;
use crate::say;

/// Tells a long job whether it was asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    /// Another reason to stop.
    other: Option<Arc<AtomicBool>>,
    at_the_end: AtTheEnd,
}

/// What a job does when it is asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtTheEnd {
    /// It finishes its step and saves; the same command goes on from there.
    #[default]
    ItIsSaved,
    /// It stops; it is short enough to be begun again.
    NothingIsSaved,
}

impl Interrupt {
    /// Takes over Ctrl-C, and on Unix SIGTERM and SIGHUP, for the rest of the process; to be called once.
    ///
    /// The first of them makes [`Interrupt::is_requested`] true, and the job finishes its step, saves and returns an
    /// [`interrupted`](crate::exit_code::interrupted) error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn install() -> anyhow::Result<Self> {
        Self::install_for(AtTheEnd::ItIsSaved)
    }

    /// As [`Interrupt::install`], for a job that may not save.
    ///
    /// # Errors
    /// As [`Interrupt::install`].
    pub fn install_for(at_the_end: AtTheEnd) -> anyhow::Result<Self> {
        let interrupt = Self { at_the_end, ..Self::default() };
        take_over(interrupt.clone())?;
        Ok(interrupt)
    }

    /// Whether there was a signal.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed) || self.other.as_ref().is_some_and(|other| other.load(Ordering::Relaxed))
    }

    /// The same, which is also requested as soon as `other` is set.
    #[must_use]
    pub fn or(&self, other: Arc<AtomicBool>) -> Self {
        Self { requested: self.requested.clone(), other: Some(other), at_the_end: self.at_the_end }
    }

    /// Asks for the orderly end as the first signal does.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// What a signal leads to.
    fn receive(&self, signal: &str, is_ctrl_c: bool) {
        let is_again = self.requested.swap(true, Ordering::Relaxed);
        if is_again && is_ctrl_c {
            match self.at_the_end {
                AtTheEnd::ItIsSaved => say!("stopped; repeat the command to resume from the last saved step"),
                AtTheEnd::NothingIsSaved => say!("stopped"),
            }
            std::process::exit(i32::from(ExitCode::Interrupted as u8));
        }
        if !is_again {
            match self.at_the_end {
                AtTheEnd::ItIsSaved => {
                    say!("{signal}: finishing this step, then saving (press Ctrl-C to quit now)");
                }
                AtTheEnd::NothingIsSaved => say!("{signal}: stopping (press Ctrl-C to quit now)"),
            }
        }
    }
}

#[cfg(unix)]
fn take_over(interrupt: Interrupt) -> anyhow::Result<()> {
    use anyhow::Context;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    let mut signals = Signals::new(signals).context("cannot take over SIGINT and SIGTERM")?;
    let wait = move || {
        for signal in signals.forever() {
            match signal {
                SIGINT => interrupt.receive("Ctrl-C", true),
                SIGTERM => interrupt.receive("SIGTERM", false),
                _ => interrupt.receive("the terminal was closed", false),
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).context("cannot start a thread for signals")?;
    Ok(())
}

/// Whether the process was started with that signal ignored, as `nohup` does with SIGHUP.
#[cfg(unix)]
#[expect(unsafe_code, reason = "no crate asks for a signal's disposition without changing it")]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros is a valid `sigaction` (integers, a set of bits, a nullable function pointer); with a null `act`
    // the call changes nothing and writes the present disposition to `current`, which lives through the call.
    let current = unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        match libc::sigaction(signal, std::ptr::null(), &raw mut current) {
            0 => current,
            _ => return false,
        }
    };
    current.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn take_over(interrupt: Interrupt) -> anyhow::Result<()> {
    use anyhow::Context;

    ctrlc::set_handler(move || interrupt.receive("Ctrl-C", true)).context("cannot take over Ctrl-C")
}
