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
//! The only unsafe code of the crate is the call to gemm in `gemm_product`, the tiles of `vector_tile`, `wasm` and `scalar`, the
//! loops of `product` around them, and vector loads and stores in `vector_pack`, `avx512`, `avx512_bf16`, `avx2`, `neon` and `wasm`, behind
//! bounds checks. In a browser `wasm` takes the place of gemm and of what else its compiler makes slow code of; on x86-64
//! processors `avx512` or `avx2` multiplies, on others gemm does unless `neon` is asked for. `scalar` is the tile that Miri can run.

mod adamw;
mod attention;
mod attention_shape;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
mod buffer;
mod dispatch;
mod gemm_product;
mod layer_norm;
mod linear;
mod math;
mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operand;
mod pointwise;
mod product;
mod scalar;
mod small_matmul;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector_pack;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector_tile;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub(crate) use adamw::{AdamWStep, adamw, adamw_rows, sum_of_squares};
pub(crate) use attention::{attention, attention_backward, attention_probabilities};
pub(crate) use attention_shape::{AttentionShape, RowFlags, n_keys};
pub(crate) use buffer::{Buffer, free_buffers, n_pooled_values};
pub(crate) use dispatch::rows_per_block;
pub(crate) use layer_norm::{
    NormGradient, NormSums, layer_norm, layer_norm_backward, layer_norm_backward_block, layer_norm_block,
};
pub(crate) use linear::{linear, linear_input_gradient, linear_weight_gradient, linear_weight_gradient_rows};
pub(crate) use pointwise::{
    DropoutMask, add_rows, bias_dropout_add, bias_gelu, column_sums, dropout, dropout_add, dropout_block, gelu,
    gelu_and_backward_in_place, gelu_backward, sum_rows,
};
pub(crate) use product::{Operand, PackedWeight, Start};
