//! What strangers wrote: files are read up to a bound, and a parser that panics has only found a damaged file.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

/// More than the config, index or tokenizer of any model has: those of a quarter of a million tokens take 35 MB. A file in
/// the place of one may have any number of bytes.
const MAX_BYTES: u64 = 64 << 20;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Reads a config, an index of shards or a file of a tokenizer.
///
/// # Errors
/// Those of the file system, and one for a file that is too large to be any of them.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = read_start(path, MAX_BYTES + 1)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("expected at most {} MiB, got more", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The first `n_bytes` of a file, or all that it has. Its length is not asked for: pipes and devices tell none.
pub fn read_start(path: &Path, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(n_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs `read` and returns nothing if it panics, without the panic's message and backtrace.
///
/// For parsers of foreign files only, where a panic means the file is damaged: whatever `read` was working on must not
/// be used afterwards.
pub fn caught<T>(read: impl FnOnce() -> T) -> Option<T> {
    static INSTALLED: Once = Once::new();
    // One hook for good, which looks at the thread: swapping hooks around each call would silence other threads too.
    INSTALLED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                usual(info);
            }
        }));
    });
    IS_QUIET.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(read));
    IS_QUIET.set(false);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_a_value_is_itself() {
        assert_eq!(caught(|| 7), Some(7));
        assert_eq!(caught(|| -> i32 { panic!("a damaged file") }), None);
        assert!(!IS_QUIET.get());
    }
}
