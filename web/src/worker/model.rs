//! Weights and the model on them.

use crate::failure::{Failure, computation};
use candle_core::{DType, Device};
use shared::Parameters;
use shared::model::{ModelConfig, TextClassifier};
use shared::nn::Kernels;
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}

/// A number that no other call in this worker gets.
pub(super) fn next_id() -> u64 {
    NEXT_ID.with(|id| id.replace(id.get() + 1))
}

/// Weights that do not change, and the model on them.
pub(super) struct Model {
    /// Names it among those of this worker.
    pub(super) id: u64,
    pub(super) parameters: Parameters,
    pub(super) classifier: TextClassifier,
}

impl Model {
    /// All of `parameters` must be frozen: they are shared.
    pub(super) fn new(config: &ModelConfig, parameters: Parameters) -> Result<Rc<Self>, Failure> {
        let kernels = Kernels::for_device(&Device::Cpu);
        let classifier =
            TextClassifier::for_evaluation(config, &parameters, &kernels, DType::F32).map_err(|e| computation(&e))?;
        Ok(Rc::new(Self { id: next_id(), parameters, classifier }))
    }
}
