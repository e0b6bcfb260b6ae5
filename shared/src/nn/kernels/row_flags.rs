//! A flag for each row of a batch, raised by whichever thread meets what it stands for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags that are only ever raised; clones are the same ones.
#[derive(Clone, Debug)]
pub(crate) struct RowFlags(Arc<[AtomicBool]>);

impl RowFlags {
    /// None raised.
    pub(crate) fn new(n_rows: usize) -> Self {
        Self((0..n_rows).map(|_| AtomicBool::new(false)).collect())
    }

    /// Relaxed: who reads has waited for the work that raises.
    pub(crate) fn raise(&self, row_idx: usize) {
        self.0[row_idx].store(true, Ordering::Relaxed);
    }

    pub(crate) fn to_vec(&self) -> Vec<bool> {
        self.0.iter().map(|flag| flag.load(Ordering::Relaxed)).collect()
    }
}
