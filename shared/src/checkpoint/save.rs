//! Writing weights.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::CheckpointError;
use crate::error::Result;
use crate::parameters::Parameters;

/// All parameters as one safetensors file with Hugging Face's names, f32 and the metadata `format: pt`, which
/// `transformers` insists on. The same parameters give the same bytes.
pub fn save_weights(parameters: &Parameters) -> Result<Vec<u8>> {
    let tensors = parameters
        .paths()
        .map(|path| {
            let tensor = parameters.get(path)?;
            let bytes: Vec<u8> = parameters.to_vec(path)?.into_iter().flat_map(f32::to_le_bytes).collect();
            Ok((path.name(parameters.architecture()), tensor.dims().to_vec(), bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    let unwritable = |e: safetensors::SafeTensorError| CheckpointError::Safetensors {
        file: "model.safetensors".into(),
        reason: e.to_string(),
    };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unwritable)?))
        })
        .collect::<Result<Vec<_>, CheckpointError>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views, Some(metadata)).map_err(unwritable)?)
}
