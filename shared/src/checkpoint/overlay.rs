//! Some of a model's weights, laid over the rest.

use safetensors::{Dtype, SafeTensors};

use crate::error::{CheckpointError, Result};
use crate::model::{ParameterPath, Parameters};

/// Replaces the parameters that a safetensors file holds, such as
/// [`StatePart::Parameters`](crate::training::StatePart) of a fine-tuning, and leaves all others as they are. Names are
/// Hugging Face's, values f32. Returns what was replaced, in forward order.
///
/// # Errors
/// When the file is damaged, or holds anything but parameters of this model in their shapes. Nothing is replaced then.
pub fn overlay_weights(parameters: &mut Parameters, file: &str, bytes: &[u8]) -> Result<Vec<ParameterPath>> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|e| CheckpointError::Safetensors { file: file.to_owned(), reason: e.to_string() })?;
    let architecture = parameters.architecture();
    let mut replaced = Vec::with_capacity(tensors.len());
    for path in parameters.paths() {
        let name = path.name(architecture);
        let Ok(view) = tensors.tensor(&name) else { continue };
        let expected = parameters.get(path)?.dims().to_vec();
        if view.shape() != expected {
            let (file, got) = (file.to_owned(), view.shape().to_vec());
            return Err(CheckpointError::Shape { file, tensor: name, expected, got }.into());
        }
        if view.dtype() != Dtype::F32 {
            let (file, got) = (file.to_owned(), format!("{:?}", view.dtype()));
            return Err(CheckpointError::NumberFormat { file, tensor: name, got }.into());
        }
        let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        replaced.push((path, name, values));
    }
    if let Some((name, view)) =
        tensors.iter().find(|(name, _)| !replaced.iter().any(|(_, other, _): &(_, String, Vec<f32>)| other == name))
    {
        return Err(CheckpointError::Unexpected {
            file: file.to_owned(),
            tensor: name.to_owned(),
            shape: view.shape().to_vec(),
            architecture: format!("this {}", architecture.family().model_type),
        }
        .into());
    }
    let paths = replaced.iter().map(|(path, ..)| *path).collect();
    for (path, _, values) in replaced {
        parameters.set(path, values)?;
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::save_weights;
    use crate::model::{Architecture, Module};
    use candle_core::{Device, Tensor};

    fn parameters(modules: &[Module], values: &[f32]) -> Parameters {
        let tensor = || Tensor::new(values, &Device::Cpu).unwrap();
        let tensors = modules.iter().map(|module| (ParameterPath::bias(*module), tensor()));
        Parameters::new(Architecture::Bert, tensors.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_what_the_file_holds_is_replaced() {
        let mut model = parameters(&[Module::Pooler, Module::Classifier], &[1.0, 2.0]);
        let file = save_weights(&parameters(&[Module::Classifier], &[f32::NAN, -0.0])).unwrap();
        let replaced = overlay_weights(&mut model, "moment", &file).unwrap();
        assert_eq!(replaced, [ParameterPath::bias(Module::Classifier)]);
        assert_eq!(model.to_vec(ParameterPath::bias(Module::Pooler)).unwrap(), [1.0, 2.0]);
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let classifier = model.to_vec(ParameterPath::bias(Module::Classifier)).unwrap();
        assert_eq!(bits(classifier), bits(vec![f32::NAN, -0.0]));
    }

    #[test]
    fn another_models_file_and_a_damaged_one_replace_nothing() {
        let mut model = parameters(&[Module::Pooler], &[1.0, 2.0]);
        let good = save_weights(&parameters(&[Module::Pooler], &[3.0, 4.0])).unwrap();
        for (bytes, expected) in [
            (
                save_weights(&parameters(&[Module::Pooler, Module::Classifier], &[3.0, 4.0])).unwrap(),
                "unexpected tensor",
            ),
            (save_weights(&parameters(&[Module::Pooler], &[3.0])).unwrap(), "has shape [1], expected [2]"),
            (good[..good.len() - 1].to_vec(), "not a readable safetensors file"),
        ] {
            let message = overlay_weights(&mut model, "moment", &bytes).unwrap_err().to_string();
            assert!(message.starts_with("moment: ") && message.contains(expected), "{message}");
            assert_eq!(model.to_vec(ParameterPath::bias(Module::Pooler)).unwrap(), [1.0, 2.0]);
        }
        overlay_weights(&mut model, "moment", &good).unwrap();
        assert_eq!(model.to_vec(ParameterPath::bias(Module::Pooler)).unwrap(), [3.0, 4.0]);
    }
}
