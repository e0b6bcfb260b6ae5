//! Dropout (Srivastava et al. 2014) from a counter stream.
//!
//! Candle's own dropout cannot be seeded on a CPU. Here an element's fate is a function of (seed, step, site, index), so
//! a resumed run repeats the undisturbed one exactly. On CUDA the mask comes from the device's generator, which the
//! training step seeds anew from the same stream before each forward pass.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::host::slice;
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::{self, DropoutMask};
use crate::random::Stream;

/// One place in the network where elements are dropped during one forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    stream: Stream,
    site: u64,
    probability: f64,
}

impl Dropout {
    /// `site` is a number unique within the forward pass; `stream` belongs to the step. `None` when nothing is dropped.
    #[must_use]
    pub fn new(stream: &Stream, site: u64, probability: f64) -> Option<Self> {
        (probability > 0.0).then_some(Self { stream: *stream, site, probability })
    }

    pub(super) fn mask(&self) -> DropoutMask {
        DropoutMask::new(&self.stream, self.site, self.probability)
    }

    /// The multipliers (0 or 1/(1−p)) for a tensor of this shape, for the composite forms.
    pub(super) fn factors(&self, like: &Tensor) -> Result<Tensor> {
        if like.device().is_cpu() {
            let mask = self.mask();
            let factors: Vec<f32> = (0..like.elem_count() as u32).map(|index| mask.factor(index)).collect();
            Tensor::from_vec(factors, like.shape(), like.device())?.to_dtype(like.dtype())
        } else {
            let uniform = Tensor::rand(0f32, 1f32, like.shape(), like.device())?;
            let scale = 1.0 / (1.0 - self.probability);
            (uniform.ge(self.probability)?.to_dtype(like.dtype())? * scale)?.detach().contiguous()
        }
    }
}

/// Zeroes elements with the site's probability and scales the rest by 1/(1−p); the identity for `None`.
///
/// # Errors
/// When `x` is not f32 on a CPU, for the fused form; else when a tensor operation fails.
pub fn dropout(x: &Tensor, site: Option<&Dropout>, kernels: &Kernels) -> Result<Tensor> {
    let Some(site) = site else { return Ok(x.clone()) };
    match kernels.dropout {
        Kernel::Fused => x.contiguous()?.apply_op1(FusedDropout(site.mask())),
        Kernel::Composite => x * site.factors(x)?,
    }
}

struct FusedDropout(DropoutMask);

impl CustomOp1 for FusedDropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout, "dropout")?;
        let mut y = vec![0.0; x.len()];
        kernels::dropout(x, self.0, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        dy.contiguous()?.apply_op1_no_bwd(self).map(Some)
    }
}
