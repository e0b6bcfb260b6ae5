//! Rows of a look-up table.

use rayon::prelude::*;

/// out[i] = table[ids[i]]; ids were checked against the table by the caller.
pub(crate) fn gather_rows(table: &[f32], n_columns: usize, ids: &[u32], out: &mut [f32]) {
    out.par_chunks_mut(n_columns).zip(ids).with_min_len(64).for_each(|(row, id)| {
        let start = *id as usize * n_columns;
        row.copy_from_slice(&table[start..start + n_columns]);
    });
}
