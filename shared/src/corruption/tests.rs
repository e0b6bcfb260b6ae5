//! What plans promise, on a small synthetic model.

mod application;
mod distributions;
mod errors;
mod one_bit;
mod properties;
mod schemes;
mod selections;
mod skip;

use super::{Anatomy, ApplyError, Plan, Report, TensorMut};
use crate::model::{Architecture, LayerModule, Module, ParameterPath};
use crate::random::Seed;

pub(super) const HIDDEN: usize = 12;
pub(super) const INTERMEDIATE: usize = 20;
pub(super) const N_HEADS: usize = 3;

/// A model of named tensors with known values.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) anatomy: Anatomy,
    pub(super) tensors: Vec<(ParameterPath, Vec<usize>, Vec<f32>)>,
}

impl Model {
    pub(super) fn new(n_layers: usize) -> Self {
        let anatomy = Anatomy { architecture: Architecture::Bert, n_layers, n_heads: N_HEADS };
        let tensors = ParameterPath::all(Architecture::Bert, n_layers)
            .into_iter()
            .map(|path| {
                let shape = shape(path);
                let stream = Seed(99).stream("test model", &path.name(Architecture::Bert));
                let n: usize = shape.iter().product();
                let values = (0..n as u64).map(|i| (0.05 * stream.normal_at(i)) as f32).collect();
                (path, shape, values)
            })
            .collect();
        Self { anatomy, tensors }
    }

    pub(super) fn try_apply(&mut self, plan: &str, seed: u64) -> Result<Report, ApplyError> {
        let mut tensors: Vec<_> = self
            .tensors
            .iter_mut()
            .map(|(path, shape, data)| TensorMut { path: *path, shape: shape.clone(), data })
            .collect();
        Plan::parse(plan)?.apply(Seed(seed), self.anatomy, &mut tensors)
    }

    pub(super) fn apply(&mut self, plan: &str, seed: u64) -> Report {
        self.try_apply(plan, seed).unwrap()
    }

    /// A copy after a plan.
    pub(super) fn corrupted(&self, plan: &str) -> Self {
        let mut model = self.clone();
        model.apply(plan, 1);
        model
    }

    pub(super) fn values(&self, path: ParameterPath) -> &[f32] {
        &self.tensors.iter().find(|(other, _, _)| *other == path).unwrap().2
    }

    pub(super) fn bits(&self, path: ParameterPath) -> Vec<u32> {
        bits(self.values(path))
    }

    /// Every tensor's bits, in order.
    pub(super) fn all_bits(&self) -> Vec<(ParameterPath, Vec<u32>)> {
        self.tensors.iter().map(|(path, _, values)| (*path, bits(values))).collect()
    }
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

pub(super) fn in_layer(layer_idx: usize, module: LayerModule) -> Module {
    Module::Layer(layer_idx, module)
}

fn shape(path: ParameterPath) -> Vec<usize> {
    let [out, input] = match path.module {
        Module::WordEmbeddings => [500, HIDDEN],
        Module::PositionEmbeddings => [30, HIDDEN],
        Module::TokenTypeEmbeddings => [2, HIDDEN],
        Module::Classifier => [4, HIDDEN],
        Module::Layer(_, LayerModule::FfnIn) => [INTERMEDIATE, HIDDEN],
        Module::Layer(_, LayerModule::FfnOut) => [HIDDEN, INTERMEDIATE],
        _ => [HIDDEN, HIDDEN],
    };
    if path.kind == crate::model::Kind::Bias || path.module.is_layer_norm() { vec![out] } else { vec![out, input] }
}

/// One plan for each scheme, on all layers.
pub(super) const EVERY_SCHEME: [&str; 12] = [
    "kaiming@all",
    "kaiming-linear@all",
    "normal@all",
    "gaussian:0.5@all",
    "zero:0.3@all",
    "shuffle:0.6@all",
    "signflip:0.2@all",
    "bitflip:0.01@all",
    "bitflip:0.1,exponent@all",
    "quantize:4@all",
    "quantize:1@all",
    "permute@all",
];
