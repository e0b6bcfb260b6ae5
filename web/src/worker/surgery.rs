//! Surgery on the models: parts of one in another, who is to blame, single bits, and whether weights came back.

mod blame;
mod bridge;
mod fatal_bit;
mod held_out;
mod transplant;
mod weight;

pub(super) use transplant::graft;
pub(super) use weight::view_weight;

use super::task::Task;
use crate::protocol::{AskBlame, AskReturn, FindFatalBit};
use held_out::HeldOut;
use wasm_bindgen_futures::spawn_local;

/// Starts to share out blame, beside the queue.
pub(super) fn start_blame(task: Task<AskBlame>, request: &AskBlame) {
    match task.context().with_session(|session| blame::Job::new(session, request)) {
        Ok(job) => spawn_local(async move { task.finish(blame::run(&task, job).await) }),
        Err(failure) => task.finish(Err(failure.into())),
    }
}

/// Starts to look whether the weights came back, beside the queue.
pub(super) fn start_return(task: Task<AskReturn>, request: AskReturn) {
    match task.context().with_session(|session| bridge::Job::new(session, request)) {
        Ok(job) => spawn_local(async move { task.finish(bridge::run(&task, job).await) }),
        Err(failure) => task.finish(Err(failure.into())),
    }
}

/// Starts to look for a fatal bit, beside the queue.
pub(super) fn start_fatal_bit(task: Task<FindFatalBit>, request: FindFatalBit) {
    match task.context().with_session(|session| HeldOut::of(session, request.max_rows)) {
        Ok(job) => spawn_local(async move { task.finish(fatal_bit::run(&task, job).await) }),
        Err(failure) => task.finish(Err(failure.into())),
    }
}
