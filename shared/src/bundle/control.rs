//! The control of a bundle: what a healed model is compared with, as figures without weights.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::BundleError;
use crate::evaluation::Metrics;
use crate::model::RunId;

/// A model that gives so large a share of its rows one class says little of their texts, and it is worth being told.
const STUCK_SHARE: f64 = 0.9;

/// A fine-tuning that made a model of the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FineTuned {
    /// The run.
    pub run_id: RunId,
    /// Its [`crate::record::RunSpec`], as the version that wrote it has it: model, data, recipe and seeds.
    pub spec: Value,
    /// Version and commit of the program.
    pub program: String,
}

/// The healthy model fine-tuned once more, undamaged, with the healing's budget, data order, seeds and trained parameters:
/// against it the damage is all that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlEntry {
    /// What it has had, in words, such as `after 3 + 3 epochs`.
    pub budget: String,
    /// The run that made it.
    pub fine_tuned: FineTuned,
    /// Held-out rows.
    pub n: usize,
    /// Accuracy of its f32 weights on them, 0 to 1.
    pub accuracy: f64,
    /// What its answers are like.
    pub answers: Answers,
    /// `[n]`, the predicted class of each held-out row, in the order of [`RowHashes::held_out`](super::RowHashes::held_out);
    /// none where a logit is not finite.
    pub predicted: Vec<Option<u32>>,
}

/// What the answers behind an accuracy are like: an accuracy alone does not tell a bad model from a broken one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Rows with a logit that is not finite; they have no class and count as wrong.
    pub n_non_finite: usize,
    /// Rows whose logits are finite although an intermediate overflowed.
    pub n_saturated: usize,
    /// Rows given the class that was predicted most often, as a share of all rows; none where it was not counted.
    pub largest_class_share: Option<f64>,
}

impl From<&Metrics> for Answers {
    fn from(metrics: &Metrics) -> Self {
        Self {
            n_non_finite: metrics.n_non_finite,
            n_saturated: metrics.n_saturated,
            largest_class_share: metrics.largest_class_share,
        }
    }
}

impl Answers {
    /// What a reader of the accuracy over `n` rows should know, such as
    /// `12 of 997 rows not finite, 3 saturated, 98 % in one class`; none when there is nothing of the kind.
    #[must_use]
    pub fn in_words(&self, n: usize) -> Option<String> {
        let mut words = Vec::new();
        for (count, what) in [(self.n_non_finite, "not finite"), (self.n_saturated, "saturated")] {
            match (count, words.is_empty()) {
                (0, _) => {}
                (_, true) => words.push(format!("{count} of {n} rows {what}")),
                (_, false) => words.push(format!("{count} {what}")),
            }
        }
        if let Some(share) = self.largest_class_share.filter(|share| *share >= STUCK_SHARE) {
            words.push(format!("{:.0} % in one class", 100.0 * share));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl ControlEntry {
    /// Whether it fits the rows and classes of its bundle.
    pub(super) fn check(&self, n_rows: usize, n_labels: usize) -> Result<(), BundleError> {
        let refuse = |problem: String| Err(BundleError::Manifest(format!("control: {problem}")));
        if self.n != n_rows || self.predicted.len() != n_rows {
            let got = (self.n, self.predicted.len());
            return refuse(format!("expected {n_rows} held-out rows, got n = {} and {} predictions", got.0, got.1));
        }
        if let Some(class) = self.predicted.iter().flatten().find(|class| **class as usize >= n_labels) {
            return refuse(format!("expected classes below {n_labels}, got {class}"));
        }
        let n_without = self.predicted.iter().filter(|class| class.is_none()).count();
        if n_without != self.answers.n_non_finite {
            return refuse(format!(
                "expected {} rows without a class (as many as are not finite), got {n_without}",
                self.answers.n_non_finite
            ));
        }
        if !(0.0..=1.0).contains(&self.accuracy) {
            return refuse(format!("expected an accuracy from 0 to 1, got {}", self.accuracy));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(n_non_finite: usize, n_saturated: usize, share: f64) -> Answers {
        Answers { n_non_finite, n_saturated, largest_class_share: Some(share) }
    }

    #[test]
    fn an_accuracy_is_told_with_what_makes_it_doubtful_and_nothing_else() {
        let words = |answers: Answers| answers.in_words(997);
        assert_eq!(words(answers(0, 0, 0.89)), None);
        assert_eq!(words(answers(12, 3, 0.98)).unwrap(), "12 of 997 rows not finite, 3 saturated, 98 % in one class");
        assert_eq!(words(answers(0, 3, 0.5)).unwrap(), "3 of 997 rows saturated");
        assert_eq!(words(answers(0, 0, 0.9)).unwrap(), "90 % in one class");
        assert_eq!(words(Answers { n_non_finite: 997, ..Answers::default() }).unwrap(), "997 of 997 rows not finite");
    }

    #[test]
    fn a_control_that_does_not_fit_its_rows_is_refused() {
        let control = ControlEntry {
            budget: "after 3 + 3 epochs".into(),
            fine_tuned: FineTuned {
                run_id: serde_json::from_str("\"c6a001df7a4c\"").unwrap(),
                spec: serde_json::json!({}),
                program: "test".into(),
            },
            n: 3,
            accuracy: 0.5,
            answers: answers(1, 0, 0.5),
            predicted: vec![Some(1), None, Some(0)],
        };
        assert!(control.check(3, 2).is_ok());
        let refused =
            |control: ControlEntry, n_rows, n_labels| control.check(n_rows, n_labels).unwrap_err().to_string();
        assert!(refused(control.clone(), 4, 2).ends_with("expected 4 held-out rows, got n = 3 and 3 predictions"));
        assert!(refused(control.clone(), 3, 1).ends_with("expected classes below 1, got 1"));
        let broken = ControlEntry { answers: Answers::default(), ..control.clone() };
        assert!(refused(broken, 3, 2).contains("expected 0 rows without a class"));
        assert!(refused(ControlEntry { accuracy: f64::NAN, ..control }, 3, 2).ends_with("got NaN"));
    }
}
