//! The matrix product, by what [`InstructionSet::current`] says.

use super::packed_weight::Activation;
use super::product::{Right, multiply};
use super::{MatrixMut, MatrixRef, NativeTile, ScalarTile};
use crate::nn::InstructionSet;

/// `out = a·b`, or `out += a·b`.
///
/// Shapes: a `[m, k]`, b `[k, n]`, out `[m, n]`. It runs on the calling thread; callers share blocks of rows among threads.
/// A row of the result has the same bits whatever block it is computed in.
pub(crate) fn matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, mode: Accumulate) {
    let activation = Activation::None;
    match InstructionSet::current() {
        InstructionSet::Avx512 | InstructionSet::Wasm => {
            multiply::<NativeTile>(out, a, &Right::Loose(b), mode.into(), activation);
        }
        InstructionSet::Scalar => multiply::<ScalarTile>(out, a, &Right::Loose(b), mode.into(), activation),
        InstructionSet::Gemm => super::gemm_product(out, a, b, mode),
    }
}

/// What happens to the output's old content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accumulate {
    /// It is overwritten.
    Set,
    /// The product is added to it.
    Add,
}

#[cfg(test)]
mod tests;
