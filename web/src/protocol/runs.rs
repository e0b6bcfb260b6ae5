//! What leaves the page of a healing: its record, and its model as files.

use serde::{Deserialize, Serialize};

/// Judge the models of the healing that has just ended, or failed, on the held-out rows, and write its record. A healing
/// that begins meanwhile does not disturb it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRun;

/// A healing's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The short hash of what was asked.
    pub run_id: String,
    /// The line of a `results.jsonl`, without its end.
    pub line: String,
}

/// Pack the healed model as a folder in Hugging Face's layout into a zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHealed;

/// A file that the worker has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Its `blob:` address, which is good for a minute.
    pub url: String,
    /// What to call it.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
}
