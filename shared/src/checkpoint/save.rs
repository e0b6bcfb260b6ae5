//! Writing weights.

use std::collections::BTreeMap;

use super::history::{HISTORY_KEY, History};
use super::write::{LazyTensor, Values, safetensors_file};
use crate::error::Result;
use crate::parameters::Parameters;

/// All parameters as one safetensors file with Hugging Face's names, f32 and the metadata `format: pt`, which
/// `transformers` insists on. The same parameters give the same bytes.
///
/// # Errors
/// When a tensor cannot be read from its device, or the file would have a header that safetensors does not allow.
pub fn save_weights(parameters: &Parameters) -> Result<Vec<u8>> {
    save_weights_with_history(parameters, &History::default())
}

/// As [`save_weights`], and what was done to the weights is in the metadata, so that it travels with the file alone.
///
/// # Errors
/// As [`save_weights`].
pub fn save_weights_with_history(parameters: &Parameters, history: &History) -> Result<Vec<u8>> {
    let tensors = parameters
        .paths()
        .map(|path| {
            let tensor = parameters.get_detached(path)?;
            let shape = tensor.dims().to_vec();
            let lazy = LazyTensor::new(&shape, Values::Tensor(tensor));
            Ok((path.name(parameters.architecture()), lazy))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut metadata = BTreeMap::from([("format", "pt".to_owned())]);
    if !history.is_empty() {
        metadata.insert(HISTORY_KEY, history.to_json().to_string());
    }
    safetensors_file(tensors, &metadata)
}
