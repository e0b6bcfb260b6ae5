//! Recorded runs as evidence: `results.jsonl`, its figures, and what they allow to be said.
//!
//! Every number here comes from a record, and what may be said is [`shared::statistics::claims`]' to say. Intervals of means over seeds are Student's; a single seed has the Wilson interval over its test rows,
//! which says nothing about other seeds, and the captions say which it is.

mod cell;
mod figures;
mod interval;
mod table;

pub use cell::{Cell, Experiment, experiments};
pub use figures::figures;
pub use table::{runs_table, statements};

use shared::record::{RunRecord, RunStatus};
use std::collections::BTreeSet;

pub use shared::statistics::MIN_SEEDS_FOR_A_CLAIM;

/// The most bytes of a results file: a record has about 4 kB, so this is over 10,000 runs.
pub const MAX_BYTES: usize = 64 << 20;

/// What a results file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Each run once, in the order of the file.
    pub records: Vec<RunRecord>,
    /// What could not be read, as sentences.
    pub problems: Vec<String>,
}

impl Evidence {
    /// Reads a file of one record a line. Lines that are no record are named and left out.
    #[must_use]
    pub fn read(name: &str, bytes: &[u8]) -> Self {
        let mut evidence = Self::default();
        if bytes.len() > MAX_BYTES {
            let mib = MAX_BYTES >> 20;
            evidence.problems.push(format!("{name} is larger than {mib} MiB: split it, or take fewer runs."));
            return evidence;
        }
        let mut seen = BTreeSet::new();
        let n_lines = bytes.split(|byte| *byte == b'\n').count();
        for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<RunRecord>(line) {
                Ok(record) if seen.insert(record.run_id.clone()) => evidence.records.push(record),
                Ok(record) => {
                    evidence.problems.push(format!(
                        "Line {}: run {} is there twice; the first is used.",
                        i + 1,
                        record.run_id
                    ));
                }
                Err(_) if i + 1 == n_lines => {
                    evidence
                        .problems
                        .push(format!("Line {}, the last one, is torn: that run was not finished.", i + 1));
                }
                Err(error) => evidence.problems.push(format!(
                    "Line {} of {name} is no record of this version of bert-heal ({error}); expected the file \
                     results.jsonl from a folder of runs.",
                    i + 1
                )),
            }
        }
        evidence
    }

    /// How many runs broke off; they are results, too.
    #[must_use]
    pub fn n_failed(&self) -> usize {
        self.records.iter().filter(|record| record.status != RunStatus::Ok).count()
    }
}

#[cfg(test)]
mod tests;
