//! Files for readers that open them.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of this process in the temporary folder, which should be in memory. Whoever starts the target removes it.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    folder
}

/// Writes a file of such a folder.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the temporary folder can be written");
}
