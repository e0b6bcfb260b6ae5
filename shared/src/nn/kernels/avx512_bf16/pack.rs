//! Operands as pairs of bf16, in the order in which the tiles read them.

use core::arch::x86_64::{
    __m512, __m512bh, __mmask16, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtne2ps_pbh, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_permutexvar_epi16, _mm512_setzero_ps,
    _mm512_storeu_ps,
};

use half::bf16;

use super::super::avx512::transposed;
use super::super::vector_pack::{Vectors, convert_one_by_one};
use super::tile::{Avx512Bf16, LANES};
use crate::instruction_set::has_avx512_bf16;

// SAFETY: `copy` and `transpose` access what their promises list, pair by pair and square by square.
#[expect(unsafe_code, reason = "a promise about its accesses")]
unsafe impl Vectors for Avx512Bf16 {
    const LANES: usize = LANES;
    const STEP: usize = 2;

    fn are_there() -> bool {
        has_avx512_bf16()
    }

    fn element([first, second]: [f32; 2]) -> f32 {
        // As the instruction has it, a subnormal value is 0.
        let normal = |value: f32| if value.is_subnormal() { 0.0_f32.copysign(value) } else { value };
        let [first, second] = [first, second].map(|value| u32::from(bf16::from_f32(normal(value)).to_bits()));
        f32::from_bits(first | second << 16)
    }

    fn convert(from: &[f32], to: &mut [f32]) {
        assert_eq!(to.len(), from.len().div_ceil(2), "elements of a row");
        assert!(Self::are_there(), "packing needs the vectors that it is made of");
        let n_whole = to.len().min(from.len() / 2) / LANES * LANES;
        let ((values, other_values), (pairs, other_pairs)) = (from.split_at(2 * n_whole), to.split_at_mut(n_whole));
        // SAFETY: the processor has the vectors.
        #[expect(unsafe_code, reason = "needs the processor's vectors")]
        unsafe {
            convert_whole(values, pairs);
        }
        convert_one_by_one::<Self>(other_values, other_pairs);
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n: usize, to: *mut f32, to_step: usize) {
        let mask: __mmask16 = u16::MAX >> (LANES - width);
        for pair in 0..n.div_ceil(2) {
            // SAFETY: value l begins `l · from_step` values on and pair p `p · to_step` elements, the second value is read where
            // there is one, and the mask keeps any access within `width`: the last ones end where the caller's promise does.
            unsafe {
                let first = _mm512_maskz_loadu_ps(mask, from.add(2 * pair * from_step));
                let second = if 2 * pair + 1 < n {
                    _mm512_maskz_loadu_ps(mask, from.add((2 * pair + 1) * from_step))
                } else {
                    _mm512_setzero_ps()
                };
                _mm512_mask_storeu_ps(to.add(pair * to_step), mask, zipped(first, second));
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn transpose(from: *const f32, from_row: usize, n_squares: usize, to: *mut f32, to_step: usize) {
        for square in 0..n_squares {
            let mut rows = [_mm512_setzero_ps(); LANES];
            for (r, row) in rows.iter_mut().enumerate() {
                // SAFETY: `2 · LANES` values of row r < `LANES`; the last one ends where the caller's promise does.
                *row = unsafe { joined(from.add(r * from_row + square * 2 * LANES)) };
            }
            for (l, column) in transposed(&rows).into_iter().enumerate() {
                // SAFETY: `LANES` elements of a pair below `n_squares · LANES`; the last one ends where the caller's promise does.
                unsafe { _mm512_storeu_ps(to.add((square * LANES + l) * to_step), column) };
            }
        }
    }
}

/// Values `2 · LANES` at a time as [`LANES`] pairs.
#[target_feature(enable = "avx512f,avx512bf16")]
fn convert_whole(from: &[f32], to: &mut [f32]) {
    for (values, pairs) in from.chunks_exact(2 * LANES).zip(to.chunks_exact_mut(LANES)) {
        // SAFETY: slices of `2 · LANES` values and `LANES` elements.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            _mm512_storeu_ps(pairs.as_mut_ptr(), joined(values.as_ptr()));
        }
    }
}

/// `2 · LANES` values from `from` on, as pairs.
///
/// # Safety
/// They lie in a live slice.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
#[expect(unsafe_code, reason = "reads through a raw pointer")]
unsafe fn joined(from: *const f32) -> __m512 {
    // SAFETY: the caller's promise.
    let (low, high) = unsafe { (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(LANES))) };
    bits(_mm512_cvtne2ps_pbh(high, low))
}

/// The pairs of one value of `first` and one of `second`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn zipped(first: __m512, second: __m512) -> __m512 {
    /// Half a word each: 0, 16, 1, 17, …
    static ORDER: [u16; 32] = {
        let mut order = [0; 32];
        let mut lane = 0;
        while lane < 16 {
            order[2 * lane as usize] = lane;
            order[2 * lane as usize + 1] = 16 + lane;
            lane += 1;
        }
        order
    };
    // SAFETY: the table has 64 bytes.
    #[expect(unsafe_code, reason = "loads a table")]
    let order = unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) };
    let halves = _mm512_castps_si512(bits(_mm512_cvtne2ps_pbh(second, first)));
    _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, halves))
}

/// Pairs of bf16 as elements.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn bits(pairs: __m512bh) -> __m512 {
    // SAFETY: both types are 64 bytes in which every bit pattern is a value.
    #[expect(unsafe_code, reason = "another view of a register")]
    unsafe {
        core::mem::transmute(pairs)
    }
}
