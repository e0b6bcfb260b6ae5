//! AdamW with parameter groups, gradient clipping and saved state.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, Var, bail};

use super::gradient::{Gradient, RowGradient};
use super::host::{HostSlice, slice_mut};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::{AdamWStep, adamw, adamw_rows};

/// One parameter's running means of the gradient (m) and of its square (v), both with the parameter's shape.
///
/// Fused updates keep them as plain slices, since candle lends an in-place operation only one tensor mutably.
#[derive(Debug)]
pub enum AdamWState {
    /// Host memory, for the fused update.
    Host {
        /// m
        mean: Vec<f32>,
        /// v
        mean_square: Vec<f32>,
        /// For a table, the rows whose moments are not all 0; empty for other parameters.
        live_rows: Vec<bool>,
    },
    /// Device memory, for the composite update.
    Device {
        /// m
        mean: Tensor,
        /// v
        mean_square: Tensor,
    },
}

/// AdamW by the formula of `torch.optim.AdamW`, in f32 like it but in another order of operations, so that results agree
/// to a few units in the last place; the caller names the learning rate of each step.
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use shared::nn::{AdamW, Gradient, Kernels, UpdateScale, WeightDecay};
///
/// let adamw = AdamW::new((0.9, 0.999), 1e-8, 0.01, &Kernels::for_device(&Device::Cpu));
/// let bias = Var::new(&[1.0_f32, -1.0], &Device::Cpu)?;
/// let mut state = adamw.initial_state(&bias)?;
/// let gradient = Gradient::Dense(Tensor::new(&[0.5_f32, -2.0], &Device::Cpu)?);
/// let scale = UpdateScale { learning_rate: 0.1, gradient_scale: 1.0, step: 1 };
/// adamw.update(&bias, &gradient, &mut state, WeightDecay::Exempt, scale)?;
/// // In the first step m̂ = g and √v̂ = |g|, so every value moves by the learning rate, against its gradient.
/// let moved = bias.to_vec1::<f32>()?;
/// assert!((moved[0] - 0.9).abs() < 1e-6 && (moved[1] + 0.9).abs() < 1e-6, "{moved:?}");
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    kernel: Kernel,
}

/// The scalars of one optimiser step, common to all parameters.
#[derive(Clone, Copy, Debug)]
pub struct UpdateScale {
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Factor on gradients: clipping and averaging.
    pub gradient_scale: f64,
    /// Optimiser steps including this one, from 1.
    pub step: usize,
}

impl AdamW {
    /// √`f32::MAX`: the square of a larger gradient is infinite.
    pub const GRADIENT_BOUND: f64 = 1.844_674_352_395_373e19;

    /// An optimiser with these constants: β₁ and β₂, ε and the weight decay.
    #[must_use]
    pub fn new(betas: (f64, f64), epsilon: f64, weight_decay: f64, kernels: &Kernels) -> Self {
        Self { beta1: betas.0, beta2: betas.1, epsilon, weight_decay, kernel: kernels.adamw }
    }

