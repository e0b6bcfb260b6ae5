//! Per-example predictions and texts: JSON Lines compressed with Zstandard.

use crate::atomic;
use crate::exit_code::bad_input;
use anyhow::{Context, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

/// Zstandard's own default: logits hardly compress further, and it keeps up with any evaluation.
const LEVEL: i32 = 3;

/// Puts `rows` at `path` as a whole.
pub fn write<'a, T: Serialize + 'a>(path: &Path, rows: impl IntoIterator<Item = &'a T>) -> anyhow::Result<()> {
    atomic::write_with(path, |file| {
        let mut encoder = zstd::Encoder::new(file, LEVEL)?;
        encoder.include_checksum(true)?;
        for row in rows {
            serde_json::to_writer(&mut encoder, row)?;
            encoder.write_all(b"\n")?;
        }
        encoder.finish()?;
        Ok(())
    })
}

/// The rows at `path`, in the order in which they were written.
///
/// # Errors
/// Bad input when the file is torn or a line is not a `T`; the message has its number, counted from 1.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let reader = BufReader::new(zstd::Decoder::new(file)?);
    let parse = |(number, line): (usize, std::io::Result<String>)| {
        let row = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?));
        row.map_err(|error: anyhow::Error| bad_input(anyhow!("{} line {}: {error}", path.display(), number + 1)))
    };
    reader.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};
    use shared::evaluation::Prediction;
    use std::fs;

    fn rows() -> Vec<Prediction> {
        let logits = |i: u32| vec![i as f32 / 3.0, -1e-30, f32::MIN_POSITIVE];
        (0..500)
            .map(|i| Prediction { row_hash: format!("{i:016x}"), label: i % 3, logits: logits(i), is_saturated: false })
            .collect()
    }

    #[test]
    fn predictions_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions/healthy.jsonl.zst");
        write(&path, &rows()).unwrap();
        assert_eq!(read::<Prediction>(&path).unwrap(), rows());
    }

    #[test]
    fn a_torn_or_changed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("healthy.jsonl.zst");
        write(&path, &rows()).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(exit_code_of(&read::<Prediction>(&path).unwrap_err()), ExitCode::BadInput);
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(read::<Prediction>(&path).is_err());
    }
}
