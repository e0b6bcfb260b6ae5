//! Making a bundle's weight files.

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::manifest::TensorEntry;
use super::quantise::encode;
use crate::error::{BundleError, Result};
use crate::model::{Kind, LayerModule, Module, ParameterPath, Parameters};

/// How many bits which part of a model gets. Biases, LayerNorms and the classifier always stay f32: together they are a
/// fraction of a percent of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitMix {
    /// For the word embeddings, by far the largest table, of which a text uses a few rows.
    pub embeddings: Encoding,
    /// For attention's matrices.
    pub attention: Encoding,
    /// For the feed-forward matrices.
    pub ffn: Encoding,
    /// For position and token-type embeddings, and the pooler.
    pub other: Encoding,
}

impl BitMix {
    /// The encoding of a parameter.
    #[must_use]
    pub fn of(&self, path: ParameterPath) -> Encoding {
        if path.kind == Kind::Bias || path.module.is_layer_norm() {
            return Encoding::F32;
        }
        match path.module {
            Module::Classifier => Encoding::F32,
            Module::WordEmbeddings => self.embeddings,
            Module::Layer(_, LayerModule::FfnIn | LayerModule::FfnOut) => self.ffn,
            Module::Layer(..) => self.attention,
            _ => self.other,
        }
    }
}

/// A weight file and what the manifest says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodedTensors {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its tensors, in order.
    pub tensors: Vec<TensorEntry>,
}

impl EncodedTensors {
    fn push(
        &mut self,
        name: String,
        shape: Vec<usize>,
        encoding: Encoding,
        values: &[f32],
    ) -> Result<Vec<f32>, BundleError> {
        let start = self.bytes.len();
        encode(encoding, &name, values, &mut self.bytes)?;
        let mut decoded = vec![0.0; values.len()];
        encoding.decode(&name, &self.bytes[start..], &mut decoded)?;
        let errors = values.iter().zip(&decoded).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
        let (sum, largest) = errors.fold((0.0, 0.0_f64), |(sum, largest), error| (sum + error, largest.max(error)));
        self.tensors.push(TensorEntry {
            name,
            shape,
            encoding,
            offset: start as u64,
            size_bytes: (self.bytes.len() - start) as u64,
            max_abs_error: largest,
            mean_abs_error: sum / values.len().max(1) as f64,
        });
        Ok(decoded)
    }
}

/// `weights.bin` of a model.
///
/// # Errors
/// When a value is not finite or does not fit its encoding.
pub fn encode_parameters(parameters: &Parameters, mix: &BitMix) -> Result<EncodedTensors> {
    let mut encoded = EncodedTensors::default();
    for path in parameters.paths() {
        let shape = parameters.get(path)?.dims().to_vec();
        let name = path.name(parameters.architecture());
        encoded.push(name, shape, mix.of(path), &parameters.to_vec(path)?)?;
    }
    Ok(encoded)
}

/// `healed.bin`: `healed − corrupted` for each parameter that `is_moved` names, where `corrupted` is the bundle's own.
///
/// # Errors
/// When a value is not finite or does not fit its encoding.
pub fn encode_delta(
    corrupted: &Parameters,
    healed: &Parameters,
    mix: &BitMix,
    mut is_moved: impl FnMut(ParameterPath) -> bool,
) -> Result<EncodedTensors> {
    let mut encoded = EncodedTensors::default();
    for path in corrupted.paths().filter(|path| is_moved(*path)) {
        let shape = corrupted.get(path)?.dims().to_vec();
        let (from, to) = (corrupted.to_vec(path)?, healed.to_vec(path)?);
        let difference: Vec<f32> = to.iter().zip(&from).map(|(to, from)| to - from).collect();
        encoded.push(path.name(corrupted.architecture()), shape, mix.of(path), &difference)?;
    }
    Ok(encoded)
}
