//! Operands in the order in which the tiles read them.

use core::arch::aarch64::{
    float32x4_t, vdupq_n_f32, vld1q_f32, vreinterpretq_f32_f64, vreinterpretq_f64_f32, vst1q_f32, vtrn1q_f32,
    vtrn1q_f64, vtrn2q_f32, vtrn2q_f64,
};

use super::super::vector_pack::Vectors;
use super::tile::{LANES, Neon};
use crate::instruction_set::has_neon;

// SAFETY: `copy` and `transpose` access what their promises list, step by step and square by square.
#[expect(unsafe_code, reason = "a promise about its accesses")]
unsafe impl Vectors for Neon {
    const LANES: usize = LANES;

    fn are_there() -> bool {
        has_neon()
    }

    #[target_feature(enable = "neon")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n_steps: usize, to: *mut f32, to_step: usize) {
        for l in 0..n_steps {
            // SAFETY: step l begins `l · from_step` and `l · to_step` elements on, and either access is to `width` elements:
            // the last one ends where the caller's promise does.
            unsafe {
                let (from, to) = (from.add(l * from_step), to.add(l * to_step));
                if width == LANES {
                    vst1q_f32(to, vld1q_f32(from));
                } else {
                    core::ptr::copy_nonoverlapping(from, to, width);
                }
            }
        }
    }

    #[target_feature(enable = "neon")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn transpose(from: *const f32, from_row: usize, n_squares: usize, to: *mut f32, to_step: usize) {
        for square in 0..n_squares {
            let mut rows = [vdupq_n_f32(0.0); LANES];
            for (r, row) in rows.iter_mut().enumerate() {
                // SAFETY: `LANES` elements of row r < `LANES`; the last one ends where the caller's promise does.
                *row = unsafe { vld1q_f32(from.add(r * from_row + square * LANES)) };
            }
            for (l, column) in transposed(&rows).into_iter().enumerate() {
                // SAFETY: `LANES` elements of a step below `n_squares · LANES`; the last one ends where the caller's promise
                // does.
                unsafe { vst1q_f32(to.add((square * LANES + l) * to_step), column) };
            }
        }
    }
}

/// Four rows of four → the four columns: by ones, then by pairs.
#[target_feature(enable = "neon")]
#[inline]
fn transposed(rows: &[float32x4_t; LANES]) -> [float32x4_t; LANES] {
    // Columns 0 and 2, and columns 1 and 3, of two rows.
    let even = |r: usize| vreinterpretq_f64_f32(vtrn1q_f32(rows[r], rows[r + 1]));
    let odd = |r: usize| vreinterpretq_f64_f32(vtrn2q_f32(rows[r], rows[r + 1]));
    [
        vreinterpretq_f32_f64(vtrn1q_f64(even(0), even(2))),
        vreinterpretq_f32_f64(vtrn1q_f64(odd(0), odd(2))),
        vreinterpretq_f32_f64(vtrn2q_f64(even(0), even(2))),
        vreinterpretq_f32_f64(vtrn2q_f64(odd(0), odd(2))),
    ]
}
