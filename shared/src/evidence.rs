//! Many runs put together: what a `results.jsonl` holds, in tables and charts, and what it allows to be said.
//!
//! Every number here comes from a record, and what may be said is [`crate::claims`]' to say, so the command
//! line's report and the page show the same. Intervals of mean accuracies over seeds are Student's; a single seed has the
//! Wilson interval over its test rows, which says nothing about other seeds, and the captions say which it is. A deficit has
//! the interval of its judgement.

mod across;
mod budget;
mod calibration;
mod datasets;
mod experiment;
mod failed;
mod figures;
mod labels;
mod mean;
mod provenance;
mod rows;
mod sentences;
mod tables;
mod topic;
mod topics;
mod weights;
mod worth;

use std::collections::BTreeSet;

use crate::record::{RunId, RunRecord};

pub use budget::budget_topic;
pub use calibration::calibration_topic;
pub use datasets::datasets_topic;
pub use experiment::{Cell, Experiment, SeedOutcome, differences_from_first, experiments, largest};
pub use failed::failed_topic;
pub use figures::figures;
pub use labels::labels_topic;
pub use provenance::provenance_topic;
pub use rows::{EvaluatedRow, RowPredictions};
pub use sentences::sentences_topic;
pub use tables::{plans_caption, plans_table, runs_table};
pub use topic::{Piece, Topic};
pub use topics::topics;
pub use weights::weights_topic;

/// What a results file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Each run once, in the order of the file.
    pub records: Vec<RunRecord>,
    /// What could not be read, in the order of the file.
    pub problems: Vec<Problem>,
}

/// A line of a results file that is not a run to be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A run that stands in an earlier line, too.
    #[error("line {line}: run {run_id} occurs twice; the first is used")]
    Twice {
        /// Counted from 1.
        line: usize,
        /// The run.
        run_id: RunId,
    },
    /// The last line, of which only the beginning was written.
    #[error("line {line}, the last one, is incomplete; its run is left out")]
    Torn {
        /// Counted from 1.
        line: usize,
    },
    /// Anything else.
    #[error(
        "line {line} is not a record that this version of bert-heal can read ({reason}); expected the results.jsonl of \
         a folder of runs"
    )]
    NoRecord {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Results {
    /// Reads a file of one record a line. Lines that are none, or that are there twice, are named and left out.
    ///
    /// ```
    /// use shared::evidence::{Problem, Results};
    /// let results = Results::read(b"{\"run_id\":");
    /// assert_eq!(results.problems, [Problem::Torn { line: 1 }]);
    /// ```
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut results = Self::default();
        let mut seen = BTreeSet::new();
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        for (i, text) in lines.iter().enumerate().filter(|(_, text)| !text.trim_ascii().is_empty()) {
            let line = i + 1;
            match serde_json::from_slice::<RunRecord>(text) {
                Ok(record) if seen.insert(record.run_id.clone()) => results.records.push(record),
                Ok(record) => results.problems.push(Problem::Twice { line, run_id: record.run_id }),
                // A line that was written whole ends with a line feed, so nothing but an empty piece comes after it.
                Err(_) if line == lines.len() => results.problems.push(Problem::Torn { line }),
                Err(error) => results.problems.push(Problem::NoRecord { line, reason: error.to_string() }),
            }
        }
        results
    }
}

#[cfg(test)]
mod tests;
