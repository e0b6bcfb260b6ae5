//! CPU kernels on raw slices, without autograd: what the fused operations of [`crate::nn`] compute.
//!
//! Candle's own CPU operations make many passes over memory, several of them on one thread (bias gradients by a strided
//! sum, softmax in about 25 passes), and its matrix product cannot add a bias. These kernels are parallel with rayon
//! and are compiled once for every instruction set by `pulp`, so that a portable binary still uses AVX2 or AVX-512.
//!
//! Invariant: results do not depend on which thread computes what; every sum has a fixed order for a given shape.
//! The only unsafe code of the crate is the call to gemm in `matmul`, behind bounds checks.

mod adamw;
mod attention;
mod gather;
mod layer_norm;
mod linear;
mod math;
mod matmul;
mod pointwise;
mod small_matmul;

pub(crate) use adamw::{AdamWStep, adamw, adamw_rows, sum_of_squares};
pub(crate) use attention::{AttentionShape, attention, attention_backward, attention_probabilities};
pub(crate) use gather::gather_rows;
pub(crate) use layer_norm::{layer_norm, layer_norm_backward};
pub(crate) use linear::{linear, linear_input_gradient, linear_weight_gradient};
pub(crate) use matmul::{Accumulate, MatrixMut, MatrixRef, matmul};
pub(crate) use pointwise::{DropoutMask, column_sums, dropout, dropout_add, gelu, gelu_backward};

/// Elements below which a kernel stays on the calling thread: handing work over costs about as much.
const SERIAL_BELOW: usize = 16 * 1024;
