//! The affine map y = x·Wᵀ + b and its gradients, with W `[n_out, n_in]` as Hugging Face stores it.

use super::{Accumulate, MatrixMut, MatrixRef, matmul};

/// Rows of `x` `[n, n_in]` through the layer: `[n, n_out]`. The bias is written first and the product added to it.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn linear(x: &[f32], weight: &[f32], bias: &[f32], n_in: usize) -> Vec<f32> {
    let (n, n_out) = (x.len() / n_in.max(1), bias.len());
    let mut y = Vec::with_capacity(n * n_out);
    for _ in 0..n {
        y.extend_from_slice(bias);
    }
    matmul(
        MatrixMut::new(&mut y, n, n_out, n_out),
        MatrixRef::new(x, n, n_in, n_in),
        MatrixRef::new(weight, n_out, n_in, n_in).t(),
        1.0,
        Accumulate::Add,
    );
    y
}

/// dx = dy·W, set or added to `dx` `[n, n_in]`, for `dy` `[n, n_out]`.
pub(crate) fn linear_input_gradient(dy: &[f32], weight: &[f32], n_out: usize, dx: &mut [f32], mode: Accumulate) {
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
    let n = dy.len() / n_out.max(1);
    let mut dweight = vec![0.0; n_out * n_in];
    matmul(
        MatrixMut::new(&mut dweight, n_out, n_in, n_in),
        MatrixRef::new(dy, n, n_out, n_out).t(),
        MatrixRef::new(x, n, n_in, n_in),
        1.0,
        Accumulate::Set,
    );
    dweight
}
