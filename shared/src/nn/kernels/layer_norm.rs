//! Two-pass LayerNorm (Ba et al. 2016): mean first, then the mean of squared deviations.
//!
//! The one-pass form E[x²] − mean² loses all digits when the mean is large against the spread; corrupted weights produce
//! such rows, and the error would look like an effect of the corruption.

use rayon::prelude::*;

use super::vectorized::vectorized;
use super::{SERIAL_BELOW, math};

/// Mean and 1/√(variance + eps) of a row.
#[inline(always)]
fn statistics(row: &[f32], eps: f32) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = math::sum(row) / n;
    let variance = math::sum2(row, row, |x, _| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// y = (x − mean) / √(var + eps) · gamma + beta over rows of length `gamma.len()`.
pub(crate) fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) {
    let chunk = rows_per_task(x.len(), gamma.len()) * gamma.len();
    x.par_chunks(chunk).zip(y.par_chunks_mut(chunk)).for_each(|(x, y)| layer_norm_block(x, gamma, beta, eps, y));
}

/// As [`layer_norm`], on the calling thread.
pub(crate) fn layer_norm_block(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) {
    let n = gamma.len();
    vectorized!(|x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, n: usize, y: &mut [f32]| {
        for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
            let (mean, inverse_std) = statistics(x, eps);
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = (x - mean) * inverse_std * gamma + beta;
            }
        }
    });
}

/// Gradients of [`layer_norm`]: (dx, dgamma, dbeta).
///
/// With x̂ = (x − mean)·s and g = dy·gamma: dx = s·(g − mean(g) − x̂·mean(g·x̂)), dgamma = Σ dy·x̂, dbeta = Σ dy.
pub(crate) fn layer_norm_backward(x: &[f32], gamma: &[f32], eps: f32, dy: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut dx = vec![0.0; x.len()];
    let chunk = rows_per_task(x.len(), gamma.len()) * gamma.len();
    let partial: Vec<NormGradient> = (x.par_chunks(chunk), dy.par_chunks(chunk), dx.par_chunks_mut(chunk))
        .into_par_iter()
        .map(|(x, dy, dx)| layer_norm_backward_block(x, gamma, eps, dy, dx))
        .collect();
    let NormGradient { gamma, beta } = NormGradient::sum(partial, gamma.len());
    (dx, gamma, beta)
}

/// The gradients of gain and bias.
pub(crate) struct NormGradient {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

impl NormGradient {
    /// The sum of the gradients of blocks of rows, in their order.
    pub(crate) fn sum(parts: impl IntoIterator<Item = Self>, n_columns: usize) -> Self {
        let mut total = Self { gamma: vec![0.0; n_columns], beta: vec![0.0; n_columns] };
        for part in parts {
            total.gamma.iter_mut().zip(&part.gamma).for_each(|(sum, part)| *sum += part);
            total.beta.iter_mut().zip(&part.beta).for_each(|(sum, part)| *sum += part);
        }
        total
    }
}

/// As [`layer_norm_backward`] for a block of rows, on the calling thread.
pub(crate) fn layer_norm_backward_block(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    dy: &[f32],
    dx: &mut [f32],
) -> NormGradient {
    let n = gamma.len();
    let mut gradient = NormGradient { gamma: vec![0.0; n], beta: vec![0.0; n] };
    let (mut normed, mut scaled) = (vec![0.0; n], vec![0.0; n]); // x̂ and g of one row
    let (sums, row) = (&mut gradient, (&mut *normed, &mut *scaled));
    vectorized!(|x: &[f32],
                 gamma: &[f32],
                 eps: f32,
                 dy: &[f32],
                 dx: &mut [f32],
                 sums: &mut NormGradient,
                 row: (&mut [f32], &mut [f32])| {
        let (n, (normed, scaled)) = (gamma.len(), row);
        for ((x, dy), dx) in x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(n)) {
            let (mean, inverse_std) = statistics(x, eps);
            for (h, x) in normed.iter_mut().zip(x) {
                *h = (x - mean) * inverse_std;
            }
            for ((g, dy), gamma) in scaled.iter_mut().zip(dy).zip(gamma) {
                *g = dy * gamma;
            }
            let mean_g = math::sum(scaled) / n as f32;
            let mean_gh = math::sum2(scaled, normed, |g, h| g * h) / n as f32;
            for ((dx, g), h) in dx.iter_mut().zip(&*scaled).zip(&*normed) {
                *dx = inverse_std * (g - mean_g - h * mean_gh);
            }
            for ((dgamma, dy), h) in sums.gamma.iter_mut().zip(dy).zip(&*normed) {
                *dgamma += dy * h;
            }
            for (dbeta, dy) in sums.beta.iter_mut().zip(dy) {
                *dbeta += dy;
            }
        }
    });
    gradient
}

/// Rows in one task: a function of the shape alone, so that partial sums do not depend on the number of threads.
fn rows_per_task(n_elements: usize, n_columns: usize) -> usize {
    let n_rows = n_elements / n_columns.max(1);
    let at_least = SERIAL_BELOW.div_ceil(n_columns.max(1));
    n_rows.div_ceil(8).max(at_least).max(1)
}
