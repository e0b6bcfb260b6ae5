//! stdout is the result and nothing else: one JSON value, or text for people. Words on the way go to stderr, by `say!`.

use serde::Serialize;
use std::io::{self, Write};

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

/// Says something on stderr, a line at a time, as `eprintln!` does but without its panic: a run whose terminal is gone
/// has nobody to tell, and goes on.
#[macro_export]
macro_rules! say {
    ($($word:tt)*) => {{
        use std::io::Write as _;
        // Nobody is left to hear of an error here.
        let _ = writeln!(std::io::stderr().lock(), $($word)*);
    }};
}
