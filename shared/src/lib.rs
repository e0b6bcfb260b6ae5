//! What happens to a language model when part of it is destroyed, and how far fine-tuning brings it back.
//!
//! This crate is bytes in, bytes out: it knows no files, network, clock or screen, so the native trainer and the
//! browser page stand on the same code; `clippy.toml` beside it forbids them.
//!
//! The modules in an order in which they can be read: each uses only those above it, and within a folder it is the same.
//!
//! 1. [`Condition`]: the four models that an experiment compares.
//! 2. [`Error`]: what can go wrong with the files, plans and models that this crate is handed.
//! 3. [`InstructionSet`](nn::InstructionSet): which instructions the operations on a CPU are made of.
//! 4. `parallel`: work that is shared among threads where there are any.
//! 5. [`random`]: random numbers, from counters.
//! 6. [`words`]: lists in sentences.
//! 7. [`git_lfs`]: files that are not there, only pointers to them.
//! 8. [`tokenizer`]: texts to token ids.
//! 9. [`dataset`]: labelled texts, from bytes to batches.
//! 10. [`nn`]: layers and fused operations, each with a forward and a backward pass, and the optimiser.
//! 11. [`model`]: BERT and `DistilBERT`: config, names, parameters, encoder and head.
//! 12. [`corruption`]: plans of damage, parsed, resolved and applied.
//! 13. [`inspection`]: weights, hidden states, attention and attribution, looked at.
//! 14. [`evaluation`]: from logits to accuracy, macro-F1, loss and calibration.
//! 15. [`statistics`]: intervals and tests over rows and seeds.
//! 16. [`checkpoint`]: Hugging Face's files as bytes.
//! 17. [`training`]: fine-tuning as a sequence of steps, and its state.
//! 18. [`census`]: single bits, flipped one after another.
//! 19. [`surgery`]: parts of one model in another, and which part is to blame.
//! 20. [`record`]: what a run was asked and what came of it.
//! 21. [`card`]: the model card of a checkpoint.
//! 22. [`bundle`]: a model for the page, as files.
//! 23. [`claims`]: what a set of runs allows to be said.
//! 24. [`figure`]: charts and tables as data.
//! 25. [`evidence`]: many runs put together, in figures and tables.

#![warn(missing_docs, clippy::missing_errors_doc, clippy::print_stdout, clippy::print_stderr)]

pub mod bundle;
pub mod card;
pub mod census;
pub mod checkpoint;
pub mod claims;
mod condition;
pub mod corruption;
pub mod dataset;
mod error;
pub mod evaluation;
pub mod evidence;
pub mod figure;
pub mod git_lfs;
pub mod inspection;
mod instruction_set;
pub mod model;
pub mod nn;
mod parallel;
pub mod random;
pub mod record;
pub mod statistics;
pub mod surgery;
pub mod tokenizer;
pub mod training;
pub mod words;

pub use condition::Condition;
pub use error::{Error, Result};
pub use model::Parameters;
