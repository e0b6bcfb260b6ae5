//! Which panics are findings.
//!
//! libFuzzer's crate ends the process at any panic. The readers of pickles and of columns catch panics on purpose, with a
//! hook of their own that says nothing of them, since the crates they build on panic on some damaged files; but that
//! would hide panics of the readers themselves, too. So a hook goes above theirs: a panic in a crate from a registry is
//! left to them, and ends the process where nobody catches it; any other does in any case.

use std::panic;

/// To be called after the reader has put its own hook in place.
pub(crate) fn watch() {
    let below = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let is_foreign = panic.location().is_some_and(|place| place.file().contains("/registry/src/"));
        if !is_foreign {
            eprintln!("{panic}");
            std::process::abort();
        }
        below(panic);
    }));
}
