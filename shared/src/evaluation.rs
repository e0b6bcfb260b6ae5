//! How good predictions are: from logits to the numbers of a record.
//!
//! Invariant: a row whose logits are not all finite is never given a class by accident. It counts as wrong, it is
//! counted in [`Metrics::n_non_finite`], and what cannot be computed without it is `None`, not a mean of the others. A row
//! whose logits are finite although infinities were met on the way is counted in [`Metrics::n_saturated`].
//! Arithmetic is f64 in row order with `libm`, so metrics agree between targets.

mod calibration;
mod compact;
mod metrics;
mod prediction;

pub use calibration::{CALIBRATION_BINS, ReliabilityBin, expected_calibration_error, reliability_bins};
pub use compact::{CompactPredictions, CompactReliability};
pub use metrics::{Confusion, EvaluationError, Metrics, confusion, evaluate, rows_in_words};
pub use prediction::{Prediction, predicted_class, softmax};
