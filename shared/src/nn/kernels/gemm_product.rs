//! The product of matrices by the gemm crate, whose one unsafe call has a safe face here.
//!
//! Invariant: the bits of a row of the result depend on that row of `a`, on `b` and on the shape of `b`, not on how many
//! rows the product has. Callers divide rows among threads, so the number of threads would enter the results otherwise.
//!
//! gemm's own result does depend on it. gemm 0.19 takes another way (gemm-common, `gemm_basic_generic`) where
//! - one side has a length of 1: a product with a vector, which sums in lanes or without blocks of k;
//! - both operands are read along k and the result has at most 256 elements: sums in lanes;
//! - k exceeds 512: blocks of k whose length follows from the other lengths and from the caches of the machine.
//!
//! None of the three is ever met here: a single row or column is computed as two, operands of a small product are read
//! across k, and k is divided here. What remains sums every element in the order of k, block by block.

use super::buffer::Buffer;
use super::matrix::{MatrixMut, MatrixRef};
use super::product::Start;

/// Elements of a result up to which gemm would sum in lanes.
const LANEWISE: usize = 16 * 16;
/// Steps of k up to which gemm makes one block of them on every machine.
const DEPTH: usize = 512;

/// As [`matmul`](super::operand::matmul).
///
/// # Panics
/// When shapes do not fit, or the sums begin with a bias, which gemm does not add.
pub(super) fn gemm_product(mut out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, start: Start<'_>) {
    let (m, n, k) = (out.rows(), out.columns(), a.columns());
    assert_eq!((m, n, k), (a.rows(), b.columns(), b.rows()), "shapes of a matrix product");
    if m == 0 || n == 0 {
        return;
    }
    let (m_padded, n_padded) = (m.max(2), n.max(2));
    let is_lanewise = a.column_stride() == 1 && b.row_stride() == 1 && m_padded * n_padded <= LANEWISE;
    let a_copy = (m < m_padded || is_lanewise).then(|| by_columns(a, m_padded));
    let a = a_copy.as_ref().map_or(a, |copy| MatrixRef::new(copy, k, m_padded, m_padded).t());
    let b_copy = (n < n_padded).then(|| by_columns(b.t(), n_padded));
    let b = b_copy.as_ref().map_or(b, |copy| MatrixRef::new(copy, k, n_padded, n_padded));
    if (m, n) == (m_padded, n_padded) {
        return by_blocks(&mut out, a, b, start);
    }
    // A single row may have any stride.
    let stride = out.row_stride().max(n);
    let mut padded = Buffer::new(m_padded * n_padded);
    padded.fill(0.0);
    for (padded, row) in padded.chunks_exact_mut(n_padded).zip(out.data().chunks(stride)).take(m) {
        padded[..n].copy_from_slice(&row[..n]);
    }
    by_blocks(&mut MatrixMut::new(&mut padded, m_padded, n_padded, n_padded), a, b, start);
    for (padded, row) in padded.chunks_exact(n_padded).zip(out.data().chunks_mut(stride)).take(m) {
        row[..n].copy_from_slice(&padded[..n]);
    }
}

/// `matrix` column by column, `[columns, n_rows]`; rows it does not have are copies of its last.
fn by_columns(matrix: MatrixRef<'_>, n_rows: usize) -> Buffer {
    let mut copy = Buffer::new(n_rows * matrix.columns());
    for (j, column) in copy.chunks_exact_mut(n_rows).enumerate() {
        for (i, value) in column.iter_mut().enumerate() {
            *value = matrix.data()[i.min(matrix.rows() - 1) * matrix.row_stride() + j * matrix.column_stride()];
        }
    }
    copy
}

/// Blocks of k, of equal length as far as possible, added one after the other.
fn by_blocks(out: &mut MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, start: Start<'_>) {
    let k = a.columns();
    let n_blocks = k.div_ceil(DEPTH).max(1);
    let depth = k.div_ceil(n_blocks);
    for block in 0..n_blocks {
        let steps = (block * depth).min(k)..((block + 1) * depth).min(k);
        let start = if block == 0 { start } else { Start::Out };
        let (a, b) = (a.t().some_rows(steps.clone()).t(), b.some_rows(steps));
        gemm(out, a, b, start);
    }
}

fn gemm(out: &mut MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, start: Start<'_>) {
    let (m, n, k, row_stride) = (out.rows(), out.columns(), a.columns(), out.row_stride());
    assert_eq!((m, n, k), (a.rows(), b.columns(), b.rows()), "shapes of a matrix product");
    let is_added = match start {
        Start::Zero => false,
        Start::Out => true,
        Start::Bias(_) => unreachable!("callers write a bias into the output before"),
    };
    // SAFETY: the invariants of `MatrixRef` and `MatrixMut`: every element of each matrix lies inside of its slice, and
    // strides fit in isize. gemm reads `[m, k]` of `a` and `[k, n]` of `b`, their shapes as just compared, and reads and
    // writes `[m, n]` of `out`, which is borrowed mutably, so it overlaps neither input, and whose rows do not overlap.
    #[expect(unsafe_code, reason = "gemm's only entry point takes raw pointers")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.data().as_mut_ptr(),
            1,
            row_stride as isize,
            is_added,
            a.data().as_ptr(),
            a.column_stride() as isize,
            a.row_stride() as isize,
            b.data().as_ptr(),
            b.column_stride() as isize,
            b.row_stride() as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
