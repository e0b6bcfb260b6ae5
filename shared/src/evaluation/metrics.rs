//! Accuracy, macro-F1, loss and the confusion matrix of one set of predictions.

use serde::{Deserialize, Serialize};

use super::calibration::expected_calibration_error;
use super::prediction::{Prediction, cross_entropy};

/// Counts of rows by true class (outer) and predicted class (inner): `[n_labels][n_labels]`. Rows without a predicted
/// class are in none, so it sums to `n − n_non_finite`.
pub type Confusion = Vec<Vec<u64>>;

/// How good one set of predictions is, as records keep it. Fractions are 0–1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Share of rows whose predicted class is the true one.
    pub accuracy: f64,
    /// Mean F1 over the classes that occur, as true or as predicted class; see [`evaluate`].
    pub macro_f1: f64,
    /// Mean cross-entropy in nats; `None` when a row is not finite.
    pub loss: Option<f64>,
    /// See [`expected_calibration_error`]; `None` when a row is not finite, and in records that did not keep it.
    #[serde(default)]
    pub expected_calibration_error: Option<f64>,
    /// Rows.
    pub n: usize,
    /// Rows with a NaN or infinite logit, all counted as wrong.
    pub n_non_finite: usize,
    /// Rows whose logits are finite although ±∞ was met on the way: [`Prediction::is_saturated`]. Records of schema 1
    /// did not count them.
    #[serde(default)]
    pub n_saturated: usize,
    /// The share of all rows that are given the class that is given most often, 0–1: 1 when a model answers the same
    /// whatever it reads. `None` when no row has a class, and in records of schema 1.
    #[serde(default)]
    pub largest_class_share: Option<f64>,
}

impl Metrics {
    /// The number of rows, with how many of them were not finite or saturated: `500 (12 not finite, 3 saturated)`.
    #[must_use]
    pub fn rows_in_words(&self) -> String {
        rows_in_words(self.n, self.n_non_finite, self.n_saturated)
    }
}

/// As [`Metrics::rows_in_words`], of the numbers themselves.
#[must_use]
pub fn rows_in_words(n: usize, n_non_finite: usize, n_saturated: usize) -> String {
    let counts = [(n_non_finite, "not finite"), (n_saturated, "saturated")];
    let words: Vec<String> =
        counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if words.is_empty() { n.to_string() } else { format!("{n} ({})", words.join(", ")) }
}

/// Evaluates predictions over `n_labels` classes.
///
/// `F1_c = 2·tp / (2·tp + fp + fn)`, and macro-F1 is its plain mean over the classes present among the true or the
/// predicted ones. That is scikit-learn's `f1_score(average="macro")` with its default `labels=None`: a class that
/// occurs on neither side is left out rather than counted as 0, so its `zero_division` never comes into play. A row
/// that is not finite is a false negative of its class and no one's false positive.
///
/// # Errors
/// When there are no rows, a label is not below `n_labels` or a row has another number of logits.
pub fn evaluate(predictions: &[Prediction], n_labels: usize) -> Result<Metrics, EvaluationError> {
    if predictions.is_empty() {
        return Err(EvaluationError::Empty);
    }
    let n = predictions.len();
    let mut counts = ClassCounts::new(n_labels);
    let mut loss = 0.0;
    let mut n_non_finite = 0;
    for (index, prediction) in predictions.iter().enumerate() {
        check(index, prediction, n_labels)?;
        let predicted = prediction.predicted();
        counts.add(prediction.label, predicted);
        if predicted.is_some() {
            loss += cross_entropy(&prediction.logits, prediction.label as usize);
        } else {
            n_non_finite += 1;
        }
    }

    Ok(Metrics {
        n,
        accuracy: counts.n_correct() as f64 / n as f64,
        macro_f1: counts.macro_f1(),
        loss: (n_non_finite == 0).then_some(loss / n as f64),
        expected_calibration_error: expected_calibration_error(predictions),
        n_non_finite,
        n_saturated: predictions.iter().filter(|prediction| prediction.is_saturated).count(),
        largest_class_share: (n_non_finite < n).then(|| counts.most_predicted() as f64 / n as f64),
    })
}

