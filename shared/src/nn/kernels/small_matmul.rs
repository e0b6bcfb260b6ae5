//! The product of matrices that fit into the first-level cache: those of one attention head.
//!
//! gemm packs both operands anew at every call, which for a `[28, 32]·[32, 28]` product takes longer than the product. A
//! batch of 32 rows through six layers of twelve heads makes 16,000 of them a training step, so this kernel reads its
//! operands where they lie. It keeps a tile of `out` in registers and adds one column of `a` times one row of `b` after
//! the other, so every element is summed in the order of k.

use pulp::{Simd, WithSimd, bytemuck};

use super::matrix::{MatrixMut, MatrixRef};

/// Rows of `out` in a tile.
const ROWS: usize = 2;
/// Vectors in a row of a tile: with [`ROWS`] eight accumulators, enough to hide the latency of multiply-adds, and with
/// the four vectors of `b` they fit into 16 registers.
const VECTORS: usize = 4;

/// `out = scale · a·b` for `a` `[m, k]` with any strides and `b` `[k, n]` with adjacent columns.
///
/// # Panics
/// When shapes do not fit, or the columns of `b` are not adjacent.
pub(super) fn small_matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, scale: f32) {
    assert_eq!(
        (out.rows(), out.columns(), a.columns()),
        (a.rows(), b.columns(), b.rows()),
        "shapes of a matrix product"
    );
    assert!(b.column_stride() == 1 || b.columns() <= 1, "columns of the right operand must be adjacent");
    #[cfg(target_arch = "wasm32")]
    if b.column_stride() == 1 && b.columns().is_multiple_of(super::wasm::PANEL) {
        return super::wasm::small_matmul(out, a, b, scale);
    }
    crate::instruction_set::arch().dispatch(Product { out, a, b, scale });
}

struct Product<'a> {
    out: MatrixMut<'a>,
    a: MatrixRef<'a>,
    b: MatrixRef<'a>,
    scale: f32,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (m, n, lanes) = (self.out.rows(), self.out.columns(), S::F32_LANES);
        let mut column = 0;
        while column < n {
            let n_vectors = (n - column).div_ceil(lanes).min(VECTORS);
            // Only the last vector of a row may be cut.
            let is_whole = column + n_vectors * lanes <= n;
            for row in (0..m).step_by(ROWS) {
                match (n_vectors, is_whole, row + ROWS <= m) {
                    (4, true, true) => self.tile::<S, ROWS, 4, true>(simd, row, column),
                    (4, true, false) => self.tile::<S, 1, 4, true>(simd, row, column),
                    (4, false, true) => self.tile::<S, ROWS, 4, false>(simd, row, column),
                    (4, false, false) => self.tile::<S, 1, 4, false>(simd, row, column),
                    (3, _, true) => self.tile::<S, ROWS, 3, false>(simd, row, column),
                    (3, _, false) => self.tile::<S, 1, 3, false>(simd, row, column),
                    (2, true, true) => self.tile::<S, ROWS, 2, true>(simd, row, column),
                    (2, _, true) => self.tile::<S, ROWS, 2, false>(simd, row, column),
                    (2, _, false) => self.tile::<S, 1, 2, false>(simd, row, column),
                    (_, _, true) => self.tile::<S, ROWS, 1, false>(simd, row, column),
                    (_, _, false) => self.tile::<S, 1, 1, false>(simd, row, column),
                }
            }
            column += n_vectors * lanes;
        }
    }
}

impl Product<'_> {
    /// `R` rows and `V` vectors of `out` from `row` and `column` on; with `WHOLE` all of them lie inside.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize, const WHOLE: bool>(&mut self, simd: S, row: usize, column: usize) {
        let (a, b, lanes) = (self.a, self.b, S::F32_LANES);
        let width = (V * lanes).min(self.out.columns() - column);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for l in 0..a.columns() {
            let start = l * b.row_stride() + column;
            let b_row = &b.data()[start..start + width];
            let mut b_vectors = [simd.splat_f32s(0.0); V];
            for (v, vector) in b_vectors.iter_mut().enumerate() {
                *vector = if WHOLE || v + 1 < V {
                    load::<S>(&b_row[v * lanes..(v + 1) * lanes])
                } else {
                    simd.partial_load_f32s(&b_row[v * lanes..])
                };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let a = simd.splat_f32s(a.data()[(row + r) * a.row_stride() + l * a.column_stride()]);
                for (sum, b) in sums.iter_mut().zip(b_vectors) {
                    *sum = simd.mul_add_e_f32s(a, b, *sum);
                }
            }
        }
        let scale = simd.splat_f32s(self.scale);
        for (r, sums) in sums.into_iter().enumerate() {
            let start = (row + r) * self.out.row_stride() + column;
            let out = &mut self.out.data()[start..start + width];
            for (v, sum) in sums.into_iter().enumerate() {
                let sum = simd.mul_f32s(sum, scale);
                if WHOLE || v + 1 < V {
                    out[v * lanes..(v + 1) * lanes].copy_from_slice(bytemuck::cast_slice(&[sum]));
                } else {
                    simd.partial_store_f32s(&mut out[v * lanes..], sum);
                }
            }
        }
    }
}

/// One vector from exactly as many values.
#[inline(always)]
fn load<S: Simd>(values: &[f32]) -> S::f32s {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, so that every order of summation gives the same bits.
    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7) % 13) as f32 - 6.0).collect()
    }

    #[test]
    fn product_equals_the_definition_for_every_shape_and_layout_of_a() {
        for m in [1, 2, 3, 7] {
            for k in [1, 2, 5, 32] {
                for n in [1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65] {
                    let (b_stride, out_stride) = (n + 3, n + 5);
                    let (a, b) = (ramp(m * k), ramp(k * b_stride));
                    for a_ref in [MatrixRef::new(&a, m, k, k), MatrixRef::new(&a, k, m, m).t()] {
                        let mut out = vec![99.0; m * out_stride];
                        small_matmul(
                            MatrixMut::new(&mut out, m, n, out_stride),
                            a_ref,
                            MatrixRef::new(&b, k, n, b_stride),
                            0.5,
                        );
                        for (i, row) in out.chunks_exact(out_stride).enumerate() {
                            for (j, value) in row.iter().enumerate() {
                                let a_at = |l: usize| a[i * a_ref.row_stride() + l * a_ref.column_stride()];
                                let dot: f32 = (0..k).map(|l| a_at(l) * b[l * b_stride + j.min(n - 1)]).sum();
                                let expected = if j < n { 0.5 * dot } else { 99.0 };
                                assert_eq!(*value, expected, "m {m} k {k} n {n} at {i}, {j}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "must be adjacent")]
    fn a_transposed_right_operand_is_refused() {
        let (a, mut out) = (ramp(4), [0.0; 4]);
        small_matmul(
            MatrixMut::new(&mut out, 2, 2, 2),
            MatrixRef::new(&a, 2, 2, 2),
            MatrixRef::new(&a, 2, 2, 2).t(),
            1.0,
        );
    }
}
