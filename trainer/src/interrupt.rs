//! Ctrl-C: the first one asks for an orderly end, the second one ends the process.

use crate::exit_code::ExitCode;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a long job whether the user asked it to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over Ctrl-C for the rest of the process; to be called once.
    ///
    /// The first Ctrl-C makes [`Interrupt::is_requested`] true, and the job finishes its step, saves and returns an
    /// [`interrupted`](crate::exit_code::interrupted) error. The second ends the process at once: what was being
    /// written stays incomplete, which the next start recognises and passes over.
    pub fn install() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let requested = Arc::clone(&interrupt.requested);
        ctrlc::set_handler(move || {
            if requested.swap(true, Ordering::Relaxed) {
                eprintln!("stopped; the same command goes on from the last saved step");
                std::process::exit(i32::from(ExitCode::Interrupted as u8));
            }
            eprintln!("finishing this step and saving; Ctrl-C again ends at once");
        })
        .context("cannot take over Ctrl-C")?;
        Ok(interrupt)
    }

    /// Whether there was a Ctrl-C.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Asks for the orderly end as the first Ctrl-C does.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }
}
