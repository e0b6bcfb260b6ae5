//! Writing weights.

use std::collections::HashMap;

use super::write::{LazyTensor, Values, safetensors_file};
use crate::error::Result;
use crate::parameters::Parameters;

/// All parameters as one safetensors file with Hugging Face's names, f32 and the metadata `format: pt`, which
/// `transformers` insists on. The same parameters give the same bytes.
pub fn save_weights(parameters: &Parameters) -> Result<Vec<u8>> {
    let tensors = parameters
        .paths()
        .map(|path| {
            let tensor = parameters.get_detached(path)?;
            let shape = tensor.dims().to_vec();
            let lazy = LazyTensor::new(&shape, Values::Tensor(tensor));
            Ok((path.name(parameters.architecture()), lazy))
        })
        .collect::<Result<Vec<_>>>()?;
    safetensors_file(tensors, HashMap::from([("format".to_owned(), "pt".to_owned())]))
}
