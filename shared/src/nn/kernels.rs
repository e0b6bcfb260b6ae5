//! CPU kernels on raw slices, without autograd: what the fused operations of [`crate::nn`] compute.
//!
//! Candle's own CPU operations make many passes over memory, several of them on one thread (bias gradients by a strided
//! sum, softmax in about 25 passes), and its matrix product cannot add a bias. These kernels are parallel with rayon
//! and are compiled once for every instruction set by `pulp`, so that a portable binary still uses AVX2 or AVX-512.
//!
//! Invariant: results do not depend on which thread computes what, nor on how many there are: every sum has a fixed order
//! for a given shape, and a row of a product has the same bits in every block of rows.
//!
//! Invariant: NaN and what overflows stay visible. Nothing makes an ordinary number of them, except where the limit is
//! exact: the softmax weight of −∞ beside a finite score is 0. Keys behind a row's last token take no part at all, which is
//! the one deliberate difference from an eager batch of transformers, where NaN in padding spoils the row.
//!
//! The only unsafe code of the crate is the call to gemm in `gemm_product`, the tiles of `avx512`, `wasm` and `scalar`, the
//! loops of `product` around them, and vector loads and stores in `avx512` and `wasm`, behind bounds checks. In a browser
//! `wasm` takes the place of gemm and of what else its compiler makes slow code of; on processors with AVX-512 `avx512`
//! multiplies, on others gemm does. `scalar` is the tile that Miri can run.

mod vectorized;

mod adamw;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffer;
mod gather;
mod gemm_product;
mod layer_norm;
mod linear;
mod math;
mod matmul;
mod matrix;
mod packed_weight;
mod pointwise;
mod product;
mod row_flags;
mod scalar;
mod small_matmul;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub(crate) use adamw::{AdamWStep, adamw, adamw_rows, sum_of_squares};
pub(crate) use attention::{AttentionShape, attention, attention_backward, attention_probabilities, n_keys};
pub(crate) use buffer::{Buffer, free_buffers, n_pooled_values};
pub(crate) use gather::gather_rows;
pub(crate) use layer_norm::{
    NormGradient, layer_norm, layer_norm_backward, layer_norm_backward_block, layer_norm_block,
};
pub(crate) use linear::{linear, linear_input_gradient, linear_weight_gradient, linear_weight_gradient_rows};
pub(crate) use matmul::{Accumulate, matmul};
pub(crate) use matrix::{MatrixMut, MatrixRef};
pub(crate) use packed_weight::{Operand, PackedWeight};
pub(crate) use pointwise::{
    DropoutMask, add_rows, bias_dropout_add, bias_gelu, column_sums, dropout, dropout_add, dropout_block, gelu,
    gelu_backward, gelu_backward_in_place,
};
pub(crate) use row_flags::RowFlags;

use gemm_product::gemm_product;
use scalar::Scalar as ScalarTile;

/// The tiles made for this target's vectors.
#[cfg(target_arch = "x86_64")]
use avx512::Avx512 as NativeTile;
#[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64")))]
use scalar::Scalar as NativeTile;
#[cfg(target_arch = "wasm32")]
use wasm::Variant as NativeTile;

/// Whether this processor runs the tiles of `avx512`, and loops of AVX-512 beside them.
pub(crate) fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx512::is_available() && matches!(pulp::Arch::new(), pulp::Arch::V4(_));
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Elements below which a kernel stays on the calling thread: handing work over costs about as much.
const SERIAL_BELOW: usize = 16 * 1024;

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
    let n_threads = rayon::current_num_threads().min(n_rows / MIN_BLOCK_ROWS).max(1);
    let blocks_per_thread = n_rows.div_ceil(n_threads * BLOCK_ROWS).max(1);
    n_rows.div_ceil(n_threads * blocks_per_thread).max(1)
}
