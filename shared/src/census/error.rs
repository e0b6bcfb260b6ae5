//! What stands against a census.

/// Why there is no census.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CensusError {
    /// A stratum would get no two flips, or there are not as many pairs.
    #[error("expected {least} to {most} flips for {n_strata} strata, got {got}")]
    FlipCount {
        /// Two for each stratum.
        least: u64,
        /// All pairs.
        most: u64,
        /// What was asked for.
        got: u64,
        /// Classes of bits of components.
        n_strata: usize,
    },
}
