//! Two-pass LayerNorm (Ba et al. 2016): mean first, then the mean of squared deviations.
//!
//! The one-pass form E[x²] − mean² loses all digits when the mean is large against the spread; corrupted weights produce
//! such rows, and the error would look like an effect of the corruption.

use crate::parallel::prelude::*;

use super::dispatch::{SERIAL_BELOW, vectorized};
use super::math;

/// Mean and 1/√(variance + eps) of a row; NaN when the variance is not finite, as it is when the mean is not.
///
/// 1/√∞ would be 0 and leave the bias alone: an ordinary row made of an overflow.
#[inline(always)]
fn statistics(row: &[f32], eps: f32) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = math::sum(row) / n;
    let variance = math::sum2(row, row, |x, _| (x - mean) * (x - mean)) / n;
    (mean, if variance.is_finite() { 1.0 / (variance + eps).sqrt() } else { f32::NAN })
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
    let partial: Vec<NormSums> = (x.par_chunks(chunk), dy.par_chunks(chunk), dx.par_chunks_mut(chunk))
        .into_par_iter()
        .enumerate()
        .map(|(index, (x, dy, dx))| layer_norm_backward_block(x, gamma, eps, dy, index * chunk / gamma.len(), dx))
        .collect();
    let NormGradient { gamma, beta } = NormGradient::sum(partial, gamma.len());
    (dx, gamma, beta)
}

/// The gradients of gain and bias.
pub(crate) struct NormGradient {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// Rows of one partial sum of [`NormGradient`], counted from the first row of all. The order of additions is that of
/// these parts wherever blocks end, so it does not depend on how many threads share the rows.
const PART_ROWS: usize = 32;

/// What a block of rows adds to a [`NormGradient`]: by part, in order. Rows of a part that the block before it began
/// stand alone, since they are added to a sum that this block does not have.
pub(crate) struct NormSums(Vec<(usize, NormGradient)>);

impl NormGradient {
    fn zero(n_columns: usize) -> Self {
        Self { gamma: vec![0.0; n_columns], beta: vec![0.0; n_columns] }
    }

    fn add(&mut self, other: &Self) {
        self.gamma.iter_mut().zip(&other.gamma).for_each(|(sum, x)| *sum += x);
        self.beta.iter_mut().zip(&other.beta).for_each(|(sum, x)| *sum += x);
    }

    /// The sum over blocks that follow each other from row 0 on.
    pub(crate) fn sum(blocks: impl IntoIterator<Item = NormSums>, n_columns: usize) -> Self {
        let (mut total, mut sum) = (Self::zero(n_columns), Self::zero(n_columns));
        let mut current = 0;
        for (part, rows) in blocks.into_iter().flat_map(|block| block.0) {
            if part == current {
                sum.add(&rows);
            } else {
                total.add(&sum);
                (current, sum) = (part, rows);
            }
        }
        total.add(&sum);
        total
    }
}

/// As [`layer_norm_backward`] for a block of rows, of which `first_row` is the first, on the calling thread.
pub(crate) fn layer_norm_backward_block(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    dy: &[f32],
    first_row: usize,
    dx: &mut [f32],
) -> NormSums {
    let n = gamma.len();
    let (mut normed, mut scaled) = (vec![0.0; n], vec![0.0; n]); // x̂ and g of one row
    let end = first_row + x.len() / n;
    let mut sums = Vec::new();
    let mut row = first_row;
    while row < end {
        let is_begun = !row.is_multiple_of(PART_ROWS);
        let next = if is_begun { row + 1 } else { end.min(row + PART_ROWS) };
        let values = (row - first_row) * n..(next - first_row) * n;
        let mut sum = NormGradient::zero(n);
        add_rows_backward(
            &x[values.clone()],
            gamma,
            eps,
            &dy[values.clone()],
            &mut dx[values],
            &mut sum,
            (&mut normed, &mut scaled),
        );
        sums.push((row / PART_ROWS, sum));
        row = next;
    }
    NormSums(sums)
}

/// Adds the gradients of gain and bias of some rows to `sums`, row by row; `row` has the length of one.
fn add_rows_backward(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    dy: &[f32],
    dx: &mut [f32],
    sums: &mut NormGradient,
    row: (&mut [f32], &mut [f32]),
) {
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
}

/// Rows in one task.
fn rows_per_task(n_elements: usize, n_columns: usize) -> usize {
    let n_rows = n_elements / n_columns.max(1);
    let at_least = SERIAL_BELOW.div_ceil(n_columns.max(1));
    n_rows.div_ceil(8).max(at_least).max(1)
}
