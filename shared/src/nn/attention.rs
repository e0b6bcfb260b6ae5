//! Multi-head scaled dot-product attention (Vaswani et al. 2017).

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, D, DType, Device, Layout, Result, Shape, Tensor};

use super::host::{HostSlice, slice};
use super::kernels::{self, AttentionShape};
use super::{Dropout, Kernel, Kernels};

/// Which tokens may be attended to: `[batch, seq]`, 1 or 0.
#[derive(Clone, Debug)]
pub struct AttentionMask {
    n_rows: usize,
    n_tokens: usize,
    mask: Arc<Vec<u32>>,
    /// `[batch, 1, 1, seq]`: 0 or `f32::MIN`, not −∞, whose product with 0 is NaN. Only composite attention reads it.
    additive: Option<Tensor>,
}

impl AttentionMask {
    /// From a row-major mask of `n_rows × n_tokens` ones and zeros.
    pub fn new(
        mask: Arc<Vec<u32>>,
        n_rows: usize,
        n_tokens: usize,
        device: &Device,
        kernels: &Kernels,
    ) -> Result<Self> {
        if mask.len() != n_rows * n_tokens {
            candle_core::bail!("attention mask: {} entries for {n_rows} rows of {n_tokens} tokens", mask.len());
        }
        let additive = match kernels.attention {
            Kernel::Fused => None,
            Kernel::Composite => {
                let additive: Vec<f32> = mask.iter().map(|m| if *m == 0 { f32::MIN } else { 0.0 }).collect();
                Some(Tensor::from_vec(additive, (n_rows, 1, 1, n_tokens), device)?)
            }
        };
        Ok(Self { n_rows, n_tokens, mask, additive })
    }

    pub(super) fn shape(&self, n_heads: usize, hidden_size: usize, dropout: Option<&Dropout>) -> AttentionShape {
        AttentionShape {
            n_rows: self.n_rows,
            n_tokens: self.n_tokens,
            n_heads,
            head_size: hidden_size / n_heads,
            mask: Arc::clone(&self.mask),
            dropout: dropout.map(Dropout::mask),
        }
    }
}

/// dropout(softmax(q·kᵀ/√size + mask))·v with all heads side by side: `[batch, seq, hidden]` in and out.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: &AttentionMask,
    n_heads: usize,
    dropout: Option<&Dropout>,
    kernels: &Kernels,
) -> Result<Tensor> {
    let (_, _, hidden_size) = q.dims3()?;
    if let (Kernel::Composite, Some(additive)) = (kernels.attention, &mask.additive) {
        let probabilities = composite_probabilities(q, k, additive, n_heads)?;
        let probabilities = match dropout {
            Some(site) => (&probabilities * site.factors(&probabilities)?)?,
            None => probabilities,
        };
        let v = split_heads(v, n_heads)?; // [batch, heads, seq, size]
        let context = probabilities.to_dtype(v.dtype())?.matmul(&v)?;
        return context.transpose(1, 2)?.reshape((mask.n_rows, mask.n_tokens, hidden_size));
    }
    let op = FusedAttention(mask.shape(n_heads, hidden_size, dropout));
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
}

/// The probabilities of every head, `[batch, heads, seq, seq]`, without dropout: for looking inside a model.
pub fn attention_probabilities(
    q: &Tensor,
    k: &Tensor,
    mask: &AttentionMask,
    n_heads: usize,
    kernels: &Kernels,
) -> Result<Tensor> {
    if let (Kernel::Composite, Some(additive)) = (kernels.attention, &mask.additive) {
        return composite_probabilities(q, k, additive, n_heads);
    }
    let (n_rows, n_tokens, hidden_size) = q.dims3()?;
    let (q, k) = (q.contiguous()?, k.contiguous()?);
    let shape = mask.shape(n_heads, hidden_size, None);
    let probabilities =
        kernels::attention_probabilities(&shape, HostSlice::new(&q)?.as_slice(), HostSlice::new(&k)?.as_slice());
    Tensor::from_vec(probabilities, (n_rows, n_heads, n_tokens, n_tokens), q.device())
}

/// `[batch, seq, hidden]` → `[batch, heads, seq, size]`.
fn split_heads(x: &Tensor, n_heads: usize) -> Result<Tensor> {
    let (n_rows, n_tokens, hidden_size) = x.dims3()?;
    x.reshape((n_rows, n_tokens, n_heads, hidden_size / n_heads))?.transpose(1, 2)?.contiguous()
}

/// The softmax is computed in f32 whatever the activations' number format.
fn composite_probabilities(q: &Tensor, k: &Tensor, additive: &Tensor, n_heads: usize) -> Result<Tensor> {
    let (q, k) = (split_heads(q, n_heads)?, split_heads(k, n_heads)?);
    let head_size = q.dim(D::Minus1)?;
    let scores = q.matmul(&k.transpose(2, 3)?.contiguous()?)?.to_dtype(DType::F32)?;
    let scores = (scores * (1.0 / (head_size as f64).sqrt()))?.broadcast_add(additive)?;
    let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
    let exponentials = shifted.exp()?;
    exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)
}

struct FusedAttention(AttentionShape);

impl CustomOp3 for FusedAttention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = &self.0;
        let expected = [shape.n_rows, shape.n_tokens, shape.n_heads * shape.head_size];
        for layout in [q_layout, k_layout, v_layout] {
            if layout.dims() != expected {
                candle_core::bail!(
                    "attention: expected {expected:?} for query, key and value, got {:?}",
                    layout.dims()
                );
            }
        }
        let q = slice(q, q_layout, "attention")?;
        let mut out = vec![0.0; q.len()];
        kernels::attention(shape, q, slice(k, k_layout, "attention")?, slice(v, v_layout, "attention")?, &mut out);
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _out: &Tensor,
        dout: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dout = dout.contiguous()?;
        let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| vec![0.0; x.elem_count()]);
        kernels::attention_backward(
            &self.0,
            HostSlice::new(q)?.as_slice(),
            HostSlice::new(k)?.as_slice(),
            HostSlice::new(v)?.as_slice(),
            HostSlice::new(&dout)?.as_slice(),
            [&mut dq, &mut dk, &mut dv],
        );
        let tensor = |data: Vec<f32>| Tensor::from_vec(data, q.shape(), q.device());
        Ok((
            if q.track_op() { Some(tensor(dq)?) } else { None },
            if k.track_op() { Some(tensor(dk)?) } else { None },
            if v.track_op() { Some(tensor(dv)?) } else { None },
        ))
    }
}
