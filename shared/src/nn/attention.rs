//! Multi-head scaled dot-product attention (Vaswani et al. 2017).

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp3, D, DType, Device, Layout, Result, Shape, Tensor};

use super::dropout::Dropout;
use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels, Queries};
use super::kernels::{self, AttentionShape, RowFlags, n_keys};

/// Which tokens may be attended to: `[batch, seq]`, 1 or 0; and what attention under it had to note about the rows.
///
/// Keys behind a row's last token take no part, whatever they hold. That is the one deliberate difference from an eager
/// batch of transformers, where a mask of `f32::MIN` is added to them, so that NaN in padding spoils its row, and padding
/// takes all attention when the row has no finite score. Keys before it that are masked (holes) are treated as there.
#[derive(Clone, Debug)]
pub struct AttentionMask {
    n_rows: usize,
    n_tokens: usize,
    mask: Arc<Vec<u32>>,
    composite: Option<CompositeMask>,
    saturated: RowFlags,
}

/// What composite attention reads of a mask.
#[derive(Clone, Debug)]
struct CompositeMask {
    /// `[batch, 1, 1, seq]`: 0 for a token, `f32::MIN` for a hole, −∞ behind the last token.
    additive: Tensor,
    /// `[batch, 1, seq, 1]`: 1 behind the last token; `None` when there is no such key.
    padding: Option<Tensor>,
    /// `[batch, 1, 1, seq]`: 1 for a hole; `None` when there is none.
    holes: Option<Tensor>,
    /// `[batch, 1, seq]`: 1.0 for queries up to the last token.
    queries: Tensor,
    /// `[batch]` each, from every attention without a graph: above 0 for rows that are saturated. Read in the end, so
    /// that no layer waits for the device.
    saturated: Arc<Mutex<Vec<Tensor>>>,
}

impl CompositeMask {
    fn new(mask: &[u32], n_rows: usize, n_tokens: usize, device: &Device) -> Result<Self> {
        let (mut additive, mut padding, mut holes) = (Vec::new(), Vec::new(), Vec::new());
        for row in mask.chunks_exact(n_tokens.max(1)) {
            let n_keys = n_keys(row);
            for (at, m) in row.iter().enumerate() {
                let (is_padding, is_hole) = (at >= n_keys, at < n_keys && *m == 0);
                additive.push(if is_padding {
                    f32::NEG_INFINITY
                } else if is_hole {
                    f32::MIN
                } else {
                    0.0
                });
                padding.push(u8::from(is_padding));
                holes.push(u8::from(is_hole));
            }
        }
        let queries: Vec<f32> = padding.iter().map(|is_padding| f32::from(1 - is_padding)).collect();
        let if_any = |flags: Vec<u8>, shape: (usize, usize, usize, usize)| {
            flags.contains(&1).then(|| Tensor::from_vec(flags, shape, device)).transpose()
        };
        Ok(Self {
            additive: Tensor::from_vec(additive, (n_rows, 1, 1, n_tokens), device)?,
            padding: if_any(padding, (n_rows, 1, n_tokens, 1))?,
            holes: if_any(holes, (n_rows, 1, 1, n_tokens))?,
            queries: Tensor::from_vec(queries, (n_rows, 1, n_tokens), device)?,
            saturated: Arc::default(),
        })
    }

    /// `x` `[batch, heads, seq, size]` with zeros behind the last token: NaN there would reach every query as 0·NaN.
    fn without_padding(&self, x: &Tensor) -> Result<Tensor> {
        match &self.padding {
            Some(padding) => padding.broadcast_as(x.shape())?.where_cond(&x.zeros_like()?, x),
            None => Ok(x.clone()),
        }
    }

    /// Notes the rows in which a query up to the last token has a score of −∞ for a token, beside a finite one.
    /// `scores` `[batch, heads, seq, seq]` are those before the mask, `max` `[batch, heads, seq, 1]` is behind it.
    fn note_saturation(&self, scores: &Tensor, max: &Tensor) -> Result<()> {
        let scores = match &self.holes {
            Some(holes) => holes.broadcast_as(scores.shape())?.where_cond(&scores.zeros_like()?, scores)?,
            None => scores.clone(),
        };
        let is_lowest = scores.min(D::Minus1)?.eq(f32::NEG_INFINITY)?.to_dtype(DType::F32)?; // [batch, heads, seq]
        let is_finite = max.squeeze(D::Minus1)?.abs()?.lt(f32::INFINITY)?.to_dtype(DType::F32)?;
        let saturated = (is_lowest * is_finite)?.broadcast_mul(&self.queries)?.sum((1, 2))?; // [batch]
        self.saturated.lock().unwrap_or_else(PoisonError::into_inner).push(saturated);
        Ok(())
    }
}

