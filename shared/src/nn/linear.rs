//! The affine map y = x·Wᵀ + b.

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::gradient::{Collector, Gradient};
use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::{Start, column_sums, linear, linear_input_gradient, linear_weight_gradient};

/// A dense layer with Hugging Face's weight layout, `[out, in]`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    kernel: Kernel,
    collector: Collector,
}

impl Linear {
    /// A layer from its weight `[out, in]` and bias `[out]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor, kernels: &Kernels) -> Self {
        Self { weight, bias, kernel: kernels.linear, collector: Collector::default() }
    }

    /// Hands its parameters' gradients to this collector.
    #[must_use]
    pub fn collecting(self, collector: &Collector) -> Self {
        Self { collector: collector.clone(), ..self }
    }

    /// Where its weight lies.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.weight.device()
    }

    /// `[.., in]` → `[.., out]`, in the number format of `x`.
    ///
    /// # Errors
    /// When the last dimension of `x` is not the weight's, or `x` is not f32 on a CPU, for the fused form.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.kernel {
            Kernel::Fused => x.contiguous()?.apply_op3(&self.weight, &self.bias, FusedLinear(self.collector.clone())),
            Kernel::Composite => {
                let (weight, bias) = (self.weight.to_dtype(x.dtype())?, self.bias.to_dtype(x.dtype())?);
                let (n_out, n_in) = weight.dims2()?;
                let mut dims = x.dims().to_vec();
                let y = x.reshape(((), n_in))?.matmul(&weight.t()?)?.broadcast_add(&bias)?;
                if let Some(last) = dims.last_mut() {
                    *last = n_out;
                }
                y.reshape(dims)
            }
        }
    }
}

struct FusedLinear(Collector);

impl FusedLinear {
    fn check(x: &Shape, weight: &Shape, bias: &Shape) -> Result<(usize, usize)> {
        let (n_out, n_in) = weight.dims2()?;
        let last = x.dims().last().copied().unwrap_or_default();
        if last != n_in || bias.dims() != [n_out] {
            candle_core::bail!("linear: input {x:?} and bias {bias:?} do not fit a weight of shape {weight:?}");
        }
        Ok((n_in, n_out))
    }
}

impl CustomOp3 for FusedLinear {
    fn name(&self) -> &'static str {
        "linear"
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
        let (n_in, n_out) = Self::check(x_layout.shape(), weight_layout.shape(), bias_layout.shape())?;
        let x = slice(x, x_layout, "linear")?;
        let weight = slice(weight, weight_layout, "linear")?;
        let bias = slice(bias, bias_layout, "linear")?;
        let y = linear(x, weight, bias, n_in);
        let mut dims = x_layout.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = n_out;
        }
        Ok((CpuStorage::F32(y), dims.into()))
    }

    /// dx = dy·W, dW = dyᵀ·x (written in W's own layout), db = Σ dy; only for arguments that are tracked.
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (n_in, n_out) = Self::check(x.shape(), weight.shape(), bias.shape())?;
        let dy = dy.contiguous()?;
        let dy_slice = HostSlice::new(&dy)?;
        let dx = if x.track_op() {
            let mut dx = vec![0.0; x.elem_count()];
            let weight = HostSlice::new(weight)?;
            linear_input_gradient(dy_slice.as_slice(), weight.as_slice(), n_out, &mut dx, Start::Zero);
            Some(Tensor::from_vec(dx, x.shape(), x.device())?)
        } else {
            None
        };
        let dweight = if weight.track_op() {
            let dweight = linear_weight_gradient(dy_slice.as_slice(), HostSlice::new(x)?.as_slice(), n_out, n_in);
            self.0.hand_over(weight, Gradient::Dense(Tensor::from_vec(dweight, (n_out, n_in), weight.device())?))?
        } else {
            None
        };
        let dbias = if bias.track_op() {
            let dbias = column_sums(dy_slice.as_slice(), n_out);
            self.0.hand_over(bias, Gradient::Dense(Tensor::from_vec(dbias, n_out, bias.device())?))?
        } else {
            None
        };
        Ok((dx, dweight, dbias))
    }
}
