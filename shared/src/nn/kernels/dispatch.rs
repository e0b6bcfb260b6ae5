//! How a loop gets the vector instructions of the processor at hand, and how rows are divided among threads.

/// Runs a block compiled once for every instruction set that `pulp` tells apart: `vectorized!(|x: &[f32], y: &mut [f32]| {…})`
/// takes the variables of these names. The one that runs is [`InstructionSet::current`](crate::instruction_set::InstructionSet::current)'s.
///
/// A closure handed to `pulp::Arch::dispatch` is a function of its own, compiled without these instructions; it gets them
/// only where the optimiser chooses to inline it, and it does not choose so for long ones (GELU ran on vectors of four). The
/// body of a `with_simd` that is always inlined is never left behind.
macro_rules! vectorized {
    (|$($name:ident: $type:ty),+ $(,)?| $body:block) => {
        vectorized!(|$($name: $type),+| -> () { $body })
    };
    (|$($name:ident: $type:ty),+ $(,)?| -> $result:ty $body:block) => {{
        struct Work<T>(T);
        impl pulp::WithSimd for Work<($($type,)+)> {
            type Output = $result;

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, _: S) -> $result {
                let Self(($($name,)+)) = self;
                body($($name),+)
            }
        }

        // As a function, whose arguments the compiler knows not to overlap.
        #[inline(always)]
        fn body($($name: $type),+) -> $result $body

        crate::instruction_set::arch().dispatch(Work(($($name,)+)))
    }};
}

pub(super) use vectorized;

/// Elements below which a kernel stays on the calling thread: handing work over costs about as much.
pub(super) const SERIAL_BELOW: usize = 16 * 1024;

/// Rows of activations in a block that one thread computes: large enough for gemm's full rate, small enough that what a
/// block passes from one operation to the next stays in the second-level cache.
const BLOCK_ROWS: usize = 256;
/// Fewer rows than this are not worth another thread: every block packs the weights for itself.
const MIN_BLOCK_ROWS: usize = 16;

/// Rows in one block of `n_rows`: blocks of equal size, as many for each thread.
///
/// On two threads 1200 rows are six blocks of 200, three for each thread; 40 rows are two blocks of 20, even on more
/// threads.
pub(crate) fn rows_per_block(n_rows: usize) -> usize {
    let n_threads = crate::parallel::n_threads().min(n_rows / MIN_BLOCK_ROWS).max(1);
    let blocks_per_thread = n_rows.div_ceil(n_threads * BLOCK_ROWS).max(1);
    n_rows.div_ceil(n_threads * blocks_per_thread).max(1)
}
