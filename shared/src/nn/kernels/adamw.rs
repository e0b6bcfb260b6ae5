//! AdamW (Loshchilov & Hutter 2019) in place, one pass over parameter, gradient and moments.

use rayon::prelude::*;

use super::SERIAL_BELOW;

/// The scalars of one parameter's update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWStep {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
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

/// The update of `torch.optim.AdamW`: decay first, then the bias-corrected step.
pub(crate) fn adamw(
    parameter: &mut [f32],
    gradient: &[f32],
    mean: &mut [f32],
    mean_square: &mut [f32],
    step: AdamWStep,
) {
    let AdamWStep { learning_rate, beta1, beta2, epsilon, weight_decay, .. } = step;
    let keep = 1.0 - learning_rate * weight_decay;
    let step_size = learning_rate / step.bias_correction1;
    let inverse_root = 1.0 / step.bias_correction2.sqrt();
    (
        parameter.par_chunks_mut(SERIAL_BELOW),
        gradient.par_chunks(SERIAL_BELOW),
        mean.par_chunks_mut(SERIAL_BELOW),
        mean_square.par_chunks_mut(SERIAL_BELOW),
    )
        .into_par_iter()
        .for_each(|(parameter, gradient, mean, mean_square)| {
            pulp::Arch::new().dispatch(|| {
                for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(mean).zip(mean_square) {
                    let g = g * step.gradient_scale;
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *p = *p * keep - step_size * *m / (v.sqrt() * inverse_root + epsilon);
                }
            });
        });
}

/// Σ x², in f64 and in a fixed order: one part of the gradient norm.
pub(crate) fn sum_of_squares(x: &[f32]) -> f64 {
    let partial: Vec<f64> = x
        .par_chunks(SERIAL_BELOW)
        .map(|chunk| {
            let mut lanes = [0.0_f64; 8];
            pulp::Arch::new().dispatch(|| {
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
            lanes.into_iter().sum()
        })
        .collect();
    partial.into_iter().sum()
}
