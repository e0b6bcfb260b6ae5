//! Rows of a look-up table, and their gradient.

use rayon::prelude::*;

/// out[i] = table[ids[i]]; ids were checked against the table by the caller.
pub(crate) fn gather_rows(table: &[f32], n_columns: usize, ids: &[u32], out: &mut [f32]) {
    out.par_chunks_mut(n_columns).zip(ids).with_min_len(64).for_each(|(row, id)| {
        let start = *id as usize * n_columns;
        row.copy_from_slice(&table[start..start + n_columns]);
    });
}

/// table[ids[i]] += rows[i], in the order of i: serial, since ids repeat and the order of additions must not vary.
pub(crate) fn scatter_add_rows(rows: &[f32], n_columns: usize, ids: &[u32], table: &mut [f32]) {
    for (row, id) in rows.chunks_exact(n_columns).zip(ids) {
        let start = *id as usize * n_columns;
        table[start..start + n_columns].iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
}
