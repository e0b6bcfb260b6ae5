//! Look-up tables.

use std::sync::Arc;

use crate::parallel::prelude::*;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::gradient::{Collector, Gradient, RowGradient};
use super::host::{HostSlice, slice};
use super::kernel_choice::{Kernel, Kernels};
use super::kernels::sum_rows;

/// Row `ids[i]` of each table `[rows, hidden]`, added up from the first to the last: `[ids.len(), hidden]`. The tables' gradients
/// go to `collector`.
///
/// # Errors
/// When an id is not a row of its table, or tables differ in their numbers of columns or of ids.
pub fn embedding(tables: &[(&Tensor, Arc<Vec<u32>>)], kernels: &Kernels, collector: &Collector) -> Result<Tensor> {
    for (table, ids) in tables {
        let (n_rows, _) = table.dims2()?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= n_rows) {
            bail!("embedding: id {id} is not a row of a table with {n_rows} rows");
        }
    }
    let op = || FusedEmbedding {
        ids: tables.iter().map(|(_, ids)| Arc::clone(ids)).collect(),
        collector: collector.clone(),
    };
    match (kernels.embedding, tables) {
        (_, []) => bail!("embedding: expected a table"),
        (Kernel::Fused, [(a, _)]) => a.apply_op1(op()),
        (Kernel::Fused, [(a, _), (b, _)]) => a.apply_op2(b, op()),
        (Kernel::Fused, [(a, _), (b, _), (c, _)]) => a.apply_op3(b, c, op()),
        (_, [(table, ids), others @ ..]) => {
            let rows = |table: &Tensor, ids: &[u32]| table.index_select(&Tensor::new(ids, table.device())?, 0);
            others.iter().try_fold(rows(table, ids)?, |sum, (table, ids)| sum + rows(table, ids)?)
        }
    }
}

struct FusedEmbedding {
    /// Of each table.
    ids: Vec<Arc<Vec<u32>>>,
    collector: Collector,
}

impl FusedEmbedding {
    fn sum(&self, tables: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let (n, n_columns) = (self.ids[0].len(), tables[0].1.shape().dims2()?.1);
        let mut terms = Vec::with_capacity(tables.len());
        for ((table, layout), ids) in tables.iter().zip(&self.ids) {
            let (_, columns) = layout.shape().dims2()?;
            if (ids.len(), columns) != (n, n_columns) {
                bail!("embedding: expected {n} ids and {n_columns} columns, got {} and {columns}", ids.len());
            }
            terms.push((slice(table, layout, "embedding")?, ids.as_slice()));
        }
        let mut out = vec![0.0; n * n_columns];
        sum_rows(&terms, n_columns, &mut out);
        Ok((CpuStorage::F32(out), (n, n_columns).into()))
    }

    fn gradients<const N: usize>(&self, tables: [&Tensor; N], dout: &Tensor) -> Result<[Option<Tensor>; N]> {
        let dout = dout.contiguous()?;
        let (_, n_columns) = dout.dims2()?;
        let guard = HostSlice::new(&dout)?;
        let dout = guard.as_slice();
        let is_wanted = tables.map(Tensor::track_op);
        let rows: Vec<Option<RowGradient>> = (self.ids.par_iter(), is_wanted.par_iter())
            .into_par_iter()
            .map(|(ids, is_wanted)| is_wanted.then(|| RowGradient::new(ids, dout, n_columns)))
            .collect();
        let mut gradients = tables.map(|_| None);
        for ((gradient, table), rows) in gradients.iter_mut().zip(tables).zip(rows) {
            if let Some(rows) = rows {
                *gradient = self.collector.hand_over(table, Gradient::Rows(rows))?;
            }
        }
        Ok(gradients)
    }
}

impl CustomOp1 for FusedEmbedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(&self, a: &CpuStorage, a_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout)])
    }

    fn bwd(&self, a: &Tensor, _: &Tensor, dout: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients([a], dout)?;
        Ok(a)
    }
}

impl CustomOp2 for FusedEmbedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout), (b, b_layout)])
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, dout: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients([a, b], dout)?;
        Ok((a, b))
    }
}

impl CustomOp3 for FusedEmbedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout), (b, b_layout), (c, c_layout)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        _: &Tensor,
        dout: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients([a, b, c], dout)?;
        Ok((a, b, c))
    }
}
