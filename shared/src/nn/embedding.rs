//! Look-up tables.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gradient::{Collector, Gradient, RowGradient};
use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::gather_rows;

/// Rows `ids` of `table` `[rows, hidden]`, as `[ids.len(), hidden]`. The table's gradient goes to `collector`.
///
/// # Errors
/// When an id is not a row of the table.
pub fn embedding(table: &Tensor, ids: &Arc<Vec<u32>>, kernels: &Kernels, collector: &Collector) -> Result<Tensor> {
    let (n_rows, _) = table.dims2()?;
    if let Some(id) = ids.iter().find(|id| **id as usize >= n_rows) {
        bail!("embedding: id {id} is not a row of a table with {n_rows} rows");
    }
    match kernels.embedding {
        Kernel::Fused => table.apply_op1(FusedEmbedding { ids: Arc::clone(ids), collector: collector.clone() }),
        Kernel::Composite => table.index_select(&Tensor::new(ids.as_slice(), table.device())?, 0),
    }
}

struct FusedEmbedding {
    ids: Arc<Vec<u32>>,
    collector: Collector,
}

impl CustomOp1 for FusedEmbedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, n_columns) = layout.shape().dims2()?;
        let mut out = vec![0.0; self.ids.len() * n_columns];
        gather_rows(slice(table, layout, "embedding")?, n_columns, &self.ids, &mut out);
        Ok((CpuStorage::F32(out), (self.ids.len(), n_columns).into()))
    }

    fn bwd(&self, table: &Tensor, _out: &Tensor, dout: &Tensor) -> Result<Option<Tensor>> {
        let (_, n_columns) = table.dims2()?;
        let dout = dout.contiguous()?;
        let rows = RowGradient::new(&self.ids, HostSlice::new(&dout)?.as_slice(), n_columns);
        self.collector.hand_over(table, Gradient::Rows(rows))
    }
}
