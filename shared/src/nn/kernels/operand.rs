//! The matrix product, by what [`InstructionSet::current`] says, and a dense layer's weight as its right operand.

use std::sync::Arc;

use super::super::kernel_choice::Factors;
use super::buffer::Buffer;
use super::gemm_product::gemm_product;
use super::matrix::{MatrixMut, MatrixRef};
use super::pointwise::bias_gelu;
use super::product::{Activation, Operand, PackedWeight, Start, multiply};
use super::scalar::Scalar as ScalarTile;
use crate::instruction_set::InstructionSet;

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vector_pack;
#[cfg(target_arch = "wasm32")]
use super::wasm::NativeTile;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512, avx512_bf16::Avx512Bf16};

/// `out = a·b`, or `out += a·b` where sums begin with the output.
///
/// Shapes: a `[m, k]`, b `[k, n]`, out `[m, n]`. It runs on the calling thread; callers share blocks of rows among threads.
/// A row of the result has the same bits whatever block it is computed in.
pub(crate) fn matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, factors: Factors, start: Start<'_>) {
    by_current_set(out, a, &Operand::Loose(b), factors, start, Activation::None);
}

/// # Panics
/// When `factors` are not available.
fn by_current_set(
    out: MatrixMut<'_>,
    a: MatrixRef<'_>,
    b: &Operand<'_>,
    factors: Factors,
    start: Start<'_>,
    activation: Activation,
) {
    if factors == Factors::Bf16 {
        return by_bf16(out, a, b, start, activation);
    }
    match (InstructionSet::current(), b) {
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, _) => multiply::<Avx512>(out, a, b, start, activation),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, _) => multiply::<Avx2>(out, a, b, start, activation),
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::Neon, _) => multiply::<Neon>(out, a, b, start, activation),
        #[cfg(target_arch = "wasm32")]
        (InstructionSet::Wasm, _) => multiply::<NativeTile>(out, a, b, start, activation),
        (InstructionSet::Gemm, Operand::Loose(b)) => gemm_product(out, a, *b, start),
        (InstructionSet::Gemm, Operand::Packed(_)) => unreachable!("nothing is packed where gemm multiplies"),
        // Those of other targets are never chosen on this one.
        _ => multiply::<ScalarTile>(out, a, b, start, activation),
    }
}

#[cfg(target_arch = "x86_64")]
fn by_bf16(out: MatrixMut<'_>, a: MatrixRef<'_>, b: &Operand<'_>, start: Start<'_>, activation: Activation) {
    multiply::<Avx512Bf16>(out, a, b, start, activation);
}

#[cfg(not(target_arch = "x86_64"))]
fn by_bf16(_: MatrixMut<'_>, _: MatrixRef<'_>, _: &Operand<'_>, _: Start<'_>, _: Activation) {
    unreachable!("bf16 is not available here");
}

/// The transpose of `matrix` `[rows, columns]` into `out` `[columns, at least rows]`; what is beside it becomes 0 or stays.
pub(super) fn transpose(matrix: MatrixRef<'_>, out: &mut [f32]) {
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let stride = out.len() / columns.max(1);
    match InstructionSet::current() {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => vector_pack::pack::<Avx512>(matrix, 0, rows, stride, 0..columns, out),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => vector_pack::pack::<Avx2>(matrix, 0, rows, stride, 0..columns, out),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon => vector_pack::pack::<Neon>(matrix, 0, rows, stride, 0..columns, out),
        _ => {
            for (column, out) in out.chunks_exact_mut(stride.max(1)).enumerate() {
                for (row, out) in out.iter_mut().take(rows).enumerate() {
                    *out = matrix.data()[row * matrix.row_stride() + column * matrix.column_stride()];
                }
            }
        }
    }
}

impl PackedWeight {
    /// Packs Wᵀ of W `[n_out, n_in]`, for y = x·Wᵀ; `None` where the gemm crate multiplies, which packs as it goes and takes
    /// no packed operand.
    pub(crate) fn new(weight: &[f32], n_in: usize, factors: Factors) -> Option<Self> {
        Self::of(rows(weight, n_in).t(), factors)
    }

    /// Packs W `[n_out, n_in]`, for dx = dy·W.
    pub(crate) fn for_input_gradient(weight: &[f32], n_in: usize, factors: Factors) -> Option<Self> {
        Self::of(rows(weight, n_in), factors)
    }

    fn of(matrix: MatrixRef<'_>, factors: Factors) -> Option<Self> {
        if factors == Factors::Bf16 {
            return Some(Self::of_bf16(matrix));
        }
        match InstructionSet::current() {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(Self::pack::<Avx512>(matrix)),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Some(Self::pack::<Avx2>(matrix)),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => Some(Self::pack::<Neon>(matrix)),
            #[cfg(target_arch = "wasm32")]
            InstructionSet::Wasm => Some(Self::pack::<NativeTile>(matrix)),
            InstructionSet::Gemm => None,
            _ => Some(Self::pack::<ScalarTile>(matrix)),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn of_bf16(matrix: MatrixRef<'_>) -> Self {
        Self::pack::<Avx512Bf16>(matrix)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_bf16(_: MatrixRef<'_>) -> Self {
        unreachable!("bf16 is not available here");
    }

    /// The factors of its products.
    fn factors(&self) -> Factors {
        if self.values_per_element() == 1 { Factors::F32 } else { Factors::Bf16 }
    }
}

/// W `[n_out, n_in]`.
fn rows(weight: &[f32], n_in: usize) -> MatrixRef<'_> {
    MatrixRef::new(weight, weight.len() / n_in.max(1), n_in, n_in)
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

    /// out = activation(start + x·B) for `x` `[m, k]` and `out` `[m, n]`; on the calling thread, like all of these.
    fn multiply(&self, x: &[f32], start: Start<'_>, activation: Activation, out: &mut [f32]) {
        let (k, n) = self.shape();
        let m = x.len() / k.max(1);
        let factors = match self {
            Self::Packed(weight) => weight.factors(),
            Self::Loose(_) => Factors::F32,
        };
        by_current_set(MatrixMut::new(out, m, n, n), MatrixRef::new(x, m, k, k), self, factors, start, activation);
    }

    /// out = x·B, or out + x·B.
    pub(crate) fn product(&self, x: &[f32], start: Start<'_>, out: &mut [f32]) {
        self.multiply(x, start, Activation::None, out);
    }

    /// out = x·B + bias.
    pub(crate) fn affine(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        if let Self::Packed(_) = self {
            return self.multiply(x, Start::Bias(bias), Activation::None, out);
        }
        out.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
        self.product(x, Start::Out, out);
    }

    /// out = gelu(x·B + bias), where the sum itself is not needed.
    pub(crate) fn affine_gelu(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        if let Self::Packed(_) = self {
            return self.multiply(x, Start::Bias(bias), Activation::Gelu, out);
        }
        let mut sum = Buffer::new(out.len());
        self.product(x, Start::Zero, &mut sum);
        bias_gelu(&mut sum, bias, out);
    }
}

#[cfg(test)]
mod tests;
