//! Operands in the order in which the tiles read them.

use core::arch::x86_64::{
    __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::super::vector_pack::Vectors;
use super::tile::{Avx2, LANES};
use crate::instruction_set::has_avx2;

// SAFETY: `copy` and `transpose` access what their promises list, step by step and square by square.
#[expect(unsafe_code, reason = "a promise about its accesses")]
unsafe impl Vectors for Avx2 {
    const LANES: usize = LANES;

    fn are_there() -> bool {
        has_avx2()
    }

    #[target_feature(enable = "avx2")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n_steps: usize, to: *mut f32, to_step: usize) {
        for l in 0..n_steps {
            // SAFETY: step l begins `l · from_step` and `l · to_step` elements on, and either access is to `width` elements: the
            // last one ends where the caller's promise does.
            unsafe {
                let (from, to) = (from.add(l * from_step), to.add(l * to_step));
                if width == LANES {
                    _mm256_storeu_ps(to, _mm256_loadu_ps(from));
                } else {
                    core::ptr::copy_nonoverlapping(from, to, width);
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn transpose(from: *const f32, from_row: usize, n_squares: usize, to: *mut f32, to_step: usize) {
        for square in 0..n_squares {
            let mut rows = [_mm256_setzero_ps(); LANES];
            for (r, row) in rows.iter_mut().enumerate() {
                // SAFETY: `LANES` elements of row r < `LANES`; the last one ends where the caller's promise does.
                *row = unsafe { _mm256_loadu_ps(from.add(r * from_row + square * LANES)) };
            }
            for (l, column) in transposed(&rows).into_iter().enumerate() {
                // SAFETY: `LANES` elements of a step below `n_squares · LANES`; the last one ends where the caller's promise does.
                unsafe { _mm256_storeu_ps(to.add((square * LANES + l) * to_step), column) };
            }
        }
    }
}

/// Eight rows of eight → the eight columns: by ones, by pairs, then by halves.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(rows: &[__m256; LANES]) -> [__m256; LANES] {
    // `quads[4·i + c]` holds, in its half `j`, column `4·j + c` of rows `4·i` to `4·i + 3`.
    let mut quads = [_mm256_setzero_ps(); LANES];
    for i in (0..LANES).step_by(4) {
        let (low0, high0) = (_mm256_unpacklo_ps(rows[i], rows[i + 1]), _mm256_unpackhi_ps(rows[i], rows[i + 1]));
        let (low1, high1) =
            (_mm256_unpacklo_ps(rows[i + 2], rows[i + 3]), _mm256_unpackhi_ps(rows[i + 2], rows[i + 3]));
        quads[i] = _mm256_shuffle_ps::<0x44>(low0, low1);
        quads[i + 1] = _mm256_shuffle_ps::<0xEE>(low0, low1);
        quads[i + 2] = _mm256_shuffle_ps::<0x44>(high0, high1);
        quads[i + 3] = _mm256_shuffle_ps::<0xEE>(high0, high1);
    }
    let mut columns = [_mm256_setzero_ps(); LANES];
    for c in 0..4 {
        columns[c] = _mm256_permute2f128_ps::<0x20>(quads[c], quads[4 + c]);
        columns[4 + c] = _mm256_permute2f128_ps::<0x31>(quads[c], quads[4 + c]);
    }
    columns
}
