//! What a fine-tuning needs to go on where it stopped.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Architecture, ParameterPath};
use crate::nn::AdamWState;
use crate::parameters::Parameters;

/// Trained parameters, optimiser moments and the step counter, as bytes.
///
/// Order of rows and dropout are functions of the step and the seeds, so no generator has to be saved.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    /// Optimiser steps that are done.
    pub step: usize,
    /// safetensors: for each trained parameter `NAME`, `NAME.mean` and `NAME.mean_square`, flat.
    pub tensors: Vec<u8>,
}

/// The JSON kept in the safetensors header.
#[derive(Serialize, Deserialize)]
struct Header {
    step: usize,
}

const HEADER_KEY: &str = "bert_heal_state";

impl TrainingState {
    /// Packs a state. The same state gives the same bytes.
    pub(super) fn pack<'a>(
        step: usize,
        parameters: &Parameters,
        moments: impl Iterator<Item = (&'a ParameterPath, &'a AdamWState)>,
    ) -> Result<Self> {
        let architecture = parameters.architecture();
        let mut tensors: Vec<(String, Vec<u8>)> = Vec::new();
        let to_bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        for (path, _) in parameters.trained() {
            tensors.push((path.name(architecture), to_bytes(parameters.to_vec(path)?)));
        }
        for (path, state) in moments {
            let (mean, mean_square) = state.to_vecs()?;
            tensors.push((mean_name(*path, architecture), to_bytes(mean)));
            tensors.push((mean_square_name(*path, architecture), to_bytes(mean_square)));
        }
        let damaged = |e: safetensors::SafeTensorError| Error::Training(format!("the state cannot be written: {e}"));
        let views = tensors
            .iter()
            .map(|(name, bytes)| {
                Ok((name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(damaged)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let header = serde_json::to_string(&Header { step }).expect("a number can always be written");
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), header)]);
        Ok(Self { step, tensors: safetensors::serialize(views, Some(metadata)).map_err(damaged)? })
    }

    /// Reads a state back from the bytes of [`TrainingState::tensors`].
    ///
    /// # Errors
    /// When the bytes are not a state.
    pub fn from_bytes(tensors: Vec<u8>) -> Result<Self> {
        let damaged = |reason: String| Error::Training(format!("the saved state cannot be read: {reason}"));
        let (_, metadata) = SafeTensors::read_metadata(&tensors).map_err(|e| damaged(e.to_string()))?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|m| m.get(HEADER_KEY))
            .ok_or_else(|| damaged("it has no header".into()))?;
        let Header { step } = serde_json::from_str(header).map_err(|e| damaged(e.to_string()))?;
        Ok(Self { step, tensors })
    }

    /// Access to the saved tensors.
    pub(super) fn reader(&self) -> Result<Reader<'_>> {
        let tensors = SafeTensors::deserialize(&self.tensors)
            .map_err(|e| Error::Training(format!("the saved state cannot be read: {e}")))?;
        Ok(Reader { tensors })
    }
}

pub(super) struct Reader<'a> {
    tensors: SafeTensors<'a>,
}

impl Reader<'_> {
    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let view = self.tensors.tensor(name).map_err(|_| Error::Training(format!("the saved state lacks {name}")))?;
        Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(super) fn parameter(&self, path: ParameterPath, architecture: Architecture) -> Result<Vec<f32>> {
        self.read(&path.name(architecture))
    }

    pub(super) fn moments(&self, path: ParameterPath, architecture: Architecture) -> Result<(Vec<f32>, Vec<f32>)> {
        Ok((self.read(&mean_name(path, architecture))?, self.read(&mean_square_name(path, architecture))?))
    }
}

fn mean_name(path: ParameterPath, architecture: Architecture) -> String {
    format!("{}.mean", path.name(architecture))
}

fn mean_square_name(path: ParameterPath, architecture: Architecture) -> String {
    format!("{}.mean_square", path.name(architecture))
}
