//! The innermost loop: as for f32, with pairs of bf16 in the place of single values.

use core::arch::x86_64::{
    __m512, __m512bh, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use core::ops::Range;

use super::super::math;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::super::vector_pack::{self, Vectors};
use super::super::vector_tile::vector_tiles;

/// Sums of a vector, and pairs.
pub(super) const LANES: usize = 16;

/// The tiles for bf16 of x86-64; they panic on a processor without AVX512-BF16.
#[derive(Debug)]
pub(in super::super) struct Avx512Bf16;

vector_tiles! {
    Avx512Bf16 needs "AVX512-BF16",
    features: "avx512f,avx512bf16",
    vectors: [0 1],
    heights: [1 2 3 4 5 6 7 8 9 10 11 12],
    zero: _mm512_setzero_ps(),
    load: _mm512_loadu_ps,
    store: _mm512_storeu_ps,
    splat: |element| _mm512_set1_ps(*element),
    multiply_add: |x, b, sum| _mm512_dpbf16_ps(sum, pairs(x), pairs(b)),
}

/// The same bits as pairs of bf16.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn pairs(elements: __m512) -> __m512bh {
    // SAFETY: both types are 64 bytes in which every bit pattern is a value.
    #[expect(unsafe_code, reason = "another view of a register")]
    unsafe {
        core::mem::transmute(elements)
    }
}
