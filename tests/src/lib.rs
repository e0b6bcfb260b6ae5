//! Helpers of the integration tests.

#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "helpers of tests may end in a panic")]

pub mod synthetic;
pub mod tables;
