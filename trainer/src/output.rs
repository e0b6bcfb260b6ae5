//! stdout is the result and nothing else: one JSON value, or text for people.

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
