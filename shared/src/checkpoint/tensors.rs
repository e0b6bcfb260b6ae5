//! Tensors of weight files as f32 values by parameter.

use std::collections::BTreeMap;

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::names::{NameMatch, Names, SPAN_HEAD, unwrapped};
use crate::error::CheckpointError;
use crate::git_lfs;
use crate::model::{HISTORY_KEY, History, ModelConfig, Module, ParameterPath};

/// Shape and values of each parameter.
pub(super) type Found = BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)>;

/// One file of weights.
#[derive(Clone, Debug)]
pub struct WeightFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content, safetensors.
    pub bytes: Vec<u8>,
}

impl WeightFile {
    /// What it tells of itself. A file that is damaged is refused where its tensors are read.
    pub(super) fn history(&self) -> Result<History, CheckpointError> {
        let Ok((_, header)) = SafeTensors::read_metadata(&self.bytes) else { return Ok(History::default()) };
        let Some(text) = header.metadata().as_ref().and_then(|metadata| metadata.get(HISTORY_KEY)) else {
            return Ok(History::default());
        };
        serde_json::from_str(text).and_then(|value| History::from_json(&value)).map_err(|e| {
            CheckpointError::Safetensors {
                file: self.name.clone(),
                reason: format!("{HISTORY_KEY} in its metadata: {e}"),
            }
        })
    }

    /// # Errors
    /// When it is empty, a pointer to another file, or no safetensors.
    pub(super) fn tensors(&self) -> Result<SafeTensors<'_>, CheckpointError> {
        let unreadable = |reason: String| CheckpointError::Safetensors { file: self.name.clone(), reason };
        if self.bytes.is_empty() {
            return Err(unreadable("the file is empty".into()));
        }
        if let Some(reason) = git_lfs::pointer(&self.bytes) {
            return Err(CheckpointError::Pointer { file: self.name.clone(), reason });
        }
        SafeTensors::deserialize(&self.bytes).map_err(|e| unreadable(e.to_string()))
    }
}

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
        file: &WeightFile,
    ) -> Result<(), CheckpointError> {
        let tensors = file.tensors()?;
        let mut all: Vec<(&str, TensorView<'_>)> = tensors.iter().collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        for (name, view) in all {
            let (bare, wrapper) = unwrapped(name);
            self.wrapper = self.wrapper.or(wrapper);
            let path = match names.matches(bare) {
                NameMatch::Parameter(path) => path,
                NameMatch::Ignored(what) => {
                    *self.ignored.entry(what).or_default() += 1;
                    continue;
                }
                NameMatch::Unknown => return Err(unexpected(config, file, name, &view)),
            };
            let tensor = values_of(config, path, file, name, &view)?;
            if self.found.insert(path, tensor).is_some() {
                return Err(CheckpointError::Duplicate { file: file.name.clone(), tensor: name.to_owned() });
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
    view: &TensorView<'_>,
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
    view: &TensorView<'_>,
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
    let values = to_f32(view).ok_or_else(|| CheckpointError::NumberFormat {
        file: file.name.clone(),
        tensor: name.to_owned(),
        got: format!("{:?}", view.dtype()),
    })?;
    Ok((expected, values))
}

/// The values of a float tensor; none for other numbers.
pub(super) fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
        bytes
            .par_chunks_exact(N)
            .with_min_len(1 << 14)
            .map(|chunk| value(chunk.try_into().expect("chunks have exactly N bytes")))
            .collect()
    }
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Some(convert(bytes, f32::from_le_bytes)),
        Dtype::F16 => Some(convert(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Some(convert(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F64 => Some(convert(bytes, |b| f64::from_le_bytes(b) as f32)),
        _ => None,
    }
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
