//! The native program.

pub mod datasets;
