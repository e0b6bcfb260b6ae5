//! Everything that records show together, in the order in which it is read.

use super::calibration::calibration_topic;
use super::rows::RowPredictions;
use super::{
    Experiment, budget::budget_topic, datasets::datasets_topic, failed::failed_topic, labels::labels_topic,
    provenance::provenance_topic, sentences::sentences_topic, weights::weights_topic,
};
use crate::record::RunRecord;

/// What there is to show beyond claims and plans. `predictions` of runs may be empty: then what needs them is left out.
#[must_use]
pub fn topics(
    records: &[RunRecord],
    predictions: &[RowPredictions],
    experiments: &[Experiment],
) -> Vec<super::topic::Topic> {
    [
        budget_topic(experiments),
        labels_topic(experiments),
        weights_topic(records, experiments),
        datasets_topic(experiments),
        calibration_topic(records, predictions, experiments),
        failed_topic(records),
        sentences_topic(records, predictions, experiments),
        provenance_topic(records),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The `most` experiments with the most whole runs, in their order; all when there are no more.
#[must_use]
pub fn largest(experiments: &[Experiment], most: usize) -> Vec<&Experiment> {
    let n_runs = |experiment: &Experiment| experiment.cells.iter().map(|cell| cell.seeds.len()).sum::<usize>();
    let mut by_size: Vec<usize> = (0..experiments.len()).collect();
    by_size.sort_by_cached_key(|i| std::cmp::Reverse(n_runs(&experiments[*i])));
    by_size.truncate(most);
    by_size.sort_unstable();
    by_size.into_iter().map(|i| &experiments[i]).collect()
}
