//! Tensors of weight files as f32 values by parameter.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::names::{NameMatch, Names, SPAN_HEAD, unwrapped};
use super::weight_file::{Header, StoredTensor, WeightFile};
use crate::error::CheckpointError;
use crate::model::{ModelConfig, Module, ParameterPath};

/// Shape and values of each parameter.
pub(super) type Found = BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)>;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) found: Found,
    ignored: BTreeMap<&'static str, usize>,
    /// What stood before the names.
    wrapper: Option<&'static str>,
}

impl Reading {
    /// Whether there were tensors of a head for question answering.
    pub(super) fn has_span_head(&self) -> bool {
        self.ignored.contains_key(SPAN_HEAD)
    }

    /// What was left aside.
    pub(super) fn notes(&self) -> Vec<String> {
        let ignored = self.ignored.iter().map(|(what, n)| {
            let were = if *n == 1 { " was" } else { "s were" };
            format!("{n} tensor{were} ignored: {what}")
        });
        let wrapper = self.wrapper.iter().map(|wrapper| {
            format!("the tensors' names begin with {wrapper}, as those of a wrapped model do: they are read without it")
        });
        ignored.chain(wrapper).collect()
    }

    /// Reads the tensors of one file.
    pub(super) fn read(
        &mut self,
        config: &ModelConfig,
        names: &Names,
        header: &Header<'_>,
    ) -> Result<(), CheckpointError> {
        let file = header.file();
        for (name, view) in &header.tensors() {
            let (bare, wrapper) = unwrapped(name);
            self.wrapper = self.wrapper.or(wrapper);
            let path = match names.matches(bare) {
                NameMatch::Parameter(path) => path,
                NameMatch::Ignored(what) => {
                    *self.ignored.entry(what).or_default() += 1;
                    continue;
                }
                NameMatch::Unknown => return Err(unexpected(config, file, name, view)),
            };
            let tensor = values_of(config, path, file, name, view)?;
            if self.found.insert(path, tensor).is_some() {
                return Err(CheckpointError::Duplicate { file: file.name.clone(), tensor: name.clone() });
            }
        }
        Ok(())
    }
}

/// The error of a tensor that the model does not have.
pub(super) fn unexpected(
    config: &ModelConfig,
    file: &WeightFile,
    name: &str,
    view: &StoredTensor<'_>,
) -> CheckpointError {
    CheckpointError::Unexpected {
        file: file.name.clone(),
        tensor: name.to_owned(),
        shape: view.shape().to_vec(),
        architecture: format!("a {} of {} layers", config.architecture.family().model_type, config.n_layers),
    }
}

/// Shape and values of a parameter.
///
/// # Errors
/// When it has not the config's shape, or is no float.
pub(super) fn values_of(
    config: &ModelConfig,
    path: ParameterPath,
    file: &WeightFile,
    name: &str,
    view: &StoredTensor<'_>,
) -> Result<(Vec<usize>, Vec<f32>), CheckpointError> {
    let mut expected = config.shape_of(path);
    if path.module == Module::Classifier {
        // A head for other classes is well-formed; whether it fits is decided when all files are read.
        expected[0] = view.shape().first().copied().unwrap_or_default();
    }
    if view.shape() != expected {
        let (file, tensor, got) = (file.name.clone(), name.to_owned(), view.shape().to_vec());
        return Err(CheckpointError::Shape { file, tensor, expected, got });
    }
    let values = view.to_f32()?.ok_or_else(|| CheckpointError::NumberFormat {
        file: file.name.clone(),
        tensor: name.to_owned(),
        got: format!("{:?}", view.dtype()),
    })?;
    Ok((expected, values))
}

/// SHA-256 (hex) over the names, shapes and values.
pub(super) fn hash(config: &ModelConfig, found: &Found) -> String {
    let mut hasher = Sha256::new();
    for (path, (shape, values)) in found {
        hasher.update(path.name(config.architecture).as_bytes());
        for dim in shape {
            hasher.update((*dim as u64).to_le_bytes());
        }
        for chunk in values.chunks(1 << 14) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|x| x.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    }
    hex::encode(hasher.finalize())
}
