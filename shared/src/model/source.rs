//! Where a model takes its parameters from, and what for.

use candle_core::Tensor;

use super::{Module, ParameterPath};
use crate::error::Result;
use crate::nn::{Collector, Pair, WeightCache};
use crate::parameters::Parameters;

/// The parameters that a model is assembled from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    parameters: &'a Parameters,
    purpose: Purpose,
    /// Where gradients go.
    pub(super) collector: &'a Collector,
}

#[derive(Clone, Copy)]
enum Purpose {
    Training,
    Evaluation,
}

impl<'a> Source<'a> {
    /// Tensors that are tracked for `backward`; nothing is kept of weights, which change with every step.
    pub(super) fn for_training(parameters: &'a Parameters, collector: &'a Collector) -> Self {
        Self { parameters, purpose: Purpose::Training, collector }
    }

    /// Tensors without a graph, whose packed form may be kept.
    pub(super) fn for_evaluation(parameters: &'a Parameters, collector: &'a Collector) -> Self {
        Self { parameters, purpose: Purpose::Evaluation, collector }
    }

    pub(super) fn tensor(self, path: ParameterPath) -> Result<Tensor> {
        match self.purpose {
            Purpose::Training => self.parameters.get(path),
            Purpose::Evaluation => self.parameters.get_detached(path),
        }
    }

    /// Weight and bias of a module that has both.
    pub(super) fn pair(self, module: Module) -> Result<Pair> {
        Ok(Pair {
            weight: self.tensor(ParameterPath::weight(module))?,
            bias: self.tensor(ParameterPath::bias(module))?,
            cache: match self.purpose {
                Purpose::Training => WeightCache::default(),
                Purpose::Evaluation => WeightCache::for_evaluation(self.parameters.changes()),
            },
        })
    }
}
