//! Packing operands by vectors of a processor, in the order in which its tiles read them.

use core::ops::Range;

use super::matrix::MatrixRef;
use super::product::pack_one_by_one;

/// Values of k that [`pack_groups`] packs at a time.
const AT_ONCE: usize = 16;

/// The vectors of a processor, as far as packing needs them.
///
/// # Safety
/// Implementers access no other memory than what [`Vectors::copy`] and [`Vectors::transpose`] list, and say truly whether the
/// processor has their instructions.
#[expect(unsafe_code, reason = "implementers make a promise")]
pub(super) unsafe trait Vectors {
    /// Elements of a vector.
    const LANES: usize;

    /// Whether this processor has them.
    fn are_there() -> bool;

    /// Successive values of k in an element of what is packed, which divides [`AT_ONCE`]; see
    /// [`Microkernel::STEP`](super::product::Microkernel::STEP).
    const STEP: usize = 1;

    /// An element of these values of k, of which the first [`Vectors::STEP`] count.
    #[inline(always)]
    fn element(values: [f32; 2]) -> f32 {
        values[0]
    }

    /// Writes successive values of k as elements.
    ///
    /// # Panics
    /// When `to` has another number of elements.
    fn convert(from: &[f32], to: &mut [f32]) {
        convert_one_by_one::<Self>(from, to);
    }

    /// Rows that lie side by side: each of `n` values of k is one run of `width` values, at most [`Vectors::LANES`]; those of
    /// an element become one run of elements.
    ///
    /// # Safety
    /// [`Vectors::are_there`]; `1 <= width <= LANES`; `(n − 1) · from_step + width` values from `from` on in a live slice, and
    /// for the `e` elements of `n` values `(e − 1) · to_step + width` from `to` on in one that nothing else refers to.
    #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n: usize, to: *mut f32, to_step: usize);

    /// Rows with adjacent values: squares of [`Vectors::LANES`] rows and elements are transposed.
    ///
    /// # Safety
    /// [`Vectors::are_there`]; unless `n_squares` is 0, `(LANES − 1) · from_row + n_squares · LANES · STEP` values from `from`
    /// on in a live slice, and `(n_squares · LANES − 1) · to_step + LANES` elements from `to` on in one that nothing else
    /// refers to.
    #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
    unsafe fn transpose(from: *const f32, from_row: usize, n_squares: usize, to: *mut f32, to_step: usize);
}

/// As [`Microkernel::pack`](super::product::Microkernel::pack).
///
/// # Panics
/// When the rows or `depth` reach past `source`, `out` has another size, or the processor lacks the vectors.
pub(super) fn pack<V: Vectors>(
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
    let n_elements = depth.len().div_ceil(V::STEP);
    assert!(depth.end <= source.columns() && out.len() == n_elements * height, "size of a packed group");
    assert!(V::are_there(), "packing needs the vectors that it is made of");
    if n_valid < height {
        out.fill(0.0);
    }
    if depth.is_empty() {
        return;
    }
    for band in (0..n_valid).step_by(V::LANES) {
        let width = V::LANES.min(n_valid - band);
        let start = (first + band) * source.row_stride() + depth.start * source.column_stride();
        let end = (first + band + width - 1) * source.row_stride() + (depth.end - 1) * source.column_stride() + 1;
        let from = &source.data()[start..end];
        let to = &mut out[band..];
        if source.row_stride() == 1 {
            // SAFETY: the processor has the vectors. `from` ends with the last of `width` values at the last of k: it has
            // `(n − 1) · column_stride + width`. `to` has `n_elements · height − band`, which is `(n_elements − 1) · height
            // + width` or more, since `band + width <= n_valid <= height`.
            #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
            unsafe {
                V::copy(from.as_ptr(), source.column_stride(), width, depth.len(), to.as_mut_ptr(), height);
            }
            continue;
        }
        let is_square = width == V::LANES && source.column_stride() == 1;
        let n_squares = if is_square { depth.len() / (V::LANES * V::STEP) } else { 0 };
        // SAFETY: the processor has the vectors. There are squares only where `from` has `LANES` rows of `depth.len()`
        // adjacent values, `row_stride` apart, and `n_squares · LANES · STEP` is at most `depth.len()`; `to` has `height`
        // elements a step less `band`, and `band + LANES <= height`.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            V::transpose(from.as_ptr(), source.row_stride(), n_squares, to.as_mut_ptr(), height);
        }
        for element in n_squares * V::LANES..n_elements {
            for r in 0..width {
                let at = |l: usize| {
                    let is_there = l < depth.len();
                    if is_there { from[r * source.row_stride() + l * source.column_stride()] } else { 0.0 }
                };
                let first = element * V::STEP;
                to[element * height + r] = V::element([at(first), if V::STEP == 1 { 0.0 } else { at(first + 1) }]);
            }
        }
    }
}

/// As [`Vectors::convert`], without vectors.
pub(super) fn convert_one_by_one<V: Vectors + ?Sized>(from: &[f32], to: &mut [f32]) {
    assert_eq!(to.len(), from.len().div_ceil(V::STEP), "elements of a row");
    for (element, values) in to.iter_mut().zip(from.chunks(V::STEP)) {
        *element = V::element([values[0], values.get(1).copied().unwrap_or(0.0)]);
    }
}

/// As [`Microkernel::convert_rows`](super::product::Microkernel::convert_rows).
///
/// # Panics
/// When the rows or `depth` reach past `source`, its columns are not adjacent, or `out` has another size.
pub(super) fn convert_rows<V: Vectors>(
    source: MatrixRef<'_>,
    rows: Range<usize>,
    depth: Range<usize>,
    out: &mut [f32],
) {
    let n_elements = depth.len().div_ceil(V::STEP);
    assert!(source.column_stride() == 1 && depth.end <= source.columns(), "rows to convert have adjacent columns");
    assert_eq!(out.len(), rows.len() * n_elements, "size of converted rows");
    if n_elements == 0 {
        return;
    }
    for (row, out) in rows.zip(out.chunks_exact_mut(n_elements)) {
        let first = row * source.row_stride();
        V::convert(&source.data()[first + depth.start..first + depth.end], out);
    }
}

/// As [`Microkernel::pack_groups`](super::product::Microkernel::pack_groups).
///
/// Rows that lie side by side are read a few steps at a time over all groups: neighbours share lines of the cache, which
/// would be gone if a group's steps were all read at once, one to a line.
///
/// # Panics
/// As [`pack`].
pub(super) fn pack_groups<V: Vectors>(
    source: MatrixRef<'_>,
    groups: impl Iterator<Item = (usize, usize)> + Clone,
    depth: Range<usize>,
    out: &mut [f32],
) {
    const { assert!(AT_ONCE.is_multiple_of(V::STEP) && V::STEP <= 2, "elements are whole, and of one value or two") }
    if source.row_stride() != 1 {
        return pack_one_by_one(pack::<V>, V::STEP, source, groups, depth, out);
    }
    let n_values = depth.len();
    let elements = |n_values: usize| n_values.div_ceil(V::STEP);
    for value in (0..n_values).step_by(AT_ONCE) {
        let values = value..n_values.min(value + AT_ONCE);
        let mut offset = 0;
        for (first, height) in groups.clone() {
            let group = &mut out[offset + elements(values.start) * height..offset + elements(values.end) * height];
            let depth = depth.start + values.start..depth.start + values.end;
            pack::<V>(source, first, height.min(source.rows() - first), height, depth, group);
            offset += height * elements(n_values);
        }
    }
}
