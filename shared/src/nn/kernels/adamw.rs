//! AdamW (Loshchilov & Hutter 2019) in place, one pass over parameter, gradient and moments.

use crate::parallel::prelude::*;

use super::dispatch::{SERIAL_BELOW, vectorized};

/// The scalars of one parameter's update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWStep {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// 1 − beta1, taken in f64: in f32 it would be off by 1e-7, which is 2e-7 of 0.1.
    pub one_minus_beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// 1 − beta2, taken in f64: in f32 it would be 1.3e-5 of 0.001 too small.
    pub one_minus_beta2: f32,
    /// Added to the square root.
    pub epsilon: f32,
    /// Decoupled weight decay; 0 for biases and LayerNorms.
    pub weight_decay: f32,
    /// 1 − beta1^t.
    pub bias_correction1: f32,
    /// 1 − beta2^t.
    pub bias_correction2: f32,
    /// Factor from clipping (and from averaging accumulated gradients).
    pub gradient_scale: f32,
}

impl AdamWStep {
    /// Decay first, then the bias-corrected step, as `torch.optim.AdamW`.
    #[inline(always)]
    fn update(self, p: &mut f32, g: f32, m: &mut f32, v: &mut f32) {
        let g = g * self.gradient_scale;
        *m = self.beta1 * *m + self.one_minus_beta1 * g;
        *v = self.beta2 * *v + self.one_minus_beta2 * g * g;
        let denominator = v.sqrt() * (1.0 / self.bias_correction2.sqrt()) + self.epsilon;
        *p = *p * self.keep() - self.learning_rate / self.bias_correction1 * *m / denominator;
    }

    /// What weight decay leaves of a parameter.
    fn keep(self) -> f32 {
        1.0 - self.learning_rate * self.weight_decay
    }
}

/// Updates a parameter and its moments.
pub(crate) fn adamw(
    parameter: &mut [f32],
    gradient: &[f32],
    mean: &mut [f32],
    mean_square: &mut [f32],
    step: AdamWStep,
) {
    (
        parameter.par_chunks_mut(SERIAL_BELOW),
        gradient.par_chunks(SERIAL_BELOW),
        mean.par_chunks_mut(SERIAL_BELOW),
        mean_square.par_chunks_mut(SERIAL_BELOW),
    )
        .into_par_iter()
        .for_each(|(parameter, gradient, mean, mean_square)| {
            vectorized!(|parameter: &mut [f32],
                         gradient: &[f32],
                         mean: &mut [f32],
                         mean_square: &mut [f32],
                         step: AdamWStep| {
                for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(mean).zip(mean_square) {
                    step.update(p, *g, m, v);
                }
            });
        });
}

/// As [`adamw`] for a table of rows of which `gradient` gives some; all others have gradient 0.
///
/// A row that never had a gradient (not in `is_live`) has zero moments, so only weight decay moves it: the same result
/// without reading its moments.
pub(crate) fn adamw_rows<'a>(
    parameter: &mut [f32],
    n_columns: usize,
    gradient: impl Fn(u32) -> Option<&'a [f32]> + Sync,
    mean: &mut [f32],
    mean_square: &mut [f32],
    is_live: &mut [bool],
    step: AdamWStep,
) {
    let n_rows = SERIAL_BELOW.div_ceil(n_columns);
    let chunk = n_rows * n_columns;
    (
        parameter.par_chunks_mut(chunk),
        mean.par_chunks_mut(chunk),
        mean_square.par_chunks_mut(chunk),
        is_live.par_chunks_mut(n_rows),
    )
        .into_par_iter()
        .enumerate()
        .for_each(|(chunk_idx, (parameter, mean, mean_square, is_live))| {
            let rows = parameter
                .chunks_exact_mut(n_columns)
                .zip(mean.chunks_exact_mut(n_columns))
                .zip(mean_square.chunks_exact_mut(n_columns))
                .zip(is_live)
                .zip((chunk_idx * n_rows) as u32..);
            for ((((p, m), v), is_live), id) in rows {
                let gradient = gradient(id);
                *is_live |= gradient.is_some();
                let is_live = *is_live;
                vectorized!(|p: &mut [f32],
                             gradient: Option<&[f32]>,
                             m: &mut [f32],
                             v: &mut [f32],
                             is_live: bool,
                             step: AdamWStep| {
                    match gradient {
                        Some(gradient) => {
                            for (((p, g), m), v) in p.iter_mut().zip(gradient).zip(m).zip(v) {
                                step.update(p, *g, m, v);
                            }
                        }
                        None if is_live => {
                            for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
                                step.update(p, 0.0, m, v);
                            }
                        }
                        None => {
                            let keep = step.keep();
                            for p in p {
                                *p *= keep;
                            }
                        }
                    }
                });
            }
        });
}

/// Σ x², in f64 and in a fixed order: one part of the gradient norm.
pub(crate) fn sum_of_squares(x: &[f32]) -> f64 {
    let partial: Vec<f64> = x
        .par_chunks(SERIAL_BELOW)
        .map(|chunk| {
            let mut sums = [0.0_f64; 8];
            let lanes = &mut sums;
            vectorized!(|chunk: &[f32], lanes: &mut [f64; 8]| {
                let chunks = chunk.chunks_exact(8);
                for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
                    *lane += f64::from(*x) * f64::from(*x);
                }
                for eight in chunks {
                    for (lane, x) in lanes.iter_mut().zip(eight) {
                        *lane += f64::from(*x) * f64::from(*x);
                    }
                }
            });
            sums.into_iter().sum::<f64>()
        })
        .collect();
    partial.into_iter().sum()
}
