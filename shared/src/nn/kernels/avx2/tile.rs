//! The innermost loop: up to six rows times two vectors, kept in 12 of the 16 registers.

use core::arch::x86_64::{_mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps};
use core::ops::Range;

use super::super::math;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::super::vector_pack::{self, Vectors};
use super::super::vector_tile::vector_tiles;

/// Elements of a vector.
pub(super) const LANES: usize = 8;

/// The tiles of x86-64; they panic on a processor without AVX2 and FMA.
#[derive(Debug)]
pub(in super::super) struct Avx2;

// 12 multiply-adds for two loads of the right operand and six broadcasts of the left one, and three registers are left for
// these.
vector_tiles! {
    Avx2 needs "AVX2 and FMA",
    features: "avx2,fma",
    vectors: [0 1],
    heights: [1 2 3 4 5 6],
    zero: _mm256_setzero_ps(),
    load: _mm256_loadu_ps,
    store: _mm256_storeu_ps,
    splat: |element| _mm256_broadcast_ss(&*element),
    multiply_add: |x, b, sum| _mm256_fmadd_ps(x, b, sum),
}
