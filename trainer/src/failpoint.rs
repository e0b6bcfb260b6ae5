//! Places where a test can have the process killed or paused, to prove that nothing is lost there.
//!
//! `BERT_HEAL_KILL_AT=NAME:N` kills the process by SIGKILL when it comes to the place NAME for the Nth time, from 1, and
//! `BERT_HEAL_STOP_AT=NAME:N` pauses it by SIGSTOP, until SIGCONT. It says so first, so that the log is the proof. Without
//! the variables a place costs one comparison.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use crate::say;

/// What is to happen.
#[derive(Clone, Copy)]
enum Fault {
    Kill,
    Stop,
}

static WANTED: LazyLock<Option<(Fault, String, usize)>> = LazyLock::new(|| {
    let of = |variable: &str, fault: Fault| {
        let text = std::env::var(variable).ok()?;
        let (name, n) = text.split_once(':')?;
        Some((fault, name.to_owned(), n.parse().ok()?))
    };
    of("BERT_HEAL_KILL_AT", Fault::Kill).or_else(|| of("BERT_HEAL_STOP_AT", Fault::Stop))
});

static REACHED: Mutex<BTreeMap<&'static str, usize>> = Mutex::new(BTreeMap::new());

/// The process has come to this place.
pub fn reached(name: &'static str) {
    let Some((fault, wanted, nth)) = WANTED.as_ref() else { return };
    if wanted != name {
        return;
    }
    let mut reached = REACHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let n = reached.entry(name).or_default();
    *n += 1;
    if n == nth {
        let word = match fault {
            Fault::Kill => "killed",
            Fault::Stop => "paused",
        };
        say!("{word} at {name}, reached for the {nth}. time");
        happen(*fault);
    }
}

#[cfg(unix)]
fn happen(fault: Fault) {
    let signal = match fault {
        Fault::Kill => signal_hook::consts::SIGKILL,
        Fault::Stop => signal_hook::consts::SIGSTOP,
    };
    let _ = signal_hook::low_level::raise(signal);
}

#[cfg(not(unix))]
fn happen(fault: Fault) {
    if matches!(fault, Fault::Kill) {
        std::process::abort();
    }
}
