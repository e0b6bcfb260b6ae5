//! Work that is shared among threads where there are any.
//!
//! Natively these are rayon's own words. In the browser, where a program has one thread, the same words mean ordinary
//! iterators: rayon would run them in turn, too, at the price of a tenth of the worker's size.

/// Threads that share work.
pub(crate) fn n_threads() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    return 1;
}

/// Runs `f` on one of the threads that share work; see [`crate::nn::on_pool`].
pub(crate) fn on_a_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::scope(|_| f());
    #[cfg(target_arch = "wasm32")]
    return f();
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use rayon::prelude;

#[cfg(target_arch = "wasm32")]
pub(crate) mod prelude {
    use std::ops::Range;
    use std::slice::{Chunks, ChunksExactMut, ChunksMut, Iter, IterMut};

    /// Slices in parts, as rayon's `ParallelSlice` and `ParallelSliceMut` cut them.
    pub(crate) trait ParallelSlice<T> {
        fn par_iter(&self) -> Iter<'_, T>;
        fn par_iter_mut(&mut self) -> IterMut<'_, T>;
        fn par_chunks(&self, len: usize) -> Chunks<'_, T>;
        fn par_chunks_mut(&mut self, len: usize) -> ChunksMut<'_, T>;
        fn par_chunks_exact_mut(&mut self, len: usize) -> ChunksExactMut<'_, T>;
    }

    impl<T> ParallelSlice<T> for [T] {
        fn par_iter(&self) -> Iter<'_, T> {
            self.iter()
        }

        fn par_iter_mut(&mut self) -> IterMut<'_, T> {
            self.iter_mut()
        }

        fn par_chunks(&self, len: usize) -> Chunks<'_, T> {
            self.chunks(len)
        }

        fn par_chunks_mut(&mut self, len: usize) -> ChunksMut<'_, T> {
            self.chunks_mut(len)
        }

        fn par_chunks_exact_mut(&mut self, len: usize) -> ChunksExactMut<'_, T> {
            self.chunks_exact_mut(len)
        }
    }

    /// What rayon makes a parallel iterator of: vectors, ranges, and tuples of iterators, which go in step.
    pub(crate) trait IntoParallelIterator {
        type Iter: Iterator;
        fn into_par_iter(self) -> Self::Iter;
    }

    impl<T> IntoParallelIterator for Vec<T> {
        type Iter = std::vec::IntoIter<T>;

        fn into_par_iter(self) -> Self::Iter {
            self.into_iter()
        }
    }

    impl IntoParallelIterator for Range<usize> {
        type Iter = Self;

        fn into_par_iter(self) -> Self {
            self
        }
    }

    macro_rules! tuples_of_iterators {
        ($(($($name:ident),+)),+ $(,)?) => {$(
            impl<$($name: Iterator),+> IntoParallelIterator for ($($name,)+) {
                type Iter = itertools::Zip<($($name,)+)>;

                fn into_par_iter(self) -> Self::Iter {
                    itertools::multizip(self)
                }
            }
        )+};
    }

    tuples_of_iterators!((A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E, F), (A, B, C, D, E, F, G, H, I, J),);

    /// How many items a thread takes at once, which one thread need not know.
    pub(crate) trait IndexedParallelIterator: Iterator + Sized {
        fn with_max_len(self, _: usize) -> Self {
            self
        }

        fn with_min_len(self, _: usize) -> Self {
            self
        }

        fn try_for_each_init<S, E>(
            mut self,
            init: impl FnOnce() -> S,
            mut f: impl FnMut(&mut S, Self::Item) -> Result<(), E>,
        ) -> Result<(), E> {
            let mut state = init();
            self.try_for_each(|item| f(&mut state, item))
        }
    }

    impl<I: Iterator> IndexedParallelIterator for I {}
}
