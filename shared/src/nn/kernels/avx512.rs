//! Products of matrices on x86-64 processors with AVX-512.
//!
//! The gemm crate's own AVX-512 tile is as fast, but the crate packs both operands for every product. Here the left
//! operand of a dense layer is read where it lies, a weight is packed once for all blocks of tokens, and bias and GELU
//! are part of the product. On processors without AVX-512 the gemm crate multiplies.

mod pack;
#[cfg(test)]
mod tests;
mod tile;

pub(super) use tile::Avx512;

/// Whether this processor has all the instructions that AVX-512 code is compiled with; asked once by the standard library.
///
/// Rust takes `avx512f` to include the other three, but what hides one feature of a processor need not hide the others.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("f16c")
}
