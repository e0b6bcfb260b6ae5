//! Places where a test can have the process killed, to prove that nothing is lost there.
//!
//! `BERT_HEAL_KILL_AT=NAME:N` kills the process by SIGKILL when it comes to the place NAME for the Nth time, from 1. It
//! says so first, so that the log is the proof. Without the variable a place costs one comparison.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use crate::say;

const VARIABLE: &str = "BERT_HEAL_KILL_AT";

static WANTED: LazyLock<Option<(String, usize)>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let (name, n) = text.split_once(':')?;
    Some((name.to_owned(), n.parse().ok()?))
});

static REACHED: Mutex<BTreeMap<&'static str, usize>> = Mutex::new(BTreeMap::new());

/// The process has come to this place.
pub fn reached(name: &'static str) {
    let Some((wanted, nth)) = WANTED.as_ref() else { return };
    if wanted != name {
        return;
    }
    let mut reached = REACHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let n = reached.entry(name).or_default();
    *n += 1;
    if n == nth {
        say!("killed at {name}, reached for the {nth}. time");
        kill();
    }
}

#[cfg(unix)]
fn kill() {
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
}

#[cfg(not(unix))]
fn kill() {
    std::process::abort();
}
