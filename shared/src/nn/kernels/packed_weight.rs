//! A dense layer's weight as the right operand of products, in the order in which this target's tiles read it.

use std::sync::Arc;

#[cfg(target_arch = "x86_64")]
use super::avx512 as target;
#[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
use super::product::{Activation, Right, Start, multiply};
#[cfg(target_arch = "wasm32")]
use super::wasm as target;
use super::{Accumulate, Buffer, MatrixMut, MatrixRef, bias_gelu, matmul};

/// A packed weight; it exists only where the product of matrices is our own.
///
/// The gemm crate packs as it goes and takes no packed operand, so where that one multiplies there is no value of this
/// type.
#[derive(Debug)]
pub(crate) struct PackedWeight(
    #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))] target::Packed,
    #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))] core::convert::Infallible,
);

impl PackedWeight {
    /// Packs Wᵀ of W `[n_out, n_in]`, for y = x·Wᵀ; `None` where nothing packed is used.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Option<Self> {
        Self::of(rows(weight, n_in).t())
    }

    /// Packs W `[n_out, n_in]`, for dx = dy·W.
    pub(crate) fn for_input_gradient(weight: &[f32], n_in: usize) -> Option<Self> {
        Self::of(rows(weight, n_in))
    }

    #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
    fn of(matrix: MatrixRef<'_>) -> Option<Self> {
        target::is_available().then(|| Self(target::Packed::new(matrix)))
    }

    #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
    fn of(_matrix: MatrixRef<'_>) -> Option<Self> {
        None
    }
}

/// W `[n_out, n_in]`.
fn rows(weight: &[f32], n_in: usize) -> MatrixRef<'_> {
    MatrixRef::new(weight, weight.len() / n_in.max(1), n_in, n_in)
}

/// The right operand of the products of one pass through a dense layer, shared by all blocks of tokens.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    /// Packed before the first of them.
    Packed(Arc<PackedWeight>),
    /// Read, or packed, anew by each.
    Loose(MatrixRef<'a>),
}

impl<'a> Operand<'a> {
    /// Wᵀ of W `[n_out, n_in]`, with `packed` being [`PackedWeight::new`] of it.
    pub(crate) fn new(weight: &'a [f32], n_in: usize, packed: Option<Arc<PackedWeight>>) -> Self {
        packed.map_or_else(|| Self::Loose(rows(weight, n_in).t()), Self::Packed)
    }

    /// W `[n_out, n_in]`, with `packed` being [`PackedWeight::for_input_gradient`] of it.
    pub(crate) fn for_input_gradient(weight: &'a [f32], n_in: usize, packed: Option<Arc<PackedWeight>>) -> Self {
        packed.map_or_else(|| Self::Loose(rows(weight, n_in)), Self::Packed)
    }

    /// `[k, n]`
    fn shape(&self) -> (usize, usize) {
        match self {
            #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
            Self::Packed(packed) => packed.0.shape(),
            #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
            Self::Packed(packed) => match packed.0 {},
            Self::Loose(matrix) => (matrix.rows, matrix.columns),
        }
    }

    /// `x` `[m, k]` and `out` `[m, n]` as matrices.
    fn matrices<'x, 'out>(&self, x: &'x [f32], out: &'out mut [f32]) -> (MatrixRef<'x>, MatrixMut<'out>) {
        let (k, n) = self.shape();
        let m = x.len() / k.max(1);
        (MatrixRef::new(x, m, k, k), MatrixMut::new(out, m, n, n))
    }

    /// out = x·B, or out + x·B; on the calling thread, like all of these.
    pub(crate) fn product(&self, x: &[f32], mode: Accumulate, out: &mut [f32]) {
        let (x, out) = self.matrices(x, out);
        match self {
            #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
            Self::Packed(packed) => {
                let start = if mode == Accumulate::Add { Start::Out } else { Start::Zero };
                multiply(out, x, &Right::Packed(&packed.0), start, Activation::None);
            }
            #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
            Self::Packed(packed) => match packed.0 {},
            Self::Loose(matrix) => matmul(out, x, *matrix, mode),
        }
    }

    /// out = x·B + bias.
    pub(crate) fn affine(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        match self {
            #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
            Self::Packed(packed) => {
                let (x, out) = self.matrices(x, out);
                multiply(out, x, &Right::Packed(&packed.0), Start::Bias(bias), Activation::None);
            }
            #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
            Self::Packed(packed) => match packed.0 {},
            Self::Loose(_) => {
                out.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
                self.product(x, Accumulate::Add, out);
            }
        }
    }

    /// out = gelu(x·B + bias), where the sum itself is not needed.
    pub(crate) fn affine_gelu(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        match self {
            #[cfg(any(target_arch = "wasm32", target_arch = "x86_64"))]
            Self::Packed(packed) => {
                let (x, out) = self.matrices(x, out);
                multiply(out, x, &Right::Packed(&packed.0), Start::Bias(bias), Activation::Gelu);
            }
            #[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
            Self::Packed(packed) => match packed.0 {},
            Self::Loose(_) => {
                let mut sum = Buffer::new(out.len());
                self.product(x, Accumulate::Set, &mut sum);
                bias_gelu(&mut sum, bias, out);
            }
        }
    }
}
