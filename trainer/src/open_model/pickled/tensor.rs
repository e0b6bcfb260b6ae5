//! One tensor of a pickled table: its place in a storage, and its numbers in order.

use anyhow::bail;
use candle_core::DType;
use candle_core::pickle::TensorInfo;
use safetensors::Dtype;

/// A tensor as safetensors has it.
pub(super) struct Tensor {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Row-major, little-endian.
    pub(super) bytes: Vec<u8>,
}

/// Reads the numbers of a tensor; `storage` gives at most so many bytes of what they lie in, `n_left` is what all further
/// tensors may take.
pub(super) fn read_tensor(
    info: &TensorInfo,
    n_left: &mut u64,
    storage: impl FnOnce(&TensorInfo, u64) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Tensor> {
    let (dtype, size) = match info.dtype {
        DType::F32 => (Dtype::F32, 4),
        DType::F64 => (Dtype::F64, 8),
        DType::F16 => (Dtype::F16, 2),
        DType::BF16 => (Dtype::BF16, 2),
        // Buffers such as position_ids; as a weight these are refused by the checkpoint's own check.
        DType::I64 => (Dtype::I64, 8),
        DType::U8 => (Dtype::U8, 1),
        other => bail!("its numbers are {other:?}: expected f32, f64, f16 or bf16"),
    };
    let shape = info.layout.dims().to_vec();
    let n_elements = shape.iter().try_fold(1_usize, |n, &length| n.checked_mul(length));
    let n_bytes = n_elements.and_then(|n| n.checked_mul(size));
    let Some((n_elements, n_bytes)) = n_elements.zip(n_bytes).filter(|(_, n_bytes)| *n_bytes as u64 <= *n_left) else {
        bail!("its shape {shape:?} takes more than the file has");
    };
    let storage = storage(info, *n_left)?;
    *n_left -= (storage.len() as u64).max(n_bytes as u64);
    let start = info.layout.start_offset();
    if info.layout.is_contiguous()
        && let Some(bytes) = start.checked_add(n_bytes).and_then(|end| storage.get(start..end))
    {
        return Ok(Tensor { dtype, shape, bytes: bytes.to_vec() });
    }
    // Transposed, as weights that were converted from TensorFlow are.
    let element = |index: usize| storage.chunks_exact(size).nth(index);
    let (first, strides) = (start / size, info.layout.stride());
    let mut bytes = Vec::with_capacity(n_bytes);
    let mut position = vec![0_usize; shape.len()];
    for _ in 0..n_elements {
        let index = position
            .iter()
            .zip(strides)
            .try_fold(first, |index, (&at, &stride)| at.checked_mul(stride).and_then(|step| index.checked_add(step)));
        let Some(element) = index.and_then(element) else {
            bail!("its shape {shape:?} reaches outside its storage of {} bytes", storage.len());
        };
        bytes.extend_from_slice(element);
        for (at, &length) in position.iter_mut().zip(&shape).rev() {
            *at += 1;
            if *at < length {
                break;
            }
            *at = 0;
        }
    }
    Ok(Tensor { dtype, shape, bytes })
}
