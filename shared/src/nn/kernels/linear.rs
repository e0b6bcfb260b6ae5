//! The affine map y = x·Wᵀ + b and its gradients, with W `[n_out, n_in]` as Hugging Face stores it.
//!
//! Each is computed for blocks of rows, one a thread at a time: a product on one thread reaches the full rate also for the
//! small matrices of an encoder layer, while one that is shared among threads waits for operands that one of them packs.

use std::sync::Arc;

use crate::parallel::prelude::*;

use super::super::kernel_choice::Factors;
use super::dispatch::rows_per_block;
use super::matrix::{MatrixMut, MatrixRef};
use super::operand::matmul;
use super::product::{Operand, PackedWeight, Start};

/// Rows of `x` `[n, n_in]` through the layer: `[n, n_out]`.
pub(crate) fn linear(x: &[f32], weight: &[f32], bias: &[f32], n_in: usize) -> Vec<f32> {
    let (n, n_out) = (x.len() / n_in.max(1), bias.len());
    let mut y = vec![0.0; n * n_out];
    let rows = rows_per_block(n);
    let operand = Operand::new(weight, n_in, shared(n, rows, || PackedWeight::new(weight, n_in, Factors::F32)));
    y.par_chunks_mut(rows * n_out)
        .zip(x.par_chunks(rows * n_in))
        .with_max_len(1)
        .for_each(|(y, x)| operand.affine(x, bias, y));
    y
}

/// dx = dy·W, set or added to `dx` `[n, n_in]`, for `dy` `[n, n_out]`.
pub(crate) fn linear_input_gradient(dy: &[f32], weight: &[f32], n_out: usize, dx: &mut [f32], start: Start<'_>) {
    let (n, n_in) = (dy.len() / n_out.max(1), weight.len() / n_out.max(1));
    let rows = rows_per_block(n);
    let packed = shared(n, rows, || PackedWeight::for_input_gradient(weight, n_in, Factors::F32));
    let operand = Operand::for_input_gradient(weight, n_in, packed);
    dx.par_chunks_mut(rows * n_in)
        .zip(dy.par_chunks(rows * n_out))
        .with_max_len(1)
        .for_each(|(dx, dy)| operand.product(dy, start, dx));
}

/// A packed weight where more than one block of `n` rows uses it: a single product packs what it needs for itself.
fn shared(n: usize, rows: usize, pack: impl FnOnce() -> Option<PackedWeight>) -> Option<Arc<PackedWeight>> {
    if n > rows { pack().map(Arc::new) } else { None }
}

/// dW = dyᵀ·x, `[n_out, n_in]`, written in W's own layout.
pub(crate) fn linear_weight_gradient(dy: &[f32], x: &[f32], n_out: usize, n_in: usize) -> Vec<f32> {
    let mut dweight = vec![0.0; n_out * n_in];
    let rows = n_out.div_ceil(crate::parallel::n_threads()).max(1);
    dweight.par_chunks_mut(rows * n_in).enumerate().with_max_len(1).for_each(|(index, dweight)| {
        linear_weight_gradient_rows(dy, x, (n_out, n_in), Factors::F32, index * rows, dweight);
    });
    dweight
}

/// The rows of dW = dyᵀ·x from `first` on that `dweight` holds, on the calling thread.
pub(crate) fn linear_weight_gradient_rows(
    dy: &[f32],
    x: &[f32],
    (n_out, n_in): (usize, usize),
    factors: Factors,
    first: usize,
    dweight: &mut [f32],
) {
    let (n, n_rows) = (dy.len() / n_out.max(1), dweight.len() / n_in.max(1));
    if n == 0 {
        return dweight.fill(0.0);
    }
    matmul(
        MatrixMut::new(dweight, n_rows, n_in, n_in),
        MatrixRef::new(&dy[first..], n, n_rows, n_out).t(),
        MatrixRef::new(x, n, n_in, n_in),
        factors,
        Start::Zero,
    );
}
