//! Memory that the next step uses again.
//!
//! A training step fills some hundred megabytes of activations and gradients and drops them. Asked anew from the
//! allocator, they are zeroed on one thread before they are overwritten, and the kernel takes back and clears pages in
//! between. Buffers come from a common pool instead and return to it when they are dropped.
//!
//! Invariant: what is lent and what is kept make together at most an eighth more than was ever in use at once; the rest is
//! freed, oldest first.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `n` values from the pool; what they hold at first is arbitrary (but initialised): whoever takes them writes them all.
///
/// In debug builds they are NaN, so that a value which was not written shows.
pub(crate) struct Buffer {
    data: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// Arbitrary values.
    pub(crate) fn new(len: usize) -> Self {
        let mut data = pool().take(len);
        if data.len() < len {
            // Not by resizing: asked for as zeros, fresh memory of the system's is not cleared once more.
            data = vec![0.0; len];
        }
        if cfg!(debug_assertions) {
            data[..len].fill(f32::NAN);
        }
        Self { data, len }
    }

    /// A copy of `values`.
    pub(crate) fn copy_of(values: &[f32]) -> Self {
        let mut buffer = Self::new(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} values)", self.len)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        pool().give(std::mem::take(&mut self.data));
    }
}

/// Frees what the pool keeps: for the end of a training, so that what follows has the memory.
pub(crate) fn free_buffers() {
    let mut pool = pool();
    pool.free.clear();
    pool.n_free = 0;
    pool.n_peak = pool.n_used;
}

/// Values that the pool keeps for the next step, lent ones not counted.
pub(crate) fn n_pooled_values() -> usize {
    pool().n_free
}

struct Pool {
    /// In the order in which they came back.
    free: VecDeque<Vec<f32>>,
    /// Values in `free`.
    n_free: usize,
    /// Values that are lent.
    n_used: usize,
    /// The most that were lent at once.
    n_peak: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: VecDeque::new(), n_free: 0, n_used: 0, n_peak: 0 });

/// A panic elsewhere cannot leave the pool in two minds: every change of it is complete before the next line.
fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The smallest buffer that holds `len` values and is not twice as long; else one that the caller must lengthen.
    fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = |data: &Vec<f32>| data.len() >= len && data.len() / 2 <= len;
        let best = (0..self.free.len()).filter(|i| fits(&self.free[*i])).min_by_key(|i| self.free[*i].len());
        let data = best.and_then(|index| self.free.remove(index)).unwrap_or_default();
        self.n_free -= data.len();
        self.n_used += data.len().max(len);
        self.n_peak = self.n_peak.max(self.n_used);
        self.shrink();
        data
    }

    fn give(&mut self, data: Vec<f32>) {
        self.n_used -= data.len();
        self.n_free += data.len();
        self.free.push_back(data);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.n_free + self.n_used > self.n_peak + self.n_peak / 8 {
            let Some(oldest) = self.free.pop_front() else { break };
            self.n_free -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Pool {
        Pool { free: VecDeque::new(), n_free: 0, n_used: 0, n_peak: 0 }
    }

    #[test]
    fn the_pool_lends_the_best_fit_and_nothing_much_too_long() {
        let mut pool = empty();
        pool.n_peak = 1000;
        pool.n_used = 160;
        for len in [100, 40, 20] {
            pool.give(vec![1.0; len]);
        }
        assert_eq!(pool.take(30).len(), 40);
        assert_eq!(pool.take(30).len(), 0, "100 values for 30 would be a waste");
        assert_eq!((pool.n_used, pool.n_free), (70, 120));
    }

    #[test]
    fn the_pool_keeps_little_more_than_was_in_use_at_once() {
        let mut pool = empty();
        let mut lent: Vec<Vec<f32>> = Vec::new();
        for (step, len) in
            [10, 50, 300, 2000, 70, 15_000, 3, 900, 450, 20_000, 7].into_iter().cycle().take(80).enumerate()
        {
            let mut data = pool.take(len);
            data.resize(len.max(data.len()), 0.0);
            lent.push(data);
            if step % 3 > 0 {
                pool.give(lent.swap_remove(step % lent.len()));
            }
            assert_eq!(pool.n_used, lent.iter().map(Vec::len).sum::<usize>());
            assert_eq!(pool.n_free, pool.free.iter().map(Vec::len).sum::<usize>());
            assert!(pool.n_free + pool.n_used <= pool.n_peak + pool.n_peak / 8);
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_buffer_holds_nan_until_it_is_written_in_debug_builds() {
        for _ in 0..2 {
            let mut buffer = Buffer::new(77);
            assert!(buffer.iter().all(|x| x.is_nan()));
            buffer.fill(7.0);
        }
    }

    #[test]
    fn a_copy_has_its_own_values_also_in_memory_that_was_used() {
        let mut buffer = Buffer::new(2);
        buffer.fill(7.0);
        drop(buffer);
        let copy = Buffer::copy_of(&[1.0, 2.0]);
        let mut other = copy.clone();
        other[0] = 5.0;
        assert_eq!((&*copy, &*other), (&[1.0, 2.0][..], &[5.0, 2.0][..]));
    }
}
