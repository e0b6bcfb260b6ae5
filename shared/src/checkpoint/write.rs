//! One safetensors file of f32 tensors, made tensor by tensor, so that only the file itself is held a second time.

use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::{DType, Tensor};
use safetensors::{Dtype, View};

use super::CheckpointError;
use crate::error::Result;

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
        let to_bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
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

/// The file; tensors are sorted by name, so the same tensors give the same bytes.
pub(crate) fn safetensors_file(
    tensors: Vec<(String, LazyTensor<'_>)>,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>> {
    safetensors::serialize(tensors, Some(metadata))
        .map_err(|e| CheckpointError::Safetensors { file: "model.safetensors".into(), reason: e.to_string() }.into())
}
