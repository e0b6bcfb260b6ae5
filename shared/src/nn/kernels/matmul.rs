//! The matrix product: `wasm` in a browser, `avx512` where the processor has it, else the gemm crate, whose one unsafe call
//! has a safe, bounds-checked face here.

/// A read-only matrix over a slice, with any strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixRef<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> MatrixRef<'a> {
    /// Row-major `[rows, columns]` whose rows start `row_stride` elements apart.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let matrix = Self { data, rows, columns, row_stride, column_stride: 1 };
        assert_in_bounds(data.len(), rows, columns, row_stride, 1);
        matrix
    }

    /// The transpose, without moving data.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A row-major matrix that is written.
pub(crate) struct MatrixMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Row-major `[rows, columns]` whose rows start `row_stride` elements apart.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(columns <= row_stride || rows <= 1, "rows of a written matrix must not overlap");
        assert_in_bounds(data.len(), rows, columns, row_stride, 1);
        Self { data, rows, columns, row_stride }
    }
}

fn assert_in_bounds(len: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) {
    let needed =
        if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 };
    assert!(needed <= len, "a {rows}×{columns} matrix needs {needed} elements, the slice has {len}");
}

/// `out = a·b`, or `out += a·b`.
///
/// Shapes: a `[m, k]`, b `[k, n]`, out `[m, n]`. It runs on the calling thread; callers share blocks of rows among threads.
pub(crate) fn matmul(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, mode: Accumulate) {
    #[cfg(target_arch = "wasm32")]
    super::wasm::matmul(out, a, b, mode);
    #[cfg(target_arch = "x86_64")]
    if super::avx512::is_available() {
        return super::avx512::matmul(out, a, b, mode);
    }
    #[cfg(not(target_arch = "wasm32"))]
    gemm_product(out, a, b, mode);
}

/// As [`matmul`].
#[cfg(not(target_arch = "wasm32"))]
fn gemm_product(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, mode: Accumulate) {
    let MatrixMut { data, rows, columns, row_stride } = out;
    assert_eq!((rows, columns, a.columns), (a.rows, b.columns, b.rows), "shapes of a matrix product");
    if rows == 0 || columns == 0 {
        return;
    }
    // SAFETY: `MatrixRef::new` and `MatrixMut::new` checked that the last element each matrix can reach lies inside its
    // slice (`t` swaps rows and columns together with their strides, so it reaches the same elements); `out` is borrowed
    // mutably, so it overlaps neither input; its rows do not overlap each other; strides fit in isize as slices do.
    #[expect(unsafe_code, reason = "gemm's only entry point takes raw pointers")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            a.columns,
            data.as_mut_ptr(),
            1,
            row_stride as isize,
            mode == Accumulate::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// What happens to the output's old content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accumulate {
    /// It is overwritten.
    Set,
    /// The product is added to it.
    Add,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7) % 13) as f32 - 6.0).collect()
    }

    /// Every way to multiply that this processor has.
    #[test]
    fn product_with_strides_and_transpose_equals_the_definition() {
        let (m, k, n) = (5, 7, 3);
        let (a, b) = (ramp(m * 9), ramp(n * 8)); // a: rows 9 apart; b stored as [n, k], rows 8 apart
        for product in [
            matmul,
            #[cfg(not(target_arch = "wasm32"))]
            gemm_product,
        ] {
            let mut out = vec![1.0; m * n];
            let b_ref = MatrixRef::new(&b, n, k, 8).t();
            product(MatrixMut::new(&mut out, m, n, n), MatrixRef::new(&a, m, k, 9), b_ref, Accumulate::Add);
            for i in 0..m {
                for j in 0..n {
                    let dot: f32 = (0..k).map(|l| a[i * 9 + l] * b[j * 8 + l]).sum();
                    assert_eq!(out[i * n + j], 1.0 + dot);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "the slice has 11")]
    fn a_matrix_that_reaches_past_its_slice_is_refused() {
        let data = ramp(11);
        let _ = MatrixRef::new(&data, 3, 4, 4);
    }
}
