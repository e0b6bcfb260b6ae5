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
