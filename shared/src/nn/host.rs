//! Access to the f32 slices behind CPU tensors.

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Layout, Result, Storage, StorageRef, Tensor, bail};

/// The slice of a contiguous f32 argument of a custom operation.
pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout, op: &'static str) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: expected a contiguous tensor, got strides {:?} for shape {:?}", layout.stride(), layout.shape())
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// As [`slice`], to be written.
pub(crate) fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout, op: &'static str) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((start, end))) => Ok(&mut data[start..end]),
        (storage, _) => bail!(
            "{op}: expected a contiguous f32 tensor, got {:?} with strides {:?} for shape {:?}",
            storage.dtype(),
            layout.stride(),
            layout.shape()
        ),
    }
}

/// A read guard on a tensor's f32 slice.
pub(super) struct HostSlice<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> HostSlice<'a> {
    /// # Errors
    /// When the tensor is not on the CPU, not f32 or not contiguous.
    pub(super) fn new(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("expected a contiguous tensor, got strides {:?} for shape {:?}", layout.stride(), layout.shape())
        };
        match &*storage {
            Storage::Cpu(cpu) => cpu.as_slice::<f32>().map(|_| ())?,
            _ => bail!("expected a tensor on the CPU, got {:?}", tensor.device().location()),
        }
        Ok(Self { storage, range: start..end })
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.range.clone()],
            _ => unreachable!("`new` has checked device and number format"),
        }
    }
}
