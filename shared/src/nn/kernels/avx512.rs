//! Products of matrices on x86-64 processors with AVX-512.
//!
//! The gemm crate's own AVX-512 tile is as fast, but the crate packs both operands for every product. Here the left
//! operand of a dense layer is read where it lies, a weight is packed once for all blocks of tokens, and bias and GELU
//! are part of the product. On processors without AVX-512 the gemm crate multiplies.

mod pack;
#[cfg(test)]
mod tests;
mod tile;

use super::packed_weight::Activation;
use super::product::{PackedMatrix, Right, multiply};
use super::{Accumulate, MatrixMut, MatrixRef};
pub(super) use tile::Avx512;

/// Whether this processor has the instructions; asked once by the standard library.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// A weight packed for [`Avx512`].
pub(super) type Packed = PackedMatrix<Avx512>;

/// As [`super::matmul`].
///
/// # Panics
/// When the processor has no AVX-512.
pub(super) fn matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, mode: Accumulate) {
    multiply::<Avx512>(out, a, &Right::Loose(b), mode.into(), Activation::None);
}
