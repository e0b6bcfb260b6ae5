//! What happens to a language model when part of it is destroyed, and how far fine-tuning brings it back.
//!
//! This crate is bytes in, bytes out: it knows no files, network, clock or screen, so the native trainer and the
//! browser page stand on the same code.

pub mod bundle;
pub mod checkpoint;
pub mod claims;
mod condition;
pub mod corruption;
pub mod dataset;
mod error;
pub mod evaluation;
pub mod evidence;
pub mod figure;
pub mod inspection;
mod instruction_set;
pub mod model;
pub mod nn;
pub mod record;
pub mod seed;
pub mod statistics;
pub mod tokenizer;
pub mod training;

pub use condition::Condition;
pub use error::{Error, Result};
pub use model::Parameters;
