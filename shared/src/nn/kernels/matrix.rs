//! Matrices over slices, checked when they are made, so that kernels may go through raw pointers.

use core::ops::Range;

/// A read-only matrix over a slice, with any strides.
///
/// Invariant: no stride exceeds `isize::MAX`, and every element `[i, j]`, which is `data[i·row_stride + j·column_stride]`,
/// lies inside of the slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixRef<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> MatrixRef<'a> {
    /// Row-major `[rows, columns]` whose rows start `row_stride` elements apart.
    ///
    /// # Panics
    /// When it reaches past `data`.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert_in_bounds(data.len(), rows, columns, row_stride);
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, without moving data.
    pub(crate) fn t(self) -> Self {
        let Self { data, rows, columns, row_stride, column_stride } = self;
        // Rows and columns change places together with their strides, so it reaches the same elements.
        Self { data, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }

    /// Its rows in `rows`.
    ///
    /// # Panics
    /// When there are fewer.
    pub(super) fn some_rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        // What is empty may start past the end of the slice, and reads nothing.
        let first = if rows.is_empty() || self.columns == 0 { 0 } else { rows.start * self.row_stride };
        Self { data: &self.data[first..], rows: rows.len(), ..self }
    }

    pub(super) fn data(self) -> &'a [f32] {
        self.data
    }

    pub(super) fn rows(self) -> usize {
        self.rows
    }

    pub(super) fn columns(self) -> usize {
        self.columns
    }

    /// Elements from one row to the next.
    pub(super) fn row_stride(self) -> usize {
        self.row_stride
    }

    /// Elements from one column to the next.
    pub(super) fn column_stride(self) -> usize {
        self.column_stride
    }
}

/// A row-major matrix that is written.
///
/// Invariant: as for [`MatrixRef`] with adjacent columns, and no element belongs to two rows.
pub(crate) struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Row-major `[rows, columns]` whose rows start `row_stride` elements apart.
    ///
    /// # Panics
    /// When it reaches past `data`, or rows overlap.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(columns <= row_stride || rows <= 1, "rows of a written matrix must not overlap");
        assert_in_bounds(data.len(), rows, columns, row_stride);
        Self { data, rows, columns, row_stride }
    }

    pub(super) fn data(&mut self) -> &mut [f32] {
        self.data
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from one row to the next.
    pub(super) fn row_stride(&self) -> usize {
        self.row_stride
    }
}

fn assert_in_bounds(len: usize, rows: usize, columns: usize, row_stride: usize) {
    // Without the check a release build would wrap around, and a matrix far too large would pass for a small one.
    let needed = if rows == 0 || columns == 0 {
        Some(0)
    } else {
        (rows - 1).checked_mul(row_stride).and_then(|last_row| last_row.checked_add(columns))
    };
    assert!(
        needed.is_some_and(|needed| needed <= len),
        "a {rows}×{columns} matrix with rows {row_stride} apart reaches past its slice: the slice has {len} elements"
    );
    assert!(isize::try_from(row_stride).is_ok(), "a stride of {row_stride} is none that a pointer can make");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the slice has 11")]
    fn a_matrix_that_reaches_past_its_slice_is_refused() {
        let _ = MatrixRef::new(&[0.0; 11], 3, 4, 4);
    }

    #[test]
    fn a_matrix_whose_size_overflows_is_refused_in_release_builds_too() {
        const BITS: u32 = usize::BITS;
        let (too_wide, product) = (1 << (BITS - 1), (1 << (BITS / 2 + 1), 1 << (BITS / 2 - 1)));
        for (rows, columns, row_stride) in
            [(3, 1, too_wide), (product.0, 1, product.1), (3, usize::MAX, 1), (2, 1, usize::MAX)]
        {
            let read = std::panic::catch_unwind(|| MatrixRef::new(&[0.0; 4], rows, columns, row_stride).rows());
            assert!(read.is_err(), "{rows}×{columns}, rows {row_stride} apart, was read");
            let written = std::panic::catch_unwind(|| MatrixMut::new(&mut [0.0; 4], rows, columns, row_stride).rows());
            assert!(written.is_err(), "{rows}×{columns}, rows {row_stride} apart, was written");
        }
    }

    #[test]
    #[should_panic(expected = "none that a pointer can make")]
    fn a_stride_that_no_pointer_can_make_is_refused_also_for_a_single_row() {
        let _ = MatrixRef::new(&[0.0; 4], 1, 4, 1 << (usize::BITS - 1));
    }

    #[test]
    fn an_empty_matrix_needs_no_elements() {
        for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
            let matrix = MatrixRef::new(&[], rows, columns, columns).t();
            assert_eq!((matrix.rows(), matrix.columns()), (columns, rows));
        }
    }
}
