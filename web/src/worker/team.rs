//! More workers than one: helpers compute a share of what takes long, without memory in common.
//!
//! WebAssembly's threads would need a page that is isolated from all others, which a plain server of files cannot
//! promise, and a standard library compiled anew. Workers of their own run anywhere: a helper is this very program, started
//! by the worker that owns the models, with a copy of the healthy model. Other models reach it as the tensors in which they
//! differ, rows as token ids.
//!
//! Evaluation is shared out a batch at a time. A training step is shared out by its micro-batches: each sharer computes
//! the gradients of neighbouring ones, the sum goes to all, and every replica takes the optimiser's step itself. The order
//! of additions depends on the micro-batches alone ([`shared::training::shares`]), so any number of workers gives the same
//! bits, and a helper may join late or be lost: the worker then does its share itself.

mod helper;
mod lead;
mod learner;
mod line;
mod order;
mod share_rows;
mod values;

pub(super) use helper::{is_helper, serve};
pub(super) use lead::{Team, wanted_workers};
pub(super) use learner::{Learner, Recipe, micro_batches};
pub(super) use share_rows::{BATCH_SIZE, Counting, count_mixes, encode, logits};
