//! What each model of a run said of each row, where that was kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Condition;
use crate::claims::Run;
use crate::evaluation::CompactPredictions;
use crate::record::RunId;
use crate::statistics::StatisticsError;

/// The predictions of a run's models, in the order of `rows`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPredictions {
    /// The run.
    pub run_id: RunId,
    /// The rows that were judged; runs of the same dataset share them.
    pub rows: Arc<[EvaluatedRow]>,
    /// By model, those that the run has; runs of the same undamaged models share theirs.
    pub by_condition: BTreeMap<Condition, Arc<CompactPredictions>>,
}

/// A row that models were judged on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedRow {
    /// Names the row: [`crate::dataset::Example::row_hash`].
    pub row_hash: String,
    /// The true class.
    pub label: u32,
    /// The text as a reader sees it; none where texts were not kept.
    pub text: Option<String>,
}

impl RowPredictions {
    /// The run with all its models' predictions, so that its intervals are over rows as well.
    ///
    /// # Errors
    /// When they are not those of the run's record.
    pub fn add_to(&self, run: Run) -> Result<Run, StatisticsError> {
        let rows = self.rows.iter().map(|row| (row.row_hash.as_str(), row.label));
        self.by_condition
            .iter()
            .try_fold(run, |run, (of, predictions)| run.with_compact_predictions(*of, predictions, rows.clone()))
    }

    /// The predictions of one model, where they are there and whole.
    pub(super) fn of(&self, condition: Condition) -> Option<&CompactPredictions> {
        let predictions = self.by_condition.get(&condition)?.as_ref();
        (predictions.classes.len() == self.rows.len()).then_some(predictions)
    }
}
