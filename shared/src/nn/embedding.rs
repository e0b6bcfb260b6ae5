//! Look-up tables.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gradient::{Gradient, RowGradient, hand_over};
use super::host::{HostSlice, slice};
use super::kernels::gather_rows;
use super::{Kernel, Kernels};

/// Rows `ids` of `table` `[rows, hidden]`, as `[ids.len(), hidden]`.
///
/// # Errors
/// When an id is not a row of the table.
pub fn embedding(table: &Tensor, ids: &Arc<Vec<u32>>, kernels: &Kernels) -> Result<Tensor> {
    let (n_rows, _) = table.dims2()?;
    if let Some(id) = ids.iter().find(|id| **id as usize >= n_rows) {
        bail!("embedding: id {id} is not a row of a table with {n_rows} rows");
    }
    match kernels.embedding {
        Kernel::Fused => table.apply_op1(FusedEmbedding(Arc::clone(ids))),
        Kernel::Composite => table.index_select(&Tensor::new(ids.as_slice(), table.device())?, 0),
    }
}

struct FusedEmbedding(Arc<Vec<u32>>);

impl CustomOp1 for FusedEmbedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, n_columns) = layout.shape().dims2()?;
        let mut out = vec![0.0; self.0.len() * n_columns];
        gather_rows(slice(table, layout, "embedding")?, n_columns, &self.0, &mut out);
        Ok((CpuStorage::F32(out), (self.0.len(), n_columns).into()))
    }

    fn bwd(&self, table: &Tensor, _out: &Tensor, dout: &Tensor) -> Result<Option<Tensor>> {
        let (_, n_columns) = table.dims2()?;
        let dout = dout.contiguous()?;
        let rows = RowGradient::new(&self.0, HostSlice::new(&dout)?.as_slice(), n_columns);
        hand_over(table, Gradient::Rows(rows))
    }
}
