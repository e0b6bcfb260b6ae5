//! Text files as bytes, unpacked, within bounds that hold whatever the file is.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use shared::dataset::{DatasetError, Format, Packing};

use super::error::OpenDatasetError;
use super::expansion::{Expansion, MAX_BYTES};

/// The longest line that is read: the longest text that is believed, with every byte escaped.
const MAX_LINE_BYTES: usize = 4 * shared::dataset::MAX_TEXT_BYTES;

/// The most bytes of JSON in one piece, whose lines say nothing about its rows.
const MAX_ARRAY_BYTES: usize = 512 << 20;

/// Reads and unpacks a text file.
///
/// # Errors
/// When it cannot be read, is not packed as its name says, breaks off, expands beyond measure, or has a line longer
/// than any text.
pub(super) fn read_text(path: &Path, format: Format, packing: Packing) -> Result<Vec<u8>, OpenDatasetError> {
    let cannot_read = |source| OpenDatasetError::Read { path: path.to_owned(), source };
    let name = path.display().to_string();
    let file = File::open(path).map_err(cannot_read)?;
    let n_bytes = file.metadata().map_err(cannot_read)?.len();
    let packed = |kind: &'static str| {
        let name = name.clone();
        move |error: io::Error| DatasetError::Syntax { file: name, expected: kind, got: error.to_string() }.into()
    };
    let file = BufReader::new(file);
    match packing {
        Packing::None if n_bytes > MAX_BYTES => Err(DatasetError::Syntax {
            file: name,
            expected: "a text file of at most 2 GiB",
            got: format!("{n_bytes} bytes"),
        }
        .into()),
        Packing::None => bounded(file, &name, format, Expansion::of(MAX_BYTES), cannot_read),
        Packing::Gzip => {
            let reader = MultiGzDecoder::new(file);
            bounded(reader, &name, format, Expansion::of(n_bytes), packed("a whole gzip file"))
        }
        Packing::Zstd => {
            let reader = zstd::Decoder::with_buffer(file).map_err(cannot_read)?;
            bounded(reader, &name, format, Expansion::of(n_bytes), packed("a whole zstd file"))
        }
    }
}

fn bounded(
    mut reader: impl Read,
    file: &str,
    format: Format,
    mut expansion: Expansion,
    cannot_read: impl FnOnce(io::Error) -> OpenDatasetError,
) -> Result<Vec<u8>, OpenDatasetError> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let (mut line, mut line_start) = (1, 0);
    let mut is_array = false;
    loop {
        let n_read = match reader.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(n_read) => n_read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cannot_read(error)),
        };
        expansion.add(file, n_read as u64)?;
        for at in chunk[..n_read].iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at) {
            line += 1;
            line_start = bytes.len() + at + 1;
        }
        if format == Format::Json && bytes.is_empty() {
            is_array = is_array_start(&chunk[..n_read]);
        }
        bytes.extend_from_slice(&chunk[..n_read]);
        if is_array && bytes.len() > MAX_ARRAY_BYTES {
            return Err(DatasetError::Syntax {
                file: file.to_owned(),
                expected: "a JSON array of at most 512 MiB (larger data: one object a line)",
                got: "more".to_owned(),
            }
            .into());
        }
        if !is_array && bytes.len() - line_start > MAX_LINE_BYTES {
            return Err(DatasetError::Syntax {
                file: file.to_owned(),
                expected: "lines of at most 64 MiB",
                got: format!("a longer one as line {line}"),
            }
            .into());
        }
    }
}

/// Whether JSON that begins so is an array rather than lines.
fn is_array_start(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start().first() == Some(&b'[')
}
