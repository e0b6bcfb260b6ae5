//! `metrics.jsonl`: one JSON object a line, only ever appended to.

use crate::atomic;
use crate::exit_code::bad_input;
use anyhow::{Context, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An append-only file of JSON objects.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens or makes the file; an incomplete last line, which a killed process may leave, is dropped.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let context = || path.display().to_string();
        let file = File::options().append(true).create(true).open(path).with_context(context)?;
        let bytes = fs::read(path).with_context(context)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if complete < bytes.len() {
            atomic::cut(path, complete as u64).with_context(context)?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends one line, in one write.
    pub fn append(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).with_context(|| self.path.display().to_string())
    }

    /// Makes all lines so far durable.
    pub fn sync(&self) -> anyhow::Result<()> {
        self.file.sync_data().with_context(|| self.path.display().to_string())
    }

    /// Keeps only the lines that `is_kept` wants.
    ///
    /// A resumed run drops the steps after the state it goes on from, since it takes them once more; so the file ends as
    /// that of an undisturbed run.
    pub fn retain<T: Serialize + DeserializeOwned>(&mut self, is_kept: impl Fn(&T) -> bool) -> anyhow::Result<()> {
        let lines: Vec<T> = read(&self.path)?;
        if lines.iter().all(&is_kept) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for line in lines.iter().filter(|line| is_kept(line)) {
            serde_json::to_writer(&mut bytes, line)?;
            bytes.push(b'\n');
        }
        atomic::write_file(&self.path, &bytes)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

/// All complete lines of such a file.
///
/// # Errors
/// Bad input when a complete line is not a `T`; the message has its number, counted from 1.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let complete = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let parse = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line)
            .map_err(|error| bad_input(anyhow!("{} line {}: {error}", path.display(), number + 1)))
    };
    complete.enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(n: usize) -> Value {
        json!({ "step": n, "loss": 0.5 })
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_the_next_line_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path).unwrap();
        log.append(&step(1)).unwrap();
        log.append(&step(2)).unwrap();
        drop(log);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        assert_eq!(read::<Value>(&path).unwrap(), [step(1)]);
        MetricsLog::open(&path).unwrap().append(&step(2)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn lines_after_the_resumed_step_are_dropped_and_appending_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path).unwrap();
        for n in 1..=5 {
            log.append(&step(n)).unwrap();
        }
        log.retain(|line: &Value| line["step"].as_u64() <= Some(3)).unwrap();
        log.append(&step(4)).unwrap();
        log.sync().unwrap();
        assert_eq!(read::<Value>(&path).unwrap(), [step(1), step(2), step(3), step(4)]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "{}\n{oops\n{}\n").unwrap();
        let error = format!("{:#}", read::<Value>(&path).unwrap_err());
        assert!(error.contains("metrics.jsonl line 2"), "{error}");
    }
}
