//! Softmax cross-entropy, averaged over rows.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, D, DType, Layout, Result, Shape, Tensor, bail};

use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};

/// The mean over rows of log Σⱼ exp(xⱼ) − x at the label, a scalar in f32, for logits `[rows, labels]`.
///
/// # Errors
/// When there is not one label a row, or a label is not a column.
pub fn cross_entropy(logits: &Tensor, labels: &Arc<Vec<u32>>, kernels: &Kernels) -> Result<Tensor> {
    let (n_rows, n_labels) = logits.dims2()?;
    if labels.len() != n_rows {
        bail!("cross-entropy: {} labels for {n_rows} rows of logits", labels.len());
    }
    if let Some(label) = labels.iter().find(|label| **label as usize >= n_labels) {
        bail!("cross-entropy: label {label} is out of range for {n_labels} labels");
    }
    let logits = logits.to_dtype(DType::F32)?;
    match kernels.cross_entropy {
        Kernel::Fused => logits.contiguous()?.apply_op1(FusedCrossEntropy(Arc::clone(labels))),
        Kernel::Composite => {
            let max = logits.max_keepdim(D::Minus1)?.detach();
            let shifted = logits.broadcast_sub(&max)?;
            let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
            let labels = Tensor::new(labels.as_slice(), logits.device())?.unsqueeze(1)?;
            (log_sum - shifted.gather(&labels, 1)?)?.mean_all()
        }
    }
}

struct FusedCrossEntropy(Arc<Vec<u32>>);

impl CustomOp1 for FusedCrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n_rows, n_labels) = layout.shape().dims2()?;
        let total: f64 = slice(logits, layout, "cross-entropy")?
            .chunks_exact(n_labels)
            .zip(self.0.iter())
            .map(|(row, label)| log_sum_exp(row) - f64::from(row[*label as usize]))
            .sum();
        Ok((CpuStorage::F32(vec![(total / n_rows as f64) as f32]), Shape::from(())))
    }

    /// dx = (softmax(x) − onehot(label)) · dy / rows.
    fn bwd(&self, logits: &Tensor, _loss: &Tensor, dloss: &Tensor) -> Result<Option<Tensor>> {
        let (n_rows, n_labels) = logits.dims2()?;
        let scale = f64::from(dloss.to_scalar::<f32>()?) / n_rows as f64;
        let data = HostSlice::new(logits)?;
        let mut gradient = Vec::with_capacity(n_rows * n_labels);
        for (row, label) in data.as_slice().chunks_exact(n_labels).zip(self.0.iter()) {
            let log_sum = log_sum_exp(row);
            gradient.extend(row.iter().enumerate().map(|(column, x)| {
                let target = if column == *label as usize { 1.0 } else { 0.0 };
                ((libm::exp(f64::from(*x) - log_sum) - target) * scale) as f32
            }));
        }
        Tensor::from_vec(gradient, (n_rows, n_labels), logits.device()).map(Some)
    }
}

/// log Σ exp(x) in f64; a NaN anywhere gives NaN.
fn log_sum_exp(row: &[f32]) -> f64 {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|x| libm::exp(f64::from(*x) - f64::from(max))).sum();
    f64::from(max) + libm::log(sum)
}
