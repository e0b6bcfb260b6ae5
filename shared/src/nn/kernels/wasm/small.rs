//! The product of matrices that fit into the first-level cache, read where they lie.

use core::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, v128_load, v128_load32_splat, v128_store};

use super::super::matrix::{MatrixMut, MatrixRef};
use super::tile::PANEL;

/// Rows of the tallest tile.
const TALLEST: usize = 4;

/// Strided operands of a tile.
#[derive(Clone, Copy)]
struct Strides {
    /// Bytes are not counted here, elements are.
    a_row: usize,
    a_column: usize,
    b_row: usize,
    out_row: usize,
}

/// `out = scale · a·b` for `a` `[m, k]` with any strides and `b` `[k, n]` with adjacent columns, n a multiple of 8.
///
/// # Panics
/// When shapes do not fit.
pub(in super::super) fn small_matmul(mut out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, scale: f32) {
    let (rows, columns, k) = (out.rows(), out.columns(), a.columns());
    assert_eq!((rows, columns, k), (a.rows(), b.columns(), b.rows()), "shapes of a matrix product");
    assert!(b.column_stride() == 1 && columns.is_multiple_of(PANEL), "the right operand must consist of whole panels");
    let row_stride = out.row_stride();
    let strides =
        Strides { a_row: a.row_stride(), a_column: a.column_stride(), b_row: b.row_stride(), out_row: row_stride };
    for column in (0..columns).step_by(PANEL) {
        for row in (0..rows).step_by(TALLEST) {
            let height = TALLEST.min(rows - row);
            let out = &mut out.data()[row * row_stride + column..];
            // Without steps of k the operands are empty, and there is no first element to point to.
            let (a, b) =
                if k == 0 { (&[][..], &[][..]) } else { (&a.data()[row * a.row_stride()..], &b.data()[column..]) };
            // SAFETY: the invariants of `MatrixRef` and `MatrixMut`: every element of each matrix lies inside of its slice.
            // A tile reads `height` rows of `a` from `row` on, all k rows of `b` and `PANEL` of its columns, and writes the
            // same rows and columns of `out`, which the loops keep inside of the matrices. With k = 0 it reads nothing.
            #[expect(unsafe_code, reason = "tiles take raw pointers")]
            unsafe {
                let tile = match height {
                    1 => tile::<1>,
                    2 => tile::<2>,
                    3 => tile::<3>,
                    _ => tile::<TALLEST>,
                };
                tile(k, a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), strides, scale);
            }
        }
    }
}

/// `R` rows and [`PANEL`] columns.
///
/// # Safety
/// By `strides`, these elements lie inside of live slices: of `a` `R` rows and k columns, of `b` k rows and [`PANEL`]
/// adjacent columns, of `out` `R` rows and as many columns, in a slice that nothing else refers to.
#[inline(never)]
#[expect(unsafe_code, reason = "reads and writes through raw pointers")]
unsafe fn tile<const R: usize>(k: usize, a: *const f32, b: *const f32, out: *mut f32, strides: Strides, scale: f32) {
    let mut sums = [[f32x4_splat(0.0); 2]; R];
    // SAFETY: the caller's promise: l stays below k, r below `R`, and two vectors of four are the `PANEL` columns.
    unsafe {
        for l in 0..k {
            let (a, b) = (a.add(l * strides.a_column), b.add(l * strides.b_row));
            let (b0, b1) = (v128_load(b.cast()), v128_load(b.add(4).cast()));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = v128_load32_splat(a.add(r * strides.a_row).cast());
                *sum = [f32x4_add(f32x4_mul(x, b0), sum[0]), f32x4_add(f32x4_mul(x, b1), sum[1])];
            }
        }
        let scale = f32x4_splat(scale);
        for (r, sum) in sums.into_iter().enumerate() {
            let row = out.add(r * strides.out_row);
            v128_store(row.cast(), f32x4_mul(sum[0], scale));
            v128_store(row.add(4).cast(), f32x4_mul(sum[1], scale));
        }
    }
}
