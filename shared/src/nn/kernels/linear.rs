//! The affine map y = x·Wᵀ + b and its gradients, with W `[n_out, n_in]` as Hugging Face stores it.
//!
//! Each has a form for one block of rows, on the calling thread, and one that hands blocks to all threads. The gemm crate
//! reaches its full rate on one thread also for the small matrices of an encoder layer, while it packs an operand on one
//! thread when it shares a product among several: so whole blocks of rows are shared instead.

use rayon::prelude::*;

use super::{Accumulate, MatrixMut, MatrixRef, matmul, rows_per_block};

/// Rows of `x` `[n, n_in]` through the layer: `[n, n_out]`.
pub(crate) fn linear(x: &[f32], weight: &[f32], bias: &[f32], n_in: usize) -> Vec<f32> {
    let (n, n_out) = (x.len() / n_in.max(1), bias.len());
    let mut y = vec![0.0; n * n_out];
    let rows = rows_per_block(n);
    y.par_chunks_mut(rows * n_out)
        .zip(x.par_chunks(rows * n_in))
        .with_max_len(1)
        .for_each(|(y, x)| linear_block(x, weight, Some(bias), n_in, y));
    y
}

/// y = x·Wᵀ + b, or without b, for a block of rows `x` `[n, n_in]` and `y` `[n, n_out]`.
pub(crate) fn linear_block(x: &[f32], weight: &[f32], bias: Option<&[f32]>, n_in: usize, y: &mut [f32]) {
    let (n, n_out) = (x.len() / n_in.max(1), weight.len() / n_in.max(1));
    if let Some(bias) = bias {
        y.chunks_exact_mut(n_out).for_each(|row| row.copy_from_slice(bias));
    }
    matmul(
        MatrixMut::new(y, n, n_out, n_out),
        MatrixRef::new(x, n, n_in, n_in),
        MatrixRef::new(weight, n_out, n_in, n_in).t(),
        1.0,
        if bias.is_some() { Accumulate::Add } else { Accumulate::Set },
    );
}

/// dx = dy·W, set or added to `dx` `[n, n_in]`, for `dy` `[n, n_out]`.
pub(crate) fn linear_input_gradient(dy: &[f32], weight: &[f32], n_out: usize, dx: &mut [f32], mode: Accumulate) {
    let (n, n_in) = (dy.len() / n_out.max(1), weight.len() / n_out.max(1));
    let rows = rows_per_block(n);
    dx.par_chunks_mut(rows * n_in)
        .zip(dy.par_chunks(rows * n_out))
        .with_max_len(1)
        .for_each(|(dx, dy)| linear_input_gradient_block(dy, weight, n_out, dx, mode));
}

/// As [`linear_input_gradient`] for a block of rows, on the calling thread.
pub(crate) fn linear_input_gradient_block(dy: &[f32], weight: &[f32], n_out: usize, dx: &mut [f32], mode: Accumulate) {
    let (n, n_in) = (dy.len() / n_out.max(1), weight.len() / n_out.max(1));
    matmul(
        MatrixMut::new(dx, n, n_in, n_in),
        MatrixRef::new(dy, n, n_out, n_out),
        MatrixRef::new(weight, n_out, n_in, n_in),
        1.0,
        mode,
    );
}

/// dW = dyᵀ·x, `[n_out, n_in]`, written in W's own layout.
pub(crate) fn linear_weight_gradient(dy: &[f32], x: &[f32], n_out: usize, n_in: usize) -> Vec<f32> {
    let mut dweight = vec![0.0; n_out * n_in];
    let rows = n_out.div_ceil(rayon::current_num_threads()).max(1);
    dweight
        .par_chunks_mut(rows * n_in)
        .enumerate()
        .with_max_len(1)
        .for_each(|(index, dweight)| linear_weight_gradient_rows(dy, x, n_out, n_in, index * rows, dweight));
    dweight
}

/// The rows of dW = dyᵀ·x from `first` on that `dweight` holds, on the calling thread.
pub(crate) fn linear_weight_gradient_rows(
    dy: &[f32],
    x: &[f32],
    n_out: usize,
    n_in: usize,
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
        1.0,
        Accumulate::Set,
    );
}
