//! A dense layer's weight as the right operand of products, in the order in which this target's tiles read it.

use std::sync::Arc;

use super::product::{PackedMatrix, Right, multiply};
use super::{Accumulate, Buffer, MatrixMut, MatrixRef, NativeTile, ScalarTile, bias_gelu, matmul};
use crate::nn::InstructionSet;

/// What the sums of a product begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// The output's old content.
    Out,
    /// `[n]`, for every row.
    Bias(&'a [f32]),
}

impl From<Accumulate> for Start<'_> {
    fn from(mode: Accumulate) -> Self {
        match mode {
            Accumulate::Set => Self::Zero,
            Accumulate::Add => Self::Out,
        }
    }
}

/// What is done to a finished sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Gelu,
}

/// A packed weight; there is none where the gemm crate multiplies, which packs as it goes and takes no packed operand.
#[derive(Debug)]
pub(crate) struct PackedWeight(Packed);

/// For the tiles of which kind.
#[derive(Debug)]
enum Packed {
    Native(PackedMatrix<NativeTile>),
    Scalar(PackedMatrix<ScalarTile>),
}

impl PackedWeight {
    /// Packs Wᵀ of W `[n_out, n_in]`, for y = x·Wᵀ; `None` where nothing packed is used.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Option<Self> {
        Self::of(rows(weight, n_in).t())
    }

    /// Packs W `[n_out, n_in]`, for dx = dy·W.
    pub(crate) fn for_input_gradient(weight: &[f32], n_in: usize) -> Option<Self> {
        Self::of(rows(weight, n_in))
    }

    fn of(matrix: MatrixRef<'_>) -> Option<Self> {
        match InstructionSet::current() {
            InstructionSet::Avx512 | InstructionSet::Wasm => Some(Self(Packed::Native(PackedMatrix::new(matrix)))),
            InstructionSet::Scalar => Some(Self(Packed::Scalar(PackedMatrix::new(matrix)))),
            InstructionSet::Gemm => None,
        }
    }

    /// `[k, n]`
    fn shape(&self) -> (usize, usize) {
        match &self.0 {
            Packed::Native(matrix) => matrix.shape(),
            Packed::Scalar(matrix) => matrix.shape(),
        }
    }

    /// out = activation(start + x·B).
    fn multiply(&self, x: MatrixRef<'_>, start: Start<'_>, activation: Activation, out: MatrixMut<'_>) {
        match &self.0 {
            Packed::Native(matrix) => multiply(out, x, &Right::Packed(matrix), start, activation),
            Packed::Scalar(matrix) => multiply(out, x, &Right::Packed(matrix), start, activation),
        }
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

    /// `x` `[m, k]` and `out` `[m, n]` as matrices.
    fn matrices<'x, 'out>(&self, x: &'x [f32], out: &'out mut [f32]) -> (MatrixRef<'x>, MatrixMut<'out>) {
        let (k, n) = match self {
            Self::Packed(packed) => packed.shape(),
            Self::Loose(matrix) => (matrix.rows(), matrix.columns()),
        };
        let m = x.len() / k.max(1);
        (MatrixRef::new(x, m, k, k), MatrixMut::new(out, m, n, n))
    }

    /// out = x·B, or out + x·B; on the calling thread, like all of these.
    pub(crate) fn product(&self, x: &[f32], mode: Accumulate, out: &mut [f32]) {
        let (x, out) = self.matrices(x, out);
        match self {
            Self::Packed(packed) => packed.multiply(x, mode.into(), Activation::None, out),
            Self::Loose(matrix) => matmul(out, x, *matrix, mode),
        }
    }

    /// out = x·B + bias.
    pub(crate) fn affine(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        if let Self::Packed(packed) = self {
            let (x, out) = self.matrices(x, out);
            return packed.multiply(x, Start::Bias(bias), Activation::None, out);
        }
        out.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
        self.product(x, Accumulate::Add, out);
    }

    /// out = gelu(x·B + bias), where the sum itself is not needed.
    pub(crate) fn affine_gelu(&self, x: &[f32], bias: &[f32], out: &mut [f32]) {
        if let Self::Packed(packed) = self {
            let (x, out) = self.matrices(x, out);
            return packed.multiply(x, Start::Bias(bias), Activation::Gelu, out);
        }
        let mut sum = Buffer::new(out.len());
        self.product(x, Accumulate::Set, &mut sum);
        bias_gelu(&mut sum, bias, out);
    }
}
