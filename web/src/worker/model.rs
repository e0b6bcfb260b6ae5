//! Weights and the model on them.

use crate::failure::{Failure, computation};
use candle_core::{DType, Device};
use shared::Parameters;
use shared::model::{ModelConfig, TextClassifier};
use shared::nn::Kernels;
use std::rc::Rc;

/// Weights and the model on them.
pub(super) struct Model {
    pub(super) parameters: Parameters,
    pub(super) classifier: TextClassifier,
}

impl Model {
    /// All of `parameters` must be frozen: they are shared.
    pub(super) fn new(config: &ModelConfig, parameters: Parameters) -> Result<Rc<Self>, Failure> {
        let kernels = Kernels::for_device(&Device::Cpu);
        let classifier =
            TextClassifier::for_evaluation(config, &parameters, &kernels, DType::F32).map_err(|e| computation(&e))?;
        Ok(Rc::new(Self { parameters, classifier }))
    }
}
