//! stdout is the result and nothing else: one JSON value, or text for people. Words on the way go to stderr, by `say!`.

use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Prints `value` as one JSON value and a line feed.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints `text` and a line feed.
///
/// A reader that went away (`bert-heal predict | head`) has all it wants, so that is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Where words on the way go besides stderr.
static LOG: Mutex<Option<File>> = Mutex::new(None);

/// Has everything that is said from here on written to `log` as well, or no longer.
pub fn also_log_to(log: Option<File>) {
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = log;
}

/// What [`say!`] does.
pub fn say_line(line: std::fmt::Arguments<'_>) {
    // Nobody is left to hear of an error here.
    let _ = writeln!(io::stderr().lock(), "{line}");
    if let Some(log) = LOG.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        let _ = writeln!(log, "{line}");
    }
}

/// Says something on stderr, a line at a time, as `eprintln!` does but without its panic: a run whose terminal is gone
/// has nobody to tell, and goes on.
#[macro_export]
macro_rules! say {
    ($($word:tt)*) => {
        $crate::output::say_line(format_args!($($word)*))
    };
}
