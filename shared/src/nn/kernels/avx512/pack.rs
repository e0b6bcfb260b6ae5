//! Operands in the order in which the tiles read them.

use core::arch::x86_64::{
    __m512, __mmask16, _mm512_castpd_ps, _mm512_castps_pd, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::super::vector_pack::Vectors;
use super::tile::{Avx512, LANES};
use crate::instruction_set::has_avx512;

// SAFETY: `copy` and `transpose` access what their promises list, step by step and square by square.
#[expect(unsafe_code, reason = "a promise about its accesses")]
unsafe impl Vectors for Avx512 {
    const LANES: usize = LANES;

    fn are_there() -> bool {
        has_avx512()
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n_steps: usize, to: *mut f32, to_step: usize) {
        let mask: __mmask16 = u16::MAX >> (LANES - width);
        for l in 0..n_steps {
            // SAFETY: step l begins `l · from_step` and `l · to_step` elements on, and the mask keeps either access within
            // `width`: the last one ends where the caller's promise does.
            unsafe {
                let run = _mm512_maskz_loadu_ps(mask, from.add(l * from_step));
                _mm512_mask_storeu_ps(to.add(l * to_step), mask, run);
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn transpose(from: *const f32, from_row: usize, n_squares: usize, to: *mut f32, to_step: usize) {
        for square in 0..n_squares {
            let mut rows = [_mm512_setzero_ps(); LANES];
            for (r, row) in rows.iter_mut().enumerate() {
                // SAFETY: `LANES` elements of row r < `LANES`; the last one ends where the caller's promise does.
                *row = unsafe { _mm512_loadu_ps(from.add(r * from_row + square * LANES)) };
            }
            for (l, column) in transposed(&rows).into_iter().enumerate() {
                // SAFETY: `LANES` elements of a step below `n_squares · LANES`; the last one ends where the caller's promise does.
                unsafe { _mm512_storeu_ps(to.add((square * LANES + l) * to_step), column) };
            }
        }
    }
}

/// Sixteen rows of sixteen → the sixteen columns: by ones, by pairs, then by lanes of four.
#[target_feature(enable = "avx512f")]
#[inline]
pub(in super::super) fn transposed(rows: &[__m512; LANES]) -> [__m512; LANES] {
    let mut quads = [_mm512_setzero_ps(); LANES];
    for i in (0..LANES).step_by(4) {
        let (low0, high0) = (_mm512_unpacklo_ps(rows[i], rows[i + 1]), _mm512_unpackhi_ps(rows[i], rows[i + 1]));
        let (low1, high1) =
            (_mm512_unpacklo_ps(rows[i + 2], rows[i + 3]), _mm512_unpackhi_ps(rows[i + 2], rows[i + 3]));
        let pair = |a, b| (_mm512_castps_pd(a), _mm512_castps_pd(b));
        let (a, b) = pair(low0, low1);
        quads[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        quads[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        let (a, b) = pair(high0, high1);
        quads[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        quads[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    // `quads[4·i + c]` holds, in its lane `j` of four, column `4·j + c` of rows `4·i` to `4·i + 3`.
    let mut columns = [_mm512_setzero_ps(); LANES];
    for c in 0..4 {
        let (a, b, d, e) = (quads[c], quads[4 + c], quads[8 + c], quads[12 + c]);
        let (ab_even, ab_odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b));
        let (de_even, de_odd) = (_mm512_shuffle_f32x4::<0x88>(d, e), _mm512_shuffle_f32x4::<0xDD>(d, e));
        columns[c] = _mm512_shuffle_f32x4::<0x88>(ab_even, de_even);
        columns[4 + c] = _mm512_shuffle_f32x4::<0x88>(ab_odd, de_odd);
        columns[8 + c] = _mm512_shuffle_f32x4::<0xDD>(ab_even, de_even);
        columns[12 + c] = _mm512_shuffle_f32x4::<0xDD>(ab_odd, de_odd);
    }
    columns
}
