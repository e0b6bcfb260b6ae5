//! What a fine-tuning needs to go on where it stopped, as files.
//!
//! Order of rows and dropout are functions of the step and the seeds, so trained parameters, the optimiser's moments and
//! the number of steps are all there is. They are three files, so that a caller can write one before the next is made:
//! a large model's state is three times its parameters.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::checkpoint::{LazyTensor, Values, safetensors_file};
use crate::error::{Error, Result};
use crate::model::{Architecture, ParameterPath, Parameters};
use crate::nn::AdamWState;

/// One file of a saved state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePart {
    /// The trained parameters.
    Parameters,
    /// AdamW's means of gradients.
    Mean,
    /// AdamW's means of squared gradients.
    MeanSquare,
}

impl StatePart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Parameters, Self::Mean, Self::MeanSquare];

    /// The name of its file.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters.safetensors",
            Self::Mean => "mean.safetensors",
            Self::MeanSquare => "mean_square.safetensors",
        }
    }
}

/// The bytes of one part.
pub(super) fn pack(
    part: StatePart,
    parameters: &Parameters,
    moments: &BTreeMap<ParameterPath, AdamWState>,
) -> Result<Vec<u8>> {
    let tensors = parameters
        .trained()
        .map(|(path, var)| {
            let values = match (part, moments.get(&path)) {
                (StatePart::Parameters, _) => Values::Tensor(var.as_detached_tensor()),
                (StatePart::Mean, Some(AdamWState::Host { mean, .. })) => Values::Host(mean),
                (StatePart::Mean, Some(AdamWState::Device { mean, .. })) => Values::Tensor(mean.clone()),
                (StatePart::MeanSquare, Some(AdamWState::Host { mean_square, .. })) => Values::Host(mean_square),
                (StatePart::MeanSquare, Some(AdamWState::Device { mean_square, .. })) => {
                    Values::Tensor(mean_square.clone())
                }
                (_, None) => return Err(Error::Training(format!("{path} is trained but has no moments"))),
            };
            Ok((path.name(parameters.architecture()), LazyTensor::new(var.dims(), values)))
        })
        .collect::<Result<Vec<_>>>()?;
    safetensors_file(tensors, &BTreeMap::new())
}

/// The values of each of `paths` in a part's bytes, in the same order.
pub(super) fn unpack(
    part: StatePart,
    bytes: &[u8],
    paths: &[ParameterPath],
    architecture: Architecture,
) -> Result<Vec<Vec<f32>>> {
    let damaged = |reason: String| Error::Training(format!("the saved {} cannot be used: {reason}", part.file_name()));
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
    if tensors.len() != paths.len() {
        return Err(damaged(format!("expected {} tensors, got {}", paths.len(), tensors.len())));
    }
    paths
        .iter()
        .map(|path| {
            let name = path.name(architecture);
            let view = tensors.tensor(&name).map_err(|_| damaged(format!("it lacks tensor {name}")))?;
            Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        })
        .collect()
}
