//! The innermost loop: up to eight rows times three vectors, kept in 24 of the 32 registers.

use core::arch::aarch64::{vdupq_n_f32, vfmaq_f32, vld1q_dup_f32, vld1q_f32, vst1q_f32};
use core::ops::Range;

use super::super::math;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::super::vector_pack::{self, Vectors};
use super::super::vector_tile::vector_tiles;

/// Elements of a vector.
pub(super) const LANES: usize = 4;

/// The tiles of aarch64; they panic on a processor without NEON.
#[derive(Debug)]
pub(in super::super) struct Neon;

// 24 multiply-adds for three loads of the right operand and eight of the left one.
vector_tiles! {
    Neon needs "NEON",
    features: "neon",
    vectors: [0 1 2],
    heights: [1 2 3 4 5 6 7 8],
    zero: vdupq_n_f32(0.0),
    load: vld1q_f32,
    store: vst1q_f32,
    splat: |element| vld1q_dup_f32(element),
    multiply_add: |x, b, sum| vfmaq_f32(sum, x, b),
}