    /// Zero moments for a parameter.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn initial_state(&self, parameter: &Tensor) -> Result<AdamWState> {
        let n = parameter.elem_count();
        self.restored_state(parameter, vec![0.0; n], vec![0.0; n])
    }

    /// Moments that were saved for a parameter.
    ///
    /// # Errors
    /// When their length is not the parameter's.
    pub fn restored_state(&self, parameter: &Tensor, mean: Vec<f32>, mean_square: Vec<f32>) -> Result<AdamWState> {
        let n = parameter.elem_count();
        if mean.len() != n || mean_square.len() != n {
            bail!("optimiser state: expected {n} elements, got {} and {}", mean.len(), mean_square.len());
        }
        match self.kernel {
            Kernel::Fused => {
                let live_rows = match parameter.dims() {
                    // The square of a small gradient is 0 while the gradient is not.
                    [_, n_columns] => {
                        let is_live = |row: &[f32]| row.iter().any(|moment| *moment != 0.0);
                        let rows = mean.chunks(*n_columns).zip(mean_square.chunks(*n_columns));
                        rows.map(|(mean, mean_square)| is_live(mean) || is_live(mean_square)).collect()
                    }
                    _ => Vec::new(),
                };
                Ok(AdamWState::Host { mean, mean_square, live_rows })
            }
            Kernel::Composite => Ok(AdamWState::Device {
                mean: Tensor::from_vec(mean, parameter.shape(), parameter.device())?,
                mean_square: Tensor::from_vec(mean_square, parameter.shape(), parameter.device())?,
            }),
        }
    }

    /// Updates a parameter and its moments in place.
    ///
    /// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p·(1 − lr·wd) − lr · m̂ / (√v̂ + ε).
    ///
    /// A scaled gradient from [`AdamW::GRADIENT_BOUND`] on has an infinite v and would leave its parameter where it is, now
    /// and ever after: the caller has to refuse it.
    ///
    /// # Errors
    /// When gradient or state are not of the parameter's size, or the state is of the other form.
    pub fn update(
        &self,
        parameter: &Var,
        gradient: &Gradient,
        state: &mut AdamWState,
        weight_decay: WeightDecay,
        scale: UpdateScale,
    ) -> Result<()> {
        let weight_decay = match weight_decay {
            WeightDecay::Applies => self.weight_decay,
            WeightDecay::Exempt => 0.0,
        };
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(scale.step).unwrap_or(i32::MAX));
        let (correction1, correction2) = (correction(self.beta1), correction(self.beta2));
        match state {
            AdamWState::Host { mean, mean_square, live_rows } => {
                let step = AdamWStep {
                    learning_rate: scale.learning_rate as f32,
                    beta1: self.beta1 as f32,
                    one_minus_beta1: (1.0 - self.beta1) as f32,
                    beta2: self.beta2 as f32,
                    one_minus_beta2: (1.0 - self.beta2) as f32,
                    epsilon: self.epsilon as f32,
                    weight_decay: weight_decay as f32,
                    bias_correction1: correction1 as f32,
                    bias_correction2: correction2 as f32,
                    gradient_scale: scale.gradient_scale as f32,
                };
                let moments = RefCell::new((mean.as_mut_slice(), mean_square.as_mut_slice(), live_rows.as_mut_slice()));
                match gradient {
                    Gradient::Dense(tensor) => {
                        moments.borrow_mut().2.fill(true);
                        let tensor = tensor.contiguous()?;
                        let gradient = HostSlice::new(&tensor)?;
                        parameter.inplace_op1(&FusedAdamW { moments, step, gradient: gradient.as_slice() })
                    }
                    Gradient::Host(values) => {
                        moments.borrow_mut().2.fill(true);
                        parameter.inplace_op1(&FusedAdamW { moments, step, gradient: &values.0 })
                    }
                    Gradient::Rows(rows) => parameter.inplace_op1(&FusedAdamWRows { moments, step, rows }),
                }
            }
            AdamWState::Device { mean, mean_square } => {
                let gradient = (gradient.to_dense(parameter)? * scale.gradient_scale)?;
                *mean = ((&*mean * self.beta1)? + (&gradient * (1.0 - self.beta1))?)?;
                *mean_square = ((&*mean_square * self.beta2)? + (gradient.sqr()? * (1.0 - self.beta2))?)?;
                let denominator = ((&*mean_square / correction2)?.sqrt()? + self.epsilon)?;
                let update = ((&*mean * (scale.learning_rate / correction1))? / denominator)?;
                let kept = (parameter.as_detached_tensor() * (1.0 - scale.learning_rate * weight_decay))?;
                parameter.set(&(kept - update)?)
            }
        }
    }
}

/// Whether a parameter is decayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightDecay {
    /// Weights of dense layers and look-up tables.
    Applies,
    /// Biases and LayerNorms.
    Exempt,
}

/// m, v and the live rows, lent to an operation that candle gives only the parameter mutably.
type LentMoments<'a> = RefCell<(&'a mut [f32], &'a mut [f32], &'a mut [bool])>;

struct FusedAdamW<'a> {
    moments: LentMoments<'a>,
    step: AdamWStep,
    gradient: &'a [f32],
}

struct FusedAdamWRows<'a> {
    moments: LentMoments<'a>,
    step: AdamWStep,
    rows: &'a RowGradient,
}

impl InplaceOp1 for FusedAdamW<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, parameter: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (mean, mean_square, _) = &mut *self.moments.borrow_mut();
        let parameter = slice_mut(parameter, layout, self.name())?;
        if self.gradient.len() != parameter.len() {
            bail!("adamw: {} gradients for {} values", self.gradient.len(), parameter.len());
        }
        adamw(parameter, self.gradient, mean, mean_square, self.step);
        Ok(())
    }
}

impl InplaceOp1 for FusedAdamWRows<'_> {
    fn name(&self) -> &'static str {
        "adamw-rows"
    }

    fn cpu_fwd(&self, parameter: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (_, n_columns) = layout.shape().dims2()?;
        let (mean, mean_square, live_rows) = &mut *self.moments.borrow_mut();
        let parameter = slice_mut(parameter, layout, self.name())?;
        adamw_rows(parameter, n_columns, |id| self.rows.row(id), mean, mean_square, live_rows, self.step);
        Ok(())
    }
}

/// The factor of `torch.nn.utils.clip_grad_norm_`: `min(1, max_norm / (norm + 1e-6))`; 1 when `max_norm` is 0, NaN when
/// `norm` is.
#[must_use]
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    let factor = max_norm / (norm + 1e-6);
    // Not `f64::min`, which prefers 1 to NaN.
    if max_norm <= 0.0 || factor > 1.0 { 1.0 } else { factor }
}
