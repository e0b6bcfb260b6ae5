//! What happens to a language model when part of it is destroyed, and how far fine-tuning brings it back.
//!
//! This crate is bytes in, bytes out: it knows no files, network, clock or screen, so the native trainer and the
//! browser page stand on the same code; `clippy.toml` beside it forbids them.

#![warn(missing_docs, clippy::missing_errors_doc, clippy::print_stdout, clippy::print_stderr)]

pub mod bundle;
pub mod checkpoint;
mod condition;
pub mod corruption;
pub mod dataset;
mod error;
pub mod evaluation;
pub mod evidence;
pub mod figure;
pub mod model;
pub mod nn;
mod parameters;
pub mod record;
pub mod seed;
pub mod statistics;
pub mod tokenizer;
pub mod training;
pub mod words;

pub use condition::Condition;
pub use error::{Error, Result};
pub use parameters::Parameters;
