//! A dense layer's weight in the order in which this target's matrix product reads it.

#[cfg(target_arch = "wasm32")]
use super::{MatrixRef, wasm};

/// Wᵀ, packed; it exists only where keeping it pays.
///
/// The gemm crate packs as it goes and takes no packed operand, so on other targets there is no value of this type.
#[derive(Debug)]
pub(crate) struct PackedWeight(
    #[cfg(target_arch = "wasm32")] wasm::PackedMatrix,
    #[cfg(not(target_arch = "wasm32"))] core::convert::Infallible,
);

#[cfg(target_arch = "wasm32")]
impl PackedWeight {
    /// Packs W `[n_out, n_in]`; `None` on a target where that does not pay.
    #[expect(clippy::unnecessary_wraps, reason = "the other targets' signature")]
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Option<Self> {
        let n_out = weight.len() / n_in.max(1);
        Some(Self(wasm::PackedMatrix::new(MatrixRef::new(weight, n_out, n_in, n_in).t())))
    }

    /// y = x·Wᵀ + b: `[n, n_in]` → `[n, n_out]`.
    pub(crate) fn linear(&self, x: &[f32], bias: &[f32]) -> Vec<f32> {
        wasm::packed_linear(x, &self.0, bias)
    }

    /// gelu(x·Wᵀ + b): `[n, n_in]` → `[n, n_out]`.
    pub(crate) fn linear_gelu(&self, x: &[f32], bias: &[f32]) -> Vec<f32> {
        wasm::packed_linear_gelu(x, &self.0, bias)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl PackedWeight {
    /// Packs W `[n_out, n_in]`; `None` on a target where that does not pay.
    pub(crate) fn new(_weight: &[f32], _n_in: usize) -> Option<Self> {
        None
    }

    /// y = x·Wᵀ + b: `[n, n_in]` → `[n, n_out]`.
    pub(crate) fn linear(&self, _x: &[f32], _bias: &[f32]) -> Vec<f32> {
        match self.0 {}
    }

    /// gelu(x·Wᵀ + b): `[n, n_in]` → `[n, n_out]`.
    pub(crate) fn linear_gelu(&self, _x: &[f32], _bias: &[f32]) -> Vec<f32> {
        match self.0 {}
    }
}
