//! The innermost loop: up to twelve rows times two vectors, kept in 24 of the 32 registers.

use core::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps};
use core::ops::Range;

use super::super::math;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::super::vector_pack::{self, Vectors};
use super::super::vector_tile::vector_tiles;

/// Elements of a vector.
pub(super) const LANES: usize = 16;

/// The tiles of x86-64; they panic on a processor without AVX-512.
#[derive(Debug)]
pub(in super::super) struct Avx512;

// 24 multiply-adds for two loads of the right operand and twelve broadcasts of the left one.
vector_tiles! {
    Avx512 needs "AVX-512",
    features: "avx512f",
    vectors: [0 1],
    heights: [1 2 3 4 5 6 7 8 9 10 11 12],
    zero: _mm512_setzero_ps(),
    load: _mm512_loadu_ps,
    store: _mm512_storeu_ps,
    splat: |element| _mm512_set1_ps(*element),
    multiply_add: |x, b, sum| _mm512_fmadd_ps(x, b, sum),
}
