//! Files read whole, but no further than anything of their kind goes: a file that is not what its name says may be
//! larger than the memory, or have no end.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// The most bytes of a config, of an index of shards, or of a list of class names.
pub(crate) const SMALL_BYTES: u64 = 16 << 20;

/// The most bytes of a tokenizer's file; those of 250,000 pieces take 17 MB.
pub(crate) const TOKENIZER_BYTES: u64 = 64 << 20;

/// The bytes of a file that has at most `max` of them.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] when it has more, and what the system says.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let n_bytes = file.metadata()?.len();
    let too_large = |got: String| {
        let message = format!("expected at most {max} bytes, got {got}");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if n_bytes > max {
        return Err(too_large(n_bytes.to_string()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(n_bytes).unwrap_or_default());
    // A device or a pipe has no size.
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(too_large("more".to_owned()));
    }
    Ok(bytes)
}

/// Appends the next line, with its line feed, to `bytes`; returns its length, 0 at the end.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] when it has more than `max` bytes, and what the system says.
pub(crate) fn read_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let n_bytes = reader.take(max as u64 + 1).read_until(b'\n', bytes)?;
    if n_bytes > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("expected at most {max} bytes, got more")));
    }
    Ok(n_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_no_byte_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let error = read(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "expected at most 4 bytes, got 5");
        if cfg!(unix) {
            assert_eq!(read(Path::new("/dev/zero"), 100).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[test]
    fn lines_are_read_up_to_their_bound() {
        let mut reader: &[u8] = b"ab\nabc";
        let mut bytes = Vec::new();
        assert_eq!(read_line(&mut reader, &mut bytes, 3).unwrap(), 3);
        assert_eq!(read_line(&mut reader, &mut bytes, 3).unwrap(), 3);
        assert_eq!(read_line(&mut reader, &mut bytes, 3).unwrap(), 0);
        assert_eq!(bytes, b"ab\nabc");
        assert!(read_line(&mut b"abcd".as_slice(), &mut bytes, 3).is_err());
    }
}
