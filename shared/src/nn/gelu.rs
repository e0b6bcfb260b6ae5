//! The exact GELU, x·Φ(x).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels;

/// x·Φ(x) with Φ the normal distribution function (erf form, as Hugging Face's `gelu`), same shape as `x`.
///
/// # Errors
/// When `x` is not f32 on a CPU, for the fused form; else when a tensor operation fails.
pub fn gelu(x: &Tensor, kernels: &Kernels) -> Result<Tensor> {
    match kernels.gelu {
        Kernel::Fused => x.contiguous()?.apply_op1(FusedGelu),
        Kernel::Composite => {
            let cdf = (((x / std::f64::consts::SQRT_2)?.erf()? + 1.0)? * 0.5)?;
            x * cdf
        }
    }
}

struct FusedGelu;

impl CustomOp1 for FusedGelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout, "gelu")?;
        let mut y = vec![0.0; x.len()];
        kernels::gelu(x, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let mut dx = vec![0.0; x.elem_count()];
        kernels::gelu_backward(HostSlice::new(x)?.as_slice(), HostSlice::new(&dy)?.as_slice(), &mut dx);
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
