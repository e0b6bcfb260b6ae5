//! Weights that an evaluation model keeps in packed form, and how it learns that they are out of date.
//!
//! In a browser packing a weight takes as long as a tenth of the product for one sentence, so a model that is evaluated
//! many times keeps it. Parameters are changed in place, by the optimiser and by damage, and an evaluation model sees
//! such changes: what is kept carries the number of changes it was made after, and is made anew when that has grown. A change
//! of one parameter alone is counted for that one, so that all others keep their packed forms.
//!
//! Invariant: whoever writes to parameters in place calls [`Changes::record`] after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::kernel_choice::Factors;
use super::kernels::PackedWeight;

/// Counts the changes of a set of parameters; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<AtomicU64>);

impl Changes {
    /// Says that a parameter has been written to.
    pub fn record(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What is kept of one dense layer's weight: nothing for training, where it changes with every step.
#[derive(Clone, Debug, Default)]
pub struct WeightCache {
    /// Those of all parameters, and those of this weight alone.
    changes: Option<[Changes; 2]>,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    n_changes: u64,
    weight: Arc<PackedWeight>,
}

impl WeightCache {
    /// For a model that is only evaluated, on parameters whose changes are counted by `of_all`, and this weight's by `own`.
    #[must_use]
    pub fn for_evaluation(of_all: &Changes, own: &Changes) -> Self {
        Self { changes: Some([of_all.clone(), own.clone()]), kept: Arc::default() }
    }

    /// W `[n_out, n_in]` packed for the products of a forward pass, where that pays.
    pub(super) fn pack(&self, weight: &[f32], n_in: usize, factors: Factors) -> Option<Arc<PackedWeight>> {
        match &self.changes {
            Some(changes) => self.kept(changes, weight, n_in, factors),
            None => PackedWeight::new(weight, n_in, factors).map(Arc::new),
        }
    }

    /// The weight's packed form as of now.
    fn kept(&self, changes: &[Changes; 2], weight: &[f32], n_in: usize, factors: Factors) -> Option<Arc<PackedWeight>> {
        // Read before the weight is: a change during packing then leads to packing once more, never to an old weight.
        // Neither count ever falls, so an equal sum means that both are as they were.
        let n_changes = changes.iter().map(Changes::count).sum();
        let current = self.lock().as_ref().filter(|kept| kept.n_changes == n_changes).map(|kept| kept.weight.clone());
        if current.is_some() {
            return current;
        }
        // Without the lock: packing is shared among threads, and one that waits for the others may take up another
        // evaluation of this model, which comes here as well. Two that pack at once only work twice.
        let weight = Arc::new(PackedWeight::new(weight, n_in, factors)?);
        let mut kept = self.lock();
        if kept.as_ref().is_none_or(|kept| kept.n_changes <= n_changes) {
            *kept = Some(Kept { n_changes, weight: Arc::clone(&weight) });
        }
        Some(weight)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
