//! A figure, the interval it lies in, and why there is none.

use serde::{Deserialize, Serialize};

/// A range that holds the true value with probability `level`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// The same interval in another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { low: self.low * factor, high: self.high * factor, ..self }
    }
}

/// A figure with the interval it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure itself, from all the data.
    pub value: f64,
    /// Where the true value lies.
    pub interval: Interval,
    /// How the interval was made.
    pub method: Method,
}

impl Estimate {
    /// The same figure in another unit.
    #[must_use]
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, interval: self.interval.scaled(factor), ..self }
    }
}

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Percentiles over resampled rows (Efron & Tibshirani 1993).
    PairedBootstrap,
    /// Percentiles over resampled seeds and rows (arXiv:2106.16163).
    MultiBootstrap,
    /// Percentiles over values resampled within groups (arXiv:2108.13264).
    StratifiedBootstrap,
    /// The score interval of a proportion (Wilson 1927).
    Wilson,
    /// Student's t over seeds, so on these rows.
    Student,
    /// Student's t over the rows of one seed.
    Rows,
    /// Random effects of seeds and rows; see [`crossed_mean`](super::crossed_mean).
    Crossed,
}

/// The most pairs whose sign patterns are all visited: 2^23 sums.
pub const MAX_EXACT_PAIRS: usize = 24;

/// Why something cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// No seeds or no rows.
    #[error("expected at least one seed and one row, got {n_seeds} seeds and {n_rows} rows")]
    Empty {
        /// Seeds.
        n_seeds: usize,
        /// Rows.
        n_rows: usize,
    },
    /// Runs that were not evaluated on the same number of rows.
    #[error("seed {seed_index}: expected {expected} rows as for the first seed, got {got}")]
    RowCount {
        /// The seed's place, from 0.
        seed_index: usize,
        /// Rows of the first seed.
        expected: usize,
        /// Its rows.
        got: usize,
    },
    /// Runs of one condition that were evaluated on other rows, or in another order.
    #[error("seed {seed_index}, row {row}: expected the row {expected} as for the first seed, got {got}")]
    OtherRow {
        /// The seed's place, from 0.
        seed_index: usize,
        /// The row, from 0.
        row: usize,
        /// The first seed's row hash.
        expected: String,
        /// Its row hash.
        got: String,
    },
    /// Conditions that cannot be paired.
    #[error("expected conditions with the same seeds and rows, got {first} and {second}")]
    Unpaired {
        /// The shape of the first.
        first: String,
        /// The shape of the other.
        second: String,
    },
    /// A score or difference that is NaN or infinite.
    #[error("expected finite numbers, got {got} at index {index}")]
    NotFinite {
        /// Where.
        index: usize,
        /// What.
        got: String,
    },
    /// Too few resamples for percentiles in the tails.
    #[error("expected at least {at_least} resamples, got {got}")]
    TooFewResamples {
        /// [`MIN_RESAMPLES`](super::MIN_RESAMPLES).
        at_least: usize,
        /// The number asked for.
        got: usize,
    },
    /// A confidence level that is none.
    #[error("expected a confidence level between 0 and 1, got {got}")]
    Level {
        /// The level.
        got: String,
    },
    /// A score that is neither right nor wrong.
    #[error("expected scores of 0 and 1, got {got}")]
    NotBinary {
        /// The score.
        got: String,
    },
    /// Degrees of freedom that are none.
    #[error("expected degrees of freedom above 0, got {got}")]
    DegreesOfFreedom {
        /// The number.
        got: String,
    },
    /// A margin of equivalence that is none.
    #[error("expected a margin from a lower to a higher number, got {got}")]
    Margin {
        /// The margin.
        got: String,
    },
    /// More successes than trials, or no trials.
    #[error("expected at least one trial and at most as many successes, got {successes} of {n}")]
    Proportion {
        /// Successes.
        successes: u64,
        /// Trials.
        n: u64,
    },
    /// A share beyond 0 to 1, or no trials.
    #[error("expected a share from 0 to 1 of more than 0 trials, got {share} of {n}")]
    Share {
        /// The share.
        share: String,
        /// The effective number of trials.
        n: String,
    },
    /// Too few pairs for a test, or too many to enumerate.
    #[error("expected 2 pairs or more for a t-test and 1 to {} for an exact one, got {got}", MAX_EXACT_PAIRS)]
    PairCount {
        /// Pairs.
        got: usize,
    },
    /// A p-value outside 0..=1.
    #[error("expected p-values from 0 to 1, got {got} at index {index}")]
    PValue {
        /// Where.
        index: usize,
        /// What.
        got: String,
    },
}

pub(super) fn check_level(level: f64) -> Result<(), StatisticsError> {
    if level > 0.0 && level < 1.0 { Ok(()) } else { Err(StatisticsError::Level { got: level.to_string() }) }
}

pub(super) fn check_finite(numbers: &[f64]) -> Result<(), StatisticsError> {
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(index) => Err(StatisticsError::NotFinite { index, got: numbers[index].to_string() }),
    }
}
