//! Operands in the order in which the tiles read them.

use core::arch::wasm32::{
    i32x4_shuffle, i64x2_shuffle, v128, v128_load, v128_store, v128_store32_lane, v128_store64_lane,
};
use core::ops::Range;

use super::super::matrix::MatrixRef;

/// Packs `P` rows of `source` from `first` on, of which `n_valid` exist and the others are 0, into `out` `[depth][P]`.
///
/// # Panics
/// When the rows or `depth` reach past `source`, or `out` has another size.
pub(super) fn pack<const P: usize>(
    source: MatrixRef<'_>,
    first: usize,
    n_valid: usize,
    depth: Range<usize>,
    out: &mut [f32],
) {
    assert!(n_valid <= P && n_valid <= source.rows() && first <= source.rows() - n_valid, "rows to pack must exist");
    assert!(depth.end <= source.columns(), "steps to pack must exist");
    assert_eq!(out.len(), depth.len() * P, "size of a packed group");
    if n_valid < P {
        return pack_element_by_element::<P>(source, first, n_valid, depth, out);
    }
    if source.column_stride() == 1 {
        transpose::<P>(source, first, depth, out);
    } else if source.row_stride() == 1 {
        copy::<P>(source, first, depth, out);
    } else {
        pack_element_by_element::<P>(source, first, n_valid, depth, out);
    }
}

fn pack_element_by_element<const P: usize>(
    source: MatrixRef<'_>,
    first: usize,
    n_valid: usize,
    depth: Range<usize>,
    out: &mut [f32],
) {
    for (values, l) in out.chunks_exact_mut(P).zip(depth) {
        for (r, value) in values.iter_mut().enumerate() {
            let index = (first + r) * source.row_stride() + l * source.column_stride();
            *value = if r < n_valid { source.data()[index] } else { 0.0 };
        }
    }
}

/// Rows that lie side by side: each step of k is one run of `P` elements.
///
/// Written with vectors since LLVM turns a copy of 32 bytes into `memory.copy`, which is a call.
fn copy<const P: usize>(source: MatrixRef<'_>, first: usize, depth: Range<usize>, out: &mut [f32]) {
    for (values, l) in out.chunks_exact_mut(P).zip(depth) {
        let start = first + l * source.column_stride();
        let run = &source.data()[start..start + P];
        // SAFETY: both slices have `P` elements, and each access below stays below `P`.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            for i in 0..P / 4 {
                let four = v128_load(run.as_ptr().add(4 * i).cast());
                v128_store(values.as_mut_ptr().add(4 * i).cast(), four);
            }
            for i in P / 4 * 4..P {
                *values.get_unchecked_mut(i) = *run.get_unchecked(i);
            }
        }
    }
}

/// Rows with adjacent elements: squares of four by four are transposed.
fn transpose<const P: usize>(source: MatrixRef<'_>, first: usize, depth: Range<usize>, out: &mut [f32]) {
    assert_eq!(out.len(), depth.len() * P, "size of a packed group");
    let n_whole = depth.len() / 4 * 4;
    let row = |r: usize| {
        let start = (first + r) * source.row_stride() + depth.start;
        &source.data()[start..start + depth.len()]
    };
    let rows: [&[f32]; P] = core::array::from_fn(row);
    for l in (0..n_whole).step_by(4) {
        // SAFETY: `l + 4 <= depth.len()`, the length of every row, so four elements from `l` on lie in each. `out` has `P`
        // elements for each of `depth.len()` steps, as asserted, and each store below ends at `P` or before it.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            let base = out.as_mut_ptr();
            let to = |step: usize, r: usize| base.add((l + step) * P + r);
            let load = |r: usize| v128_load(rows[r].as_ptr().add(l).cast());
            for r in (0..P / 4 * 4).step_by(4) {
                let columns = transpose_four([load(r), load(r + 1), load(r + 2), load(r + 3)]);
                for (step, column) in columns.into_iter().enumerate() {
                    v128_store(to(step, r).cast(), column);
                }
            }
            if P % 4 >= 2 {
                let r = P / 4 * 4;
                let (a, b) = (load(r), load(r + 1));
                let low = i32x4_shuffle::<0, 4, 1, 5>(a, b);
                let high = i32x4_shuffle::<2, 6, 3, 7>(a, b);
                v128_store64_lane::<0>(low, to(0, r).cast());
                v128_store64_lane::<1>(low, to(1, r).cast());
                v128_store64_lane::<0>(high, to(2, r).cast());
                v128_store64_lane::<1>(high, to(3, r).cast());
            }
            if P % 2 == 1 {
                let last = load(P - 1);
                v128_store32_lane::<0>(last, to(0, P - 1).cast());
                v128_store32_lane::<1>(last, to(1, P - 1).cast());
                v128_store32_lane::<2>(last, to(2, P - 1).cast());
                v128_store32_lane::<3>(last, to(3, P - 1).cast());
            }
        }
    }
    for l in n_whole..depth.len() {
        for (value, row) in out[l * P..(l + 1) * P].iter_mut().zip(rows) {
            *value = row[l];
        }
    }
}

/// Four rows of four → the four columns.
#[inline(always)]
pub(super) fn transpose_four([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab_low, cd_low) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
    let (ab_high, cd_high) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i64x2_shuffle::<0, 2>(ab_low, cd_low),
        i64x2_shuffle::<1, 3>(ab_low, cd_low),
        i64x2_shuffle::<0, 2>(ab_high, cd_high),
        i64x2_shuffle::<1, 3>(ab_high, cd_high),
    ]
}
