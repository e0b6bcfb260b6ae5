//! Kernels for WebAssembly's 128-bit vectors, where the gemm crate reaches half of what the processor can do.
//!
//! A browser offers 16 vector registers (one of them taken), no wider vectors and no prefetch, so all that is left is to
//! keep a tile of the result in registers and to read the operands in the order of use. Both operands are packed
//! (Goto & van de Geijn 2008): the right one into panels of 8 columns, `[k-block][panel][k][8]`, which a model that is
//! only evaluated keeps ([`PackedMatrix`]); the left one into groups of a few rows, `[group][k][rows]`, anew for each
//! block of rows. The loops go k-block → row block → panel → group, so that a panel of at most 12 KB stays in the
//! first-level cache while the groups come from the second.
//!
//! Two variants of the tile differ in the multiply-add alone: `Plain` rounds twice, `Relaxed` leaves that to the
//! browser, which on most processors fuses the two (relaxed SIMD). Which one runs is the cargo feature `relaxed-simd`,
//! since a module with instructions that a browser does not know is refused as a whole. Results of the two differ in
//! the last bit; nothing that must be the same on all machines, such as a corruption, comes through here.
//!
//! Invariant: every element of a product is summed in the order of k, whatever the shape.

mod attention;
mod pack;
mod pointwise;
mod product;
mod small;
#[cfg(test)]
mod tests;
mod tile;

pub(super) use attention::attention;
pub(super) use pointwise::{serial_gelu, serial_gelu_backward};
pub(super) use product::PackedMatrix;
pub(super) use small::small_matmul;
pub(super) use tile::PANEL;

use super::{Accumulate, MatrixMut, MatrixRef};
use product::{Activation, Right, Start, multiply};

/// The variant this build runs.
#[cfg(feature = "relaxed-simd")]
type Variant = tile::Relaxed;
#[cfg(not(feature = "relaxed-simd"))]
type Variant = tile::Plain;

/// As [`super::matmul`].
pub(super) fn matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, scale: f32, mode: Accumulate) {
    let start = match mode {
        Accumulate::Set => Start::Zero,
        Accumulate::Add => Start::Out,
    };
    multiply::<Variant>(out, a, Right::Loose(b), scale, start, Activation::None);
}

/// y = x·Wᵀ + b for `x` `[n, n_in]` and `y` `[n, n_out]`, with W packed before.
pub(super) fn packed_linear(x: &[f32], weight: &PackedMatrix, bias: &[f32], y: &mut [f32]) {
    dense(x, weight, bias, Activation::None, y);
}

/// y = gelu(x·Wᵀ + b), with W packed before.
pub(super) fn packed_linear_gelu(x: &[f32], weight: &PackedMatrix, bias: &[f32], y: &mut [f32]) {
    dense(x, weight, bias, Activation::Gelu, y);
}

fn dense(x: &[f32], weight: &PackedMatrix, bias: &[f32], activation: Activation, y: &mut [f32]) {
    let (n_in, n_out) = (weight.n_rows(), bias.len());
    let n = x.len() / n_in.max(1);
    let (out, x) = (MatrixMut::new(y, n, n_out, n_out), MatrixRef::new(x, n, n_in, n_in));
    multiply::<Variant>(out, x, Right::Packed(weight), 1.0, Start::Bias(bias), activation);
}
