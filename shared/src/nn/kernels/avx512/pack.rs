//! Operands in the order in which the tiles read them.

use core::arch::x86_64::{
    __m512, __mmask16, _mm512_castpd_ps, _mm512_castps_pd, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};
use core::ops::Range;

use super::super::matrix::MatrixRef;
use super::super::product::pack_one_by_one;
use crate::instruction_set::has_avx512;

/// Elements of a vector.
pub(super) const LANES: usize = 16;
/// Steps of k that [`pack_groups`] packs at a time.
const STEPS: usize = 16;

/// As [`Microkernel::pack`](super::super::product::Microkernel::pack).
///
/// # Panics
/// When the rows or `depth` reach past `source`, `out` has another size, or the processor has no AVX-512.
pub(super) fn pack(
    source: MatrixRef<'_>,
    first: usize,
    n_valid: usize,
    height: usize,
    depth: Range<usize>,
    out: &mut [f32],
) {
    assert!(
        n_valid <= height && n_valid <= source.rows() && first <= source.rows() - n_valid,
        "rows to pack must exist"
    );
    assert!(depth.end <= source.columns() && out.len() == depth.len() * height, "size of a packed group");
    assert!(has_avx512(), "packing needs AVX-512");
    if n_valid < height {
        out.fill(0.0);
    }
    if depth.is_empty() {
        return;
    }
    for band in (0..n_valid).step_by(LANES) {
        let width = LANES.min(n_valid - band);
        let start = (first + band) * source.row_stride() + depth.start * source.column_stride();
        let end = (first + band + width - 1) * source.row_stride() + (depth.end - 1) * source.column_stride() + 1;
        let from = &source.data()[start..end];
        let to = &mut out[band..];
        if source.row_stride() == 1 {
            // SAFETY: the processor has AVX-512. `from` ends with the last of `width` elements at the last step: it has
            // `(n_steps − 1) · column_stride + width`. `to` has `n_steps · height − band`, which is `(n_steps − 1) · height
            // + width` or more, since `band + width <= n_valid <= height`.
            #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
            unsafe {
                copy(from.as_ptr(), source.column_stride(), width, depth.len(), to.as_mut_ptr(), height);
            }
            continue;
        }
        let n_squares = if width == LANES && source.column_stride() == 1 { depth.len() / LANES } else { 0 };
        // SAFETY: the processor has AVX-512. There are squares only where `from` has `LANES` rows of `depth.len()`
        // adjacent elements, `row_stride` apart, and `n_squares · LANES` is at most `depth.len()`; `to` has `height`
        // elements a step less `band`, and `band + LANES <= height`.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            transpose(from.as_ptr(), source.row_stride(), n_squares, to.as_mut_ptr(), height);
        }
        for l in n_squares * LANES..depth.len() {
            for r in 0..width {
                to[l * height + r] = from[r * source.row_stride() + l * source.column_stride()];
            }
        }
    }
}

/// As [`Microkernel::pack_groups`](super::super::product::Microkernel::pack_groups).
///
/// Rows that lie side by side are read a few steps at a time over all groups: neighbours share lines of the cache, which
/// would be gone if a group's steps were all read at once, one to a line.
///
/// # Panics
/// As [`pack`].
pub(super) fn pack_groups(
    source: MatrixRef<'_>,
    groups: impl Iterator<Item = (usize, usize)> + Clone,
    depth: Range<usize>,
    out: &mut [f32],
) {
    if source.row_stride() != 1 {
        return pack_one_by_one(pack, source, groups, depth, out);
    }
    let n_steps = depth.len();
    for step in (0..n_steps).step_by(STEPS) {
        let steps = step..n_steps.min(step + STEPS);
        let mut offset = 0;
        for (first, height) in groups.clone() {
            let group = &mut out[offset + steps.start * height..offset + steps.end * height];
            let depth = depth.start + steps.start..depth.start + steps.end;
            pack(source, first, height.min(source.rows() - first), height, depth, group);
            offset += height * n_steps;
        }
    }
}

/// Rows that lie side by side: each step of k is one run of `width` elements, at most [`LANES`].
///
/// # Safety
/// AVX-512; `1 <= width <= LANES`; `(n_steps − 1) · from_step + width` elements from `from` on in a live slice, and
/// `(n_steps − 1) · to_step + width` from `to` on in one that nothing else refers to.
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "reads and writes through raw pointers")]
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

/// Rows with adjacent elements: squares of [`LANES`] rows and steps are transposed.
///
/// # Safety
/// AVX-512; unless `n_squares` is 0, `(LANES − 1) · from_row + n_squares · LANES` elements from `from` on in a live slice,
/// and `(n_squares · LANES − 1) · to_step + LANES` from `to` on in one that nothing else refers to.
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "reads and writes through raw pointers")]
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

/// Sixteen rows of sixteen → the sixteen columns: by ones, by pairs, then by lanes of four.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(rows: &[__m512; LANES]) -> [__m512; LANES] {
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
