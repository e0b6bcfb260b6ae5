//! Packing operands by vectors of a processor, in the order in which its tiles read them.

use core::ops::Range;

use super::matrix::MatrixRef;
use super::product::pack_one_by_one;

/// Steps of k that [`pack_groups`] packs at a time.
const STEPS: usize = 16;

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

    /// Rows that lie side by side: each step of k is one run of `width` elements, at most [`Vectors::LANES`].
    ///
    /// # Safety
    /// [`Vectors::are_there`]; `1 <= width <= LANES`; `(n_steps − 1) · from_step + width` elements from `from` on in a live
    /// slice, and `(n_steps − 1) · to_step + width` from `to` on in one that nothing else refers to.
    #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
    unsafe fn copy(from: *const f32, from_step: usize, width: usize, n_steps: usize, to: *mut f32, to_step: usize);

    /// Rows with adjacent elements: squares of [`Vectors::LANES`] rows and steps are transposed.
    ///
    /// # Safety
    /// [`Vectors::are_there`]; unless `n_squares` is 0, `(LANES − 1) · from_row + n_squares · LANES` elements from `from` on in
    /// a live slice, and `(n_squares · LANES − 1) · to_step + LANES` from `to` on in one that nothing else refers to.
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
    assert!(depth.end <= source.columns() && out.len() == depth.len() * height, "size of a packed group");
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
            // SAFETY: the processor has the vectors. `from` ends with the last of `width` elements at the last step: it has
            // `(n_steps − 1) · column_stride + width`. `to` has `n_steps · height − band`, which is `(n_steps − 1) · height
            // + width` or more, since `band + width <= n_valid <= height`.
            #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
            unsafe {
                V::copy(from.as_ptr(), source.column_stride(), width, depth.len(), to.as_mut_ptr(), height);
            }
            continue;
        }
        let n_squares = if width == V::LANES && source.column_stride() == 1 { depth.len() / V::LANES } else { 0 };
        // SAFETY: the processor has the vectors. There are squares only where `from` has `LANES` rows of `depth.len()`
        // adjacent elements, `row_stride` apart, and `n_squares · LANES` is at most `depth.len()`; `to` has `height`
        // elements a step less `band`, and `band + LANES <= height`.
        #[expect(unsafe_code, reason = "vector loads and stores take raw pointers")]
        unsafe {
            V::transpose(from.as_ptr(), source.row_stride(), n_squares, to.as_mut_ptr(), height);
        }
        for l in n_squares * V::LANES..depth.len() {
            for r in 0..width {
                to[l * height + r] = from[r * source.row_stride() + l * source.column_stride()];
            }
        }
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
    if source.row_stride() != 1 {
        return pack_one_by_one(pack::<V>, source, groups, depth, out);
    }
    let n_steps = depth.len();
    for step in (0..n_steps).step_by(STEPS) {
        let steps = step..n_steps.min(step + STEPS);
        let mut offset = 0;
        for (first, height) in groups.clone() {
            let group = &mut out[offset + steps.start * height..offset + steps.end * height];
            let depth = depth.start + steps.start..depth.start + steps.end;
            pack::<V>(source, first, height.min(source.rows() - first), height, depth, group);
            offset += height * n_steps;
        }
    }
}