impl AttentionMask {
    /// From a row-major mask of `n_rows × n_tokens` ones and zeros.
    ///
    /// # Errors
    /// When `mask` has not `n_rows × n_tokens` entries.
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
        let composite = match kernels.attention {
            Kernel::Fused => None,
            Kernel::Composite => Some(CompositeMask::new(&mask, n_rows, n_tokens, device)?),
        };
        Ok(Self { n_rows, n_tokens, mask, composite, saturated: RowFlags::new(n_rows) })
    }

    /// The rows, `[batch]`, in which some attention under this mask had a token whose score of −∞ for another one, beside
    /// a finite score, made the other's weight exactly 0: a limit that is right and yet hides an overflow. Composite
    /// attention notes it only where no graph is built.
    ///
    /// # Errors
    /// When the device cannot be read, which a CPU always can.
    pub fn saturated_rows(&self) -> Result<Vec<bool>> {
        let mut rows = self.saturated.to_vec();
        if let Some(composite) = &self.composite {
            for of_layer in composite.saturated.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let of_layer = of_layer.to_vec1::<f32>()?;
                rows.iter_mut().zip(of_layer).for_each(|(row, n)| *row |= n > 0.0);
            }
        }
        Ok(rows)
    }

    pub(super) fn shape(
        &self,
        n_heads: usize,
        hidden_size: usize,
        queries: Queries,
        dropout: Option<&Dropout>,
    ) -> AttentionShape {
        AttentionShape {
            n_rows: self.n_rows,
            n_tokens: self.n_tokens,
            n_queries: queries.of(self.n_tokens),
            n_heads,
            head_size: hidden_size / n_heads,
            mask: Arc::clone(&self.mask),
            dropout: dropout.map(Dropout::mask),
            saturated: self.saturated.clone(),
        }
    }
}

/// dropout(softmax(q·kᵀ/√size + mask))·v with all heads side by side: `[batch, seq, hidden]` in and out.
///
/// ```
/// use std::sync::Arc;
/// use candle_core::{Device, Tensor};
/// use shared::nn::{AttentionMask, Kernels, attention};
///
/// let (device, kernels) = (Device::Cpu, Kernels::for_device(&Device::Cpu));
/// let tensor = |values: [f32; 2]| Tensor::from_slice(&values, (1, 2, 1), &device); // one row of two tokens, one head
/// let attend = |is_there: [u32; 2]| {
///     let mask = AttentionMask::new(Arc::new(is_there.to_vec()), 1, 2, &device, &kernels)?;
///     // Queries of 0 score every key alike.
///     let (q, k, v) = (tensor([0.0, 0.0])?, tensor([5.0, 7.0])?, tensor([2.0, 4.0])?);
///     attention(&q, &k, &v, &mask, 1, None, &kernels)?.flatten_all()?.to_vec1::<f32>()
/// };
/// assert_eq!(attend([1, 1])?, [3.0, 3.0]); // the mean of both values
/// assert_eq!(attend([1, 0])?[0], 2.0); // the second token is padding
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// When the shapes of `q`, `k`, `v` and the mask do not fit, or they are not f32 on a CPU for the fused form.
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
    if let (Kernel::Composite, Some(composite)) = (kernels.attention, &mask.composite) {
        let probabilities = composite_probabilities(q, k, composite, n_heads)?;
        let probabilities = match dropout {
            Some(site) => (&probabilities * site.factors(&probabilities)?)?,
            None => probabilities,
        };
        let v = composite.without_padding(&split_heads(v, n_heads)?)?; // [batch, heads, seq, size]
        let context = probabilities.to_dtype(v.dtype())?.matmul(&v)?;
        return context.transpose(1, 2)?.reshape((mask.n_rows, mask.n_tokens, hidden_size));
    }
    let op = FusedAttention(mask.shape(n_heads, hidden_size, Queries::All, dropout));
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
}

/// The probabilities of every head, `[batch, heads, seq, seq]`, without dropout: for looking inside a model.
///
/// # Errors
/// As [`attention`].
pub fn attention_probabilities(
    q: &Tensor,
    k: &Tensor,
    mask: &AttentionMask,
    n_heads: usize,
    kernels: &Kernels,
) -> Result<Tensor> {
    if let (Kernel::Composite, Some(composite)) = (kernels.attention, &mask.composite) {
        return composite_probabilities(q, k, composite, n_heads);
    }
    let (n_rows, n_tokens, hidden_size) = q.dims3()?;
    let (q, k) = (q.contiguous()?, k.contiguous()?);
    let shape = mask.shape(n_heads, hidden_size, Queries::All, None);
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
fn composite_probabilities(q: &Tensor, k: &Tensor, mask: &CompositeMask, n_heads: usize) -> Result<Tensor> {
    let (q, k) = (split_heads(q, n_heads)?, mask.without_padding(&split_heads(k, n_heads)?)?);
    let head_size = q.dim(D::Minus1)?;
    let scores = q.matmul(&k.transpose(2, 3)?.contiguous()?)?.to_dtype(DType::F32)?;
    let unmasked = (scores * (1.0 / (head_size as f64).sqrt()))?;
    let scores = unmasked.broadcast_add(&mask.additive)?;
    let max = scores.max_keepdim(D::Minus1)?.detach();
    if !unmasked.track_op() {
        mask.note_saturation(&unmasked, &max)?;
    }
    let shifted = scores.broadcast_sub(&max)?;
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
