//! Reading small files of strangers up to a bound: a file in the place of a config may have any number of bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than the config, index or tokenizer of any model has: those of a quarter of a million tokens take 35 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a config, an index of shards or a file of a tokenizer.
///
/// # Errors
/// Those of the file system, and one for a file that is too large to be any of them.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = read_start(path, MAX_BYTES + 1)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("it is larger than {} MiB, expected at most that", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The first `n_bytes` of a file, or all that it has. Its length is not asked for: pipes and devices tell none.
pub(crate) fn read_start(path: &Path, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(n_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}
