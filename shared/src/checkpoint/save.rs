//! Writing weights: one safetensors file of f32 tensors, made tensor by tensor, so that only the file itself is held a second
//! time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;

use candle_core::{DType, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, View};

use crate::error::{CheckpointError, Error, Result};
use crate::model::{HISTORY_KEY, History, Parameters};

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
    safetensors_file(tensors, &metadata_of(history))
}

/// The bytes of [`save_weights_with_history`], written piece by piece where there is no room for all of them at once: no
/// more than `PIECE` values are held beside the parameters.
///
/// # Errors
/// As [`save_weights`], and when `out` does not take them.
pub fn write_weights(parameters: &Parameters, history: &History, out: &mut impl Write) -> Result<()> {
    let mut named = parameters
        .paths()
        .map(|path| Ok((path.name(parameters.architecture()), parameters.get_detached(path)?)))
        .collect::<Result<Vec<_>>>()?;
    // As the crate orders tensors of one number format.
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut end = 0;
    let info = |(name, tensor): &(String, Tensor)| {
        let start = end;
        end += size_of::<f32>() * tensor.elem_count();
        let info = TensorInfo { dtype: Dtype::F32, shape: tensor.dims().to_vec(), data_offsets: (start, end) };
        (name.clone(), info)
    };
    let infos = named.iter().map(info).collect();
    let metadata = metadata_of(history);
    let unordered = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let header = Metadata::new(Some(unordered), infos).map_err(|e| unwritable(&e))?;
    let mut header = serde_json::to_vec(&header).map_err(|e| unwritable(&e))?;
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    let mut bytes = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    if metadata.len() > 1 {
        sort_metadata(&mut bytes, &metadata)?;
    }
    out.write_all(&bytes).map_err(|e| unwritable(&e))?;
    for (_, tensor) in &named {
        let flat = tensor.flatten_all()?;
        for start in (0..flat.elem_count()).step_by(PIECE) {
            let piece = flat.narrow(0, start, PIECE.min(flat.elem_count() - start))?;
            out.write_all(&to_bytes(&piece.to_dtype(DType::F32)?.to_vec1::<f32>()?)).map_err(|e| unwritable(&e))?;
        }
    }
    Ok(())
}

/// Values that are written at a time: a megabyte.
const PIECE: usize = 1 << 18;

fn metadata_of(history: &History) -> BTreeMap<&'static str, String> {
    let mut metadata = BTreeMap::from([("format", "pt".to_owned())]);
    if !history.is_empty() {
        metadata.insert(HISTORY_KEY, history.to_json().to_string());
    }
    metadata
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Where a tensor's values are.
pub(crate) enum Values<'a> {
    /// In a candle tensor.
    Tensor(Tensor),
    /// In host memory.
    Host(&'a [f32]),
}

/// A tensor that becomes bytes when it is written.
pub(crate) struct LazyTensor<'a> {
    shape: Vec<usize>,
    values: Values<'a>,
}

impl<'a> LazyTensor<'a> {
    pub(crate) fn new(shape: &[usize], values: Values<'a>) -> Self {
        Self { shape: shape.to_vec(), values }
    }
}

impl View for LazyTensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.values {
            Values::Tensor(tensor) => {
                let values = tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F32)?.to_vec1::<f32>());
                to_bytes(&values.expect("parameters and moments are float tensors that can be read"))
            }
            Values::Host(values) => to_bytes(values),
        })
    }

    fn data_len(&self) -> usize {
        4 * self.shape.iter().product::<usize>()
    }
}

/// The file; tensors are sorted by name and metadata by key, so the same content gives the same bytes.
pub(crate) fn safetensors_file(
    tensors: Vec<(String, LazyTensor<'_>)>,
    metadata: &BTreeMap<&str, String>,
) -> Result<Vec<u8>> {
    let unordered = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let mut bytes = safetensors::serialize(tensors, Some(unordered)).map_err(|e| unwritable(&e))?;
    if metadata.len() > 1 {
        sort_metadata(&mut bytes, metadata)?;
    }
    Ok(bytes)
}

/// The crate takes metadata as a hash map and writes its entries in another order in every process. In another order
/// they are as long, so they can be put in place.
fn sort_metadata(bytes: &mut [u8], metadata: &BTreeMap<&str, String>) -> Result<()> {
    let sorted = serde_json::to_vec(metadata).map_err(|e| unwritable(&e))?;
    // The header is `{"__metadata__":{…},…` after the eight bytes of its length.
    let start = size_of::<u64>() + r#"{"__metadata__":"#.len();
    let slot = bytes.get_mut(start..start + sorted.len());
    let is_metadata = |slot: &[u8]| {
        serde_json::from_slice::<BTreeMap<String, String>>(slot).is_ok_and(|found| {
            found.iter().map(|(key, value)| (key.as_str(), value)).eq(metadata.iter().map(|(k, v)| (*k, v)))
        })
    };
    match slot {
        Some(slot) if is_metadata(slot) => {
            slot.copy_from_slice(&sorted);
            Ok(())
        }
        _ => Err(unwritable(&"its header does not begin with the metadata")),
    }
}

fn unwritable(reason: &impl Display) -> Error {
    CheckpointError::Safetensors { file: "model.safetensors".into(), reason: reason.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, Kind, Module, ParameterPath, Treatment};
    use crate::random::Seed;
    use candle_core::Device;

    #[test]
    fn weights_that_are_written_in_pieces_are_the_same_bytes() {
        let values = |n: usize| (0..n).map(|i| (i as f32).sin()).collect::<Vec<_>>();
        let matrix = (PIECE / 64 + 3, 64);
        let tensors = [
            (Module::WordEmbeddings, Tensor::from_vec(values(matrix.0 * matrix.1), matrix, &Device::Cpu).unwrap()),
            (Module::Pooler, Tensor::from_vec(values(15), (5, 3), &Device::Cpu).unwrap()),
            (Module::Classifier, Tensor::from_vec(values(6), (2, 3), &Device::Cpu).unwrap()),
        ];
        let tensors = tensors.map(|(module, tensor)| (ParameterPath { module, kind: Kind::Weight }, tensor));
        let parameters = Parameters::new(Architecture::Bert, tensors.to_vec()).unwrap();
        let damage = Treatment::Corrupted { plan: "kaiming@all".to_owned(), seed: Seed(1) };
        for history in [History::default(), History::default().then(damage)] {
            let mut pieces = Vec::new();
            write_weights(&parameters, &history, &mut pieces).unwrap();
            assert!(pieces == save_weights_with_history(&parameters, &history).unwrap());
        }
    }
}
