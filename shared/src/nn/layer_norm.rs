//! LayerNorm over the last dimension.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};

use super::gradient::{Collector, Gradient};
use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::{layer_norm, layer_norm_backward};

/// y = (x − mean) / √(var + eps) · weight + bias, with the variance from squared deviations (two passes).
///
/// ```
/// use candle_core::{Device, Tensor};
/// use shared::nn::{Kernels, LayerNorm};
///
/// let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
/// let norm = LayerNorm::new(tensor(&[2.0, 2.0])?, tensor(&[10.0, 20.0])?, 1e-12, &Kernels::for_device(&Device::Cpu));
/// // Mean 2 and variance 1 make -1 and 1 of 1 and 3; then comes 2x + 10 and 2x + 20.
/// assert_eq!(norm.forward(&tensor(&[1.0, 3.0])?)?.to_vec1::<f32>()?, [8.0, 22.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    kernel: Kernel,
    collector: Collector,
}

impl LayerNorm {
    /// A layer from its gain and bias, both `[hidden]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor, eps: f64, kernels: &Kernels) -> Self {
        Self { weight, bias, eps, kernel: kernels.layer_norm, collector: Collector::default() }
    }

    /// Hands its parameters' gradients to this collector.
    #[must_use]
    pub fn collecting(self, collector: &Collector) -> Self {
        Self { collector: collector.clone(), ..self }
    }

    /// `[.., hidden]` → the same shape and number format; computed in f32. A row whose mean or variance is not finite
    /// becomes NaN, though exact arithmetic might do better.
    ///
    /// # Errors
    /// When the last dimension of `x` is not the gain's, or `x` is not f32 on a CPU, for the fused form.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.kernel {
            Kernel::Fused => {
                let op = FusedLayerNorm { eps: self.eps as f32, collector: self.collector.clone() };
                x.contiguous()?.apply_op3(&self.weight, &self.bias, op)
            }
            Kernel::Composite => {
                let x32 = x.to_dtype(DType::F32)?;
                let centred = x32.broadcast_sub(&x32.mean_keepdim(D::Minus1)?)?;
                let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
                // NaN when the variance is infinite, else 0: the quotient would be 0 and leave the bias alone.
                let finite_or_nan = (variance.detach() * 0.0)?;
                let normed = centred.broadcast_div(&((variance + finite_or_nan)? + self.eps)?.sqrt()?)?;
                normed.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?.to_dtype(x.dtype())
            }
        }
    }
}

struct FusedLayerNorm {
    eps: f32,
    collector: Collector,
}

impl CustomOp3 for FusedLayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (slice(x, x_layout, "layer-norm")?, slice(weight, weight_layout, "layer-norm")?);
        let bias = slice(bias, bias_layout, "layer-norm")?;
        if x_layout.dims().last() != Some(&weight.len()) || bias.len() != weight.len() {
            candle_core::bail!(
                "layer-norm: input {:?} does not fit a gain of {} and a bias of {}",
                x_layout.shape(),
                weight.len(),
                bias.len()
            );
        }
        let mut y = vec![0.0; x.len()];
        layer_norm(x, weight, bias, self.eps, &mut y);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (dx, dweight, dbias) = layer_norm_backward(
            HostSlice::new(x)?.as_slice(),
            HostSlice::new(weight)?.as_slice(),
            self.eps,
            HostSlice::new(&dy)?.as_slice(),
        );
        let of_parameter = |parameter: &Tensor, gradient: Vec<f32>| {
            if !parameter.track_op() {
                return Ok(None);
            }
            let gradient = Tensor::from_vec(gradient, parameter.shape(), parameter.device())?;
            self.collector.hand_over(parameter, Gradient::Dense(gradient))
        };
        let dx = if x.track_op() { Some(Tensor::from_vec(dx, x.shape(), x.device())?) } else { None };
        Ok((dx, of_parameter(weight, dweight)?, of_parameter(bias, dbias)?))
    }
}
