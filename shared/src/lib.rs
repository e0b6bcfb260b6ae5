//! What happens to a language model when part of it is destroyed, and how far fine-tuning brings it back.
//!
//! This crate is bytes in, bytes out: it knows no files, network, clock or screen, so the native trainer and the
//! browser page stand on the same code.

pub mod dataset;
pub mod model;
pub mod record;
pub mod seed;
pub mod training;
