//! What healing did to a corrupted model.

use super::error::BundleError;
use super::manifest::TensorEntry;
use super::open::decode;
use crate::error::Result;
use crate::model::ParameterPath;
use crate::parameters::Parameters;

/// `healed.bin`, checked: what to add to the corrupted model.
#[derive(Debug)]
pub struct Delta {
    tensors: Vec<(ParameterPath, TensorEntry)>,
    bytes: Vec<u8>,
}

impl Delta {
    pub(super) fn new(tensors: Vec<(ParameterPath, TensorEntry)>, bytes: Vec<u8>) -> Self {
        Self { tensors, bytes }
    }

    /// The parameters that healing moved, in forward order.
    pub fn paths(&self) -> impl Iterator<Item = ParameterPath> + '_ {
        self.tensors.iter().map(|(path, _)| *path)
    }

    /// Turns the corrupted parameters into the healed ones: `xᵢ + dᵢ` in f32, in place.
    ///
    /// # Errors
    /// When `parameters` are another model's, or a sum is not finite.
    pub fn apply(&self, parameters: &mut Parameters) -> Result<()> {
        for (path, entry) in &self.tensors {
            let mut values = parameters.to_vec(*path)?;
            let difference = decode(entry, &self.bytes)?;
            if values.len() != difference.len() {
                let problem = format!("expected {} values, got {}", difference.len(), values.len());
                return Err(BundleError::Encoding { tensor: entry.name.clone(), problem }.into());
            }
            for (at, (value, difference)) in values.iter_mut().zip(difference).enumerate() {
                *value += difference;
                if !value.is_finite() {
                    return Err(BundleError::NotFinite { tensor: entry.name.clone(), at, value: *value }.into());
                }
            }
            parameters.set(*path, values)?;
        }
        Ok(())
    }
}
