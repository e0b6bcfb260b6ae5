//! Our numbers against those of Hugging Face's own code, from the golden files (see `tests/golden/README.md`).

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod candle;
mod checkpoints;
mod configs;
mod damaged;
mod files;
mod foreign;
mod harness;
mod models;
mod page;
mod pairs;
mod pickled;
mod tokenizer;