/// Counts predictions over `n_labels` classes by true and predicted class.
///
/// # Errors
/// When a label is not below `n_labels` or a row has another number of logits.
pub fn confusion(predictions: &[Prediction], n_labels: usize) -> Result<Confusion, EvaluationError> {
    let mut counts = vec![vec![0; n_labels]; n_labels]; // [n_labels][n_labels]
    for (index, prediction) in predictions.iter().enumerate() {
        check(index, prediction, n_labels)?;
        if let Some(predicted) = prediction.predicted() {
            counts[prediction.label as usize][predicted as usize] += 1;
        }
    }
    Ok(counts)
}

fn check(index: usize, prediction: &Prediction, n_labels: usize) -> Result<(), EvaluationError> {
    if prediction.logits.len() != n_labels {
        return Err(EvaluationError::LogitCount { index, expected: n_labels, got: prediction.logits.len() });
    }
    if prediction.label as usize >= n_labels {
        return Err(EvaluationError::Label { index, n_labels, got: prediction.label });
    }
    Ok(())
}

/// Counts from which macro-F1 follows: by class, rows that are of it, rows that are predicted as it, and both.
struct ClassCounts {
    labelled: Vec<u64>,
    predicted: Vec<u64>,
    true_positives: Vec<u64>,
}

impl ClassCounts {
    fn new(n_labels: usize) -> Self {
        Self { labelled: vec![0; n_labels], predicted: vec![0; n_labels], true_positives: vec![0; n_labels] }
    }

    /// Counts a row of the class `label`; one without a predicted class counts for no class as predicted.
    fn add(&mut self, label: u32, predicted: Option<u32>) {
        self.labelled[label as usize] += 1;
        if let Some(predicted) = predicted {
            self.predicted[predicted as usize] += 1;
            self.true_positives[label as usize] += u64::from(predicted == label);
        }
    }

    /// Rows that are given their class.
    fn n_correct(&self) -> u64 {
        self.true_positives.iter().sum()
    }

    /// Rows given the class that is predicted most often; 0 when none has a class.
    fn most_predicted(&self) -> u64 {
        self.predicted.iter().copied().max().unwrap_or(0)
    }

    /// The mean F1 over the classes that occur, see [`evaluate`].
    fn macro_f1(&self) -> f64 {
        // 2·tp + fp + fn is the number of true rows of the class plus the number of predicted ones.
        let f1_of = |((&labelled, &predicted), &true_positives): ((&u64, &u64), &u64)| {
            let rows = labelled + predicted;
            (rows > 0).then(|| 2.0 * true_positives as f64 / rows as f64)
        };
        let classes = self.labelled.iter().zip(&self.predicted).zip(&self.true_positives);
        let f1: Vec<f64> = classes.filter_map(f1_of).collect();
        f1.iter().sum::<f64>() / f1.len() as f64
    }
}

