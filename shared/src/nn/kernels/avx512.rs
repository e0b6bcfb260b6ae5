//! Products of matrices on x86-64 processors with AVX-512.
//!
//! The gemm crate's own AVX-512 tile is as fast, but the crate packs both operands for every product. Here the left
//! operand of a dense layer is read where it lies, a weight is packed once for all blocks of tokens, and bias and GELU
//! are part of the product.

mod pack;
mod tile;

pub(super) use pack::transposed;
pub(super) use tile::Avx512;
