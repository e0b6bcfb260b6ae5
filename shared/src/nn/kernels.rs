//! CPU kernels on raw slices, without autograd: what the fused operations of [`crate::nn`] compute.
//!
//! Candle's own CPU operations make many passes over memory, several of them on one thread (bias gradients by a strided
//! sum, softmax in about 25 passes), and its matrix product cannot add a bias. These kernels are parallel with rayon
//! and are compiled once for every instruction set by `pulp`, so that a portable binary still uses AVX2 or AVX-512.
//!
//! Invariant: results do not depend on which thread computes what; every sum has a fixed order for a given shape.
//! The only unsafe code of the crate is the call to gemm in `matmul` and the vector loads and stores in `wasm`, behind
//! bounds checks. In a browser `wasm` takes the place of gemm and of what else its compiler makes slow code of.

mod adamw;
mod attention;
mod gather;
mod layer_norm;
mod linear;
mod math;
mod matmul;
mod packed_weight;
mod pointwise;
mod small_matmul;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub(crate) use adamw::{AdamWStep, adamw, adamw_rows, sum_of_squares};
pub(crate) use attention::{AttentionShape, attention, attention_backward, attention_probabilities};
pub(crate) use gather::gather_rows;
pub(crate) use layer_norm::{layer_norm, layer_norm_backward};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use linear::linear;
pub(crate) use linear::{linear_input_gradient, linear_weight_gradient};
pub(crate) use matmul::{Accumulate, MatrixMut, MatrixRef, matmul};
pub(crate) use packed_weight::PackedWeight;
pub(crate) use pointwise::{DropoutMask, column_sums, dropout, dropout_add, gelu, gelu_backward};
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::linear;

/// Elements below which a kernel stays on the calling thread: handing work over costs about as much.
const SERIAL_BELOW: usize = 16 * 1024;