/// Why predictions cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// No rows, so no mean.
    #[error("expected at least one prediction, got none")]
    Empty,
    /// A row with another number of logits than there are classes.
    #[error("prediction {index}: expected {expected} logits, got {got}")]
    LogitCount {
        /// The row, from 0.
        index: usize,
        /// The number of classes.
        expected: usize,
        /// The number of logits.
        got: usize,
    },
    /// A true class that is no class.
    #[error("prediction {index}: expected a label below {n_labels}, got {got}")]
    Label {
        /// The row, from 0.
        index: usize,
        /// The number of classes.
        n_labels: usize,
        /// The label.
        got: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of f64 in another order differ in the last digits.
    const TOLERANCE: f64 = 1e-12;

    fn predictions(rows: &[(u32, [f32; 4])]) -> Vec<Prediction> {
        rows.iter()
            .map(|&(label, logits)| Prediction {
                row_hash: String::new(),
                label,
                logits: logits.to_vec(),
                is_saturated: false,
            })
            .collect()
    }

    /// Class 3 never occurs; class 2 is predicted but never true.
    fn fixture() -> Vec<Prediction> {
        predictions(&[
            (0, [2.0, 1.0, 0.5, -1.0]),
            (0, [0.25, 1.5, 0.0, 0.125]),
            (0, [3.5, -1.0, 2.0, 0.0]),
            (1, [0.5, 0.75, -0.5, 0.25]),
            (1, [1.0, 0.0, 1.25, -2.0]),
            (1, [-1.0, 4.0, 0.0, 1.0]),
            (1, [0.0, 0.5, 0.25, 0.125]),
        ])
    }

    /// The figures are scikit-learn's, from `tests/scripts/metrics_reference.py`.
    #[test]
    fn metrics_equal_scikit_learns() {
        let metrics = evaluate(&fixture(), 4).unwrap();
        assert_eq!(metrics.n, 7);
        assert!((metrics.accuracy - 5.0 / 7.0).abs() < TOLERANCE);
        assert!((metrics.macro_f1 - 0.516_666_666_666_666_7).abs() < TOLERANCE, "{}", metrics.macro_f1);
        assert!((metrics.loss.unwrap() - 0.959_696_396_097_666_1).abs() < TOLERANCE, "{:?}", metrics.loss);
        assert!((metrics.expected_calibration_error.unwrap() - 0.430_317_873_071_365_2).abs() < TOLERANCE);
        assert_eq!(confusion(&fixture(), 4).unwrap(), [[2, 1, 0, 0], [0, 3, 1, 0], [0; 4], [0; 4]]);
    }

    #[test]
    fn a_row_that_is_not_finite_is_wrong_and_counted() {
        let mut rows = fixture();
        rows.extend(predictions(&[(0, [f32::NAN, 0.0, 0.0, 0.0])]));
        let metrics = evaluate(&rows, 4).unwrap();
        assert_eq!((metrics.n, metrics.n_non_finite), (8, 1));
        assert_eq!((metrics.loss, metrics.expected_calibration_error), (None, None));
        assert!((metrics.accuracy - 5.0 / 8.0).abs() < TOLERANCE);
        // F1 of class 0 is 2·2 / (4 + 2), of class 1 2·3 / (4 + 4), of class 2 is 0.
        assert!((metrics.macro_f1 - (4.0 / 6.0 + 6.0 / 8.0) / 3.0).abs() < TOLERANCE);
        assert_eq!(confusion(&rows, 4).unwrap().iter().flatten().sum::<u64>(), 7);
    }

    #[test]
    fn saturated_rows_and_the_commonest_answer_are_counted() {
        let mut rows = fixture();
        // Called 0, 1, 0, 1, 2, 1, 1: four of seven.
        assert_eq!(evaluate(&rows, 4).unwrap().largest_class_share, Some(4.0 / 7.0));
        assert_eq!(evaluate(&rows, 4).unwrap().n_saturated, 0);
        rows[2].is_saturated = true;
        rows.extend(predictions(&[(0, [f32::NAN, 0.0, 0.0, 0.0])]));
        let metrics = evaluate(&rows, 4).unwrap();
        assert_eq!((metrics.n_saturated, metrics.largest_class_share), (1, Some(0.5)));
        // Without a class for any row there is no share, not one of 0.
        let none = predictions(&[(0, [f32::NAN; 4])]);
        assert_eq!(evaluate(&none, 4).unwrap().largest_class_share, None);
    }

    #[test]
    fn what_cannot_be_evaluated_is_an_error() {
        let message = |rows: &[Prediction], n_labels| evaluate(rows, n_labels).unwrap_err().to_string();
        assert_eq!(message(&[], 4), "expected at least one prediction, got none");
        assert_eq!(message(&fixture(), 5), "prediction 0: expected 5 logits, got 4");
        let wrong = predictions(&[(4, [0.0; 4])]);
        assert_eq!(message(&wrong, 4), "prediction 0: expected a label below 4, got 4");
        assert_eq!(confusion(&wrong, 4).unwrap_err().to_string(), message(&wrong, 4));
    }
}
