//! Products of matrices by tiles that stay in registers: the loops around the tiles, and operands in the order of use.
//!
//! After Goto & van de Geijn, *Anatomy of high-performance matrix multiplication* (2008): the right operand is packed into
//! panels of a few columns, `[k-block][panel][k][columns]`, which a caller that uses it more than once keeps
//! ([`PackedWeight`]). The left one is packed into groups of rows for each block of rows, unless the tiles can read it
//! where it lies. The loops go k-block → row block → panel → group, so that a panel is read again from a near cache.
//! What a tile is made of is its [`Microkernel`]'s: `avx512`, `avx512_bf16`, `avx2`, `neon`, `wasm` and `scalar` have theirs.
//! A packed operand has elements of 32 bits: a value of f32, or two successive ones of k rounded to bf16.
//!
//! Invariant: every element of a product is summed in the order of k, whatever the shape.

#[cfg(test)]
pub(super) mod tests;

use core::cell::RefCell;
use core::ops::Range;
use std::sync::Arc;

use crate::parallel::prelude::*;

use super::buffer::Buffer;
use super::dispatch::SERIAL_BELOW;
use super::matrix::{MatrixMut, MatrixRef};

/// What the sums of a product begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    Zero,
    /// The output's old content.
    Out,
    /// `[n]`, the same in every row; of a tile the `PANEL` elements of its columns.
    Bias(&'a [f32]),
}

/// What is done to a finished sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Gelu,
}

/// What a tile reads and writes, see [`Microkernel::run`].
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    /// Elements along k: the length of the sums, or half of it where an element is a pair.
    pub k: usize,
    /// The first of its rows.
    pub a: *const f32,
    /// Elements from one row to the next; 1 where rows are packed.
    pub a_row: usize,
    /// Elements from one step to the next; the tile's height where rows are packed.
    pub a_step: usize,
    /// `[k][PANEL]`
    pub b: *const f32,
    /// Rows of `PANEL` elements, `out_stride` elements apart.
    pub out: *mut f32,
    pub out_stride: usize,
    pub start: Start<'a>,
    /// Whether the result goes through GELU.
    pub has_gelu: bool,
}

/// One way to multiply and add.
///
/// # Safety
/// [`multiply`] hands [`Microkernel::run`] pointers to slices that it has cut for `PANEL`, `TALLEST` and what
/// [`Microkernel::run`] says of a [`Tile`]. An implementer promises that
/// - `run` accesses no memory but what is listed there, for every height from 1 to `TALLEST`, whatever the values are that
///   it reads there;
/// - `run` reads `b` and a bias, and reads and writes `out`, in rows of exactly `PANEL` elements;
/// - `PANEL`, `TALLEST`, `DEPTH`, `ROWS` and `STEP` are at least 1, and `PANEL · TALLEST` at most [`MAX_TILE`] (both checked
///   when [`multiply`] is compiled);
/// - either it runs on every processor of its target, or `run` panics where it does not.
///
/// `pack`, `pack_groups` and `convert_rows` are safe functions and are trusted with nothing that memory safety needs: buffers are
/// initialised. But they must write every element of `out`, as documented there, since its old values are those of
/// other products; debug builds fill it with NaN before.
#[expect(unsafe_code, reason = "implementers make a promise")]
pub(super) unsafe trait Microkernel: Sized {
    /// Columns of a tile.
    const PANEL: usize;
    /// Rows of the tallest tile.
    const TALLEST: usize;
    /// Values of k in a block.
    const DEPTH: usize;
    /// Rows in a block of packed rows.
    const ROWS: usize;
    /// Successive values of k in an element of a packed operand: 2 for pairs of bf16. Where they are not whole, 0 follows.
    const STEP: usize = 1;
    /// Whether tiles read rows of a left operand with adjacent columns: where they lie, or, where an element has several
    /// values, as [`Microkernel::convert_rows`] writes them. All rows are packed otherwise.
    const READS_ROWS: bool;

    /// Packs `height` rows of `source` from `first` on, of which `n_valid` exist and the others are 0, into all of `out`
    /// `[steps][height]`; `height` is [`Microkernel::PANEL`] or at most [`Microkernel::TALLEST`].
    fn pack(source: MatrixRef<'_>, first: usize, n_valid: usize, height: usize, depth: Range<usize>, out: &mut [f32]);

    /// Packs groups of adjacent rows as [`Microkernel::pack`] does, one behind the other, which fills `out`; `groups` has the
    /// first row and the height of each.
    fn pack_groups(
        source: MatrixRef<'_>,
        groups: impl Iterator<Item = (usize, usize)> + Clone,
        depth: Range<usize>,
        out: &mut [f32],
    ) {
        pack_one_by_one(Self::pack, Self::STEP, source, groups, depth, out);
    }

    /// Writes rows with adjacent columns as elements of several values, `[rows][steps]`, into all of `out`.
    ///
    /// # Panics
    /// Where an element is a value: such rows are read where they lie.
    fn convert_rows(_source: MatrixRef<'_>, _rows: Range<usize>, _depth: Range<usize>, _out: &mut [f32]) {
        unreachable!("rows of single values are read where they lie");
    }

    /// Computes a tile of `height` rows, at most [`Microkernel::TALLEST`].
    ///
    /// # Safety
    /// `height` is from 1 to `TALLEST`. For `k` of the tile these elements lie inside of live slices of f32:
    /// - `a + r·a_row + l·a_step` for every `r < height` and `l < k`;
    /// - the `k · PANEL` from `b` on;
    /// - the `PANEL` of a bias that the sums begin with;
    /// - the `PANEL` from `out + r·out_stride` on for every `r < height`, which may be written and which nothing else
    ///   refers to while this runs; rows do not overlap.
    #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
    unsafe fn run(height: usize, tile: &Tile<'_>);
}

/// Elements of the largest tile of any variant.
const MAX_TILE: usize = 512;

/// A dense layer's weight as the right operand of a product, `[k, n]`, packed for the tiles of one [`Microkernel`].
#[derive(Debug)]
pub(crate) struct PackedWeight {
    n_rows: usize,
    n_columns: usize,
    /// [`Microkernel::PANEL`], [`Microkernel::DEPTH`] and [`Microkernel::STEP`] of the tiles it is for.
    layout: (usize, usize, usize),
    /// `[k-block][panel][k][PANEL]`; columns past the last are 0.
    data: Buffer,
}

impl PackedWeight {
    /// Packs `[k, n]`, on all threads if it is large.
    pub(super) fn pack<V: Microkernel>(matrix: MatrixRef<'_>) -> Self {
        let (n_rows, n_columns) = (matrix.rows(), matrix.columns());
        let width = n_columns.next_multiple_of(V::PANEL);
        // A matrix whose rows are one and the same may be larger than any memory.
        let n_elements = n_rows.div_ceil(V::STEP).checked_mul(width).expect("a packed matrix fits into memory");
        let mut data = Buffer::new(n_elements);
        for depth in blocks::<V>(n_rows) {
            let columns = matrix.t();
            let pack = |(panel_idx, panel): (usize, &mut [f32])| {
                pack_panel::<V>(columns, panel_idx, depth.clone(), panel);
            };
            let block = &mut data[steps::<V>(&(0..depth.start)) * width..steps::<V>(&(0..depth.end)) * width];
            let panel_len = (V::PANEL * steps::<V>(&depth)).max(1);
            if block.len() < SERIAL_BELOW {
                block.chunks_exact_mut(panel_len).enumerate().for_each(pack);
            } else {
                block.par_chunks_exact_mut(panel_len).enumerate().for_each(pack);
            }
        }
        Self { n_rows, n_columns, layout: (V::PANEL, V::DEPTH, V::STEP), data }
    }

    /// [`Microkernel::STEP`] of the tiles it is for.
    pub(super) fn values_per_element(&self) -> usize {
        self.layout.2
    }

    fn block<V: Microkernel>(&self, depth: &Range<usize>) -> &[f32] {
        assert_eq!(self.layout, (V::PANEL, V::DEPTH, V::STEP), "a weight is packed for the tiles that read it");
        let width = self.n_columns.next_multiple_of(V::PANEL);
        &self.data[steps::<V>(&(0..depth.start)) * width..steps::<V>(&(0..depth.end)) * width]
    }
}

/// The right operand of products, `[k, n]`, such as those of one pass through a dense layer.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    /// Packed before the first of them.
    Packed(Arc<PackedWeight>),
    /// Read, or packed, anew by each.
    Loose(MatrixRef<'a>),
}

impl Operand<'_> {
    /// k and n
    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Packed(weight) => (weight.n_rows, weight.n_columns),
            Self::Loose(matrix) => (matrix.rows(), matrix.columns()),
        }
    }
}

/// Memory that is kept between products: it has the size of the largest so far.
#[derive(Default)]
struct Scratch {
    a: Vec<f32>,
    b: Vec<f32>,
}

thread_local! {
    /// Borrowed for the whole of a product. So nothing inside of one may use rayon: a thread that waits there takes up
    /// other work, which may be another product, and would borrow it a second time and panic.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// out = activation(start + a·b), on the calling thread; shapes: a `[m, k]`, b `[k, n]`, out `[m, n]`.
///
/// # Panics
/// When shapes do not fit.
pub(super) fn multiply<V: Microkernel>(
    out: MatrixMut<'_>,
    a: MatrixRef<'_>,
    b: &Operand<'_>,
    start: Start<'_>,
    activation: Activation,
) {
    const {
        assert!(V::PANEL > 0 && V::TALLEST > 0 && V::DEPTH > 0 && V::ROWS > 0 && V::STEP > 0, "a variant has tiles");
        assert!(V::PANEL * V::TALLEST <= MAX_TILE, "a tile fits into its buffer");
    }
    assert_eq!(
        ((out.rows(), a.columns()), out.columns()),
        ((a.rows(), b.shape().0), b.shape().1),
        "shapes of a matrix product"
    );
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    // The last panel reads a whole panel of it.
    let padded_bias;
    let start = match start {
        Start::Bias(bias) => {
            assert_eq!(bias.len(), out.columns(), "one bias for every column");
            let mut padded = vec![0.0; bias.len().next_multiple_of(V::PANEL)];
            padded[..bias.len()].copy_from_slice(bias);
            padded_bias = padded;
            Start::Bias(&padded_bias)
        }
        Start::Zero | Start::Out => start,
    };
    SCRATCH.with_borrow_mut(|scratch| {
        let mut product = Product { out, start, has_gelu: activation == Activation::Gelu };
        for depth in blocks::<V>(a.columns()) {
            let panels = match b {
                Operand::Packed(weight) => weight.block::<V>(&depth),
                Operand::Loose(matrix) => {
                    let width = matrix.columns().next_multiple_of(V::PANEL);
                    let panels = grown(&mut scratch.b, steps::<V>(&depth) * width);
                    let groups = (0..matrix.columns()).step_by(V::PANEL).map(|first| (first, V::PANEL));
                    V::pack_groups(matrix.t(), groups, depth.clone(), panels);
                    panels
                }
            };
            let reads_rows = V::READS_ROWS && a.column_stride() == 1;
            if reads_rows && V::STEP == 1 {
                // What is empty may lie past the end of the slice.
                let values = if depth.is_empty() { &[] } else { &a.data()[depth.start..] };
                let left = LeftOperand::Rows(values, a.row_stride());
                product.block::<V>(0..a.rows(), depth.clone(), a.columns(), left, panels);
                continue;
            }
            let n_steps = steps::<V>(&depth);
            let n_blocks = a.rows().div_ceil(V::ROWS);
            let n_rows = a.rows().div_ceil(n_blocks).next_multiple_of(V::TALLEST);
            for first in (0..a.rows()).step_by(n_rows) {
                let rows = first..(first + n_rows).min(a.rows());
                let groups = grown(&mut scratch.a, rows.len() * n_steps);
                if reads_rows {
                    V::convert_rows(a, rows.clone(), depth.clone(), groups);
                    product.block::<V>(rows, depth.clone(), a.columns(), LeftOperand::Rows(groups, n_steps), panels);
                    continue;
                }
                let heights = heights::<V>(rows.len()).map(|(offset, height)| (rows.start + offset, height));
                V::pack_groups(a, heights, depth.clone(), groups);
                product.block::<V>(rows, depth.clone(), a.columns(), LeftOperand::Groups(groups), panels);
            }
        }
    });
}

/// The left operand of a product, or of a block of it.
#[derive(Clone, Copy)]
enum LeftOperand<'a> {
    /// The block's rows from its first value on, and how many elements lie from one to the next; columns are adjacent.
    Rows(&'a [f32], usize),
    /// The block's rows, packed.
    Groups(&'a [f32]),
}

/// The output's side of a product.
struct Product<'a> {
    out: MatrixMut<'a>,
    /// A bias is padded to whole panels.
    start: Start<'a>,
    has_gelu: bool,
}

impl Product<'_> {
    /// Adds one block: some rows, some steps of k, all columns.
    fn block<V: Microkernel>(
        &mut self,
        rows: Range<usize>,
        depth: Range<usize>,
        k: usize,
        left: LeftOperand<'_>,
        panels: &[f32],
    ) {
        let (n_columns, out_stride, n_steps) = (self.out.columns(), self.out.row_stride(), steps::<V>(&depth));
        assert_eq!(panels.len(), n_columns.next_multiple_of(V::PANEL) * n_steps, "size of the packed panels");
        for (panel_idx, column) in (0..n_columns).step_by(V::PANEL).enumerate() {
            let b = &panels[panel_idx * V::PANEL * n_steps..(panel_idx + 1) * V::PANEL * n_steps];
            let start = match self.start {
                _ if depth.start > 0 => Start::Out,
                Start::Bias(bias) => Start::Bias(&bias[column..column + V::PANEL]),
                start => start,
            };
            let width = V::PANEL.min(n_columns - column);
            for (offset, height) in heights::<V>(rows.len()) {
                // The tiles check nothing: what they are handed are slices that end where their reading does.
                let (a, a_row, a_step) = match left {
                    LeftOperand::Groups(groups) => (&groups[offset * n_steps..(offset + height) * n_steps], 1, height),
                    LeftOperand::Rows(_, row_stride) if n_steps == 0 => (&[][..], row_stride, 1),
                    LeftOperand::Rows(values, row_stride) => {
                        let first = offset * row_stride;
                        (&values[first..first + (height - 1) * row_stride + n_steps], row_stride, 1)
                    }
                };
                let first = (rows.start + offset) * out_stride + column;
                // Up to the end of the last row, which may be where the slice ends.
                let out = &mut self.out.data()[first..first + (height - 1) * out_stride + width];
                let tile = Tile {
                    k: n_steps,
                    a: a.as_ptr(),
                    a_row,
                    a_step,
                    b: b.as_ptr(),
                    out: out.as_mut_ptr(),
                    out_stride,
                    start,
                    has_gelu: self.has_gelu && depth.end == k,
                };
                // SAFETY: heights are from 1 to `TALLEST`, since there are rows. `a` is a slice that ends with the last
                // element of `height` rows at the last step, `b` one of `PANEL · k` elements, a bias has been cut
                // to `PANEL`, and `out` is a slice that is borrowed mutably and ends with the last of `height` rows: of
                // `PANEL` elements where the tile is whole, else of `width`, which is all that `narrow_tile` accesses.
                #[expect(unsafe_code, reason = "tiles take raw pointers")]
                unsafe {
                    if width == V::PANEL {
                        V::run(height, &tile);
                    } else {
                        narrow_tile::<V>(height, &tile, out, width);
                    }
                }
            }
        }
    }
}

/// A tile of the last panel: computed beside the output, which has only `width` of its columns.
///
/// # Safety
/// As [`Microkernel::run`], except for `out` of the tile, which is not used: `out` takes its place, with rows of `width`
/// elements.
#[expect(unsafe_code, reason = "tiles take raw pointers")]
unsafe fn narrow_tile<V: Microkernel>(height: usize, tile: &Tile<'_>, out: &mut [f32], width: usize) {
    assert!(height <= V::TALLEST && width <= V::PANEL, "a tile fits into its buffer");
    // A single row may have any stride.
    let stride = tile.out_stride.max(width);
    let mut whole = [0.0; MAX_TILE];
    for (whole, row) in whole.chunks_exact_mut(V::PANEL).zip(out.chunks(stride)).take(height) {
        whole[..width].copy_from_slice(&row[..width]);
    }
    let beside = Tile { out: whole.as_mut_ptr(), out_stride: V::PANEL, ..*tile };
    // SAFETY: the caller's promise, and `whole` has `PANEL` elements for each of at most `TALLEST` rows.
    unsafe {
        V::run(height, &beside);
    }
    for (whole, row) in whole.chunks_exact(V::PANEL).zip(out.chunks_mut(stride)).take(height) {
        row[..width].copy_from_slice(&whole[..width]);
    }
}

/// The k-blocks, of equal size as far as possible; one empty block when k is 0, so that the output is written all the same.
///
/// With a [`Microkernel::DEPTH`] of 384, k = 1000 is cut into 0..334, 334..668 and 668..1000. All but the last have whole
/// elements.
fn blocks<V: Microkernel>(k: usize) -> impl Iterator<Item = Range<usize>> {
    let n_blocks = k.div_ceil(V::DEPTH).max(1);
    let depth = k.div_ceil(n_blocks).next_multiple_of(V::STEP);
    (0..n_blocks).map(move |block| (block * depth).min(k)..((block + 1) * depth).min(k))
}

/// Elements along k of a block.
fn steps<V: Microkernel>(depth: &Range<usize>) -> usize {
    depth.len().div_ceil(V::STEP)
}

/// First row and height of each group: heights differ by at most one, and none exceeds [`Microkernel::TALLEST`].
///
/// With a tallest of 12, 26 rows are (0, 9), (9, 9) and (18, 8).
fn heights<V: Microkernel>(n_rows: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    let n_groups = n_rows.div_ceil(V::TALLEST).max(1);
    let (height, n_taller) = (n_rows / n_groups, n_rows % n_groups);
    (0..n_groups).map(move |group| {
        let first = group * height + group.min(n_taller);
        (first, height + usize::from(group < n_taller))
    })
}

/// One panel of one k-block, of the right operand's transpose.
fn pack_panel<V: Microkernel>(columns: MatrixRef<'_>, panel_idx: usize, depth: Range<usize>, panel: &mut [f32]) {
    let first = panel_idx * V::PANEL;
    V::pack(columns, first, V::PANEL.min(columns.rows() - first), V::PANEL, depth, panel);
}

/// Packs each group as a whole before the next, with [`Microkernel::pack`]; `step` is [`Microkernel::STEP`].
pub(super) fn pack_one_by_one(
    pack: impl Fn(MatrixRef<'_>, usize, usize, usize, Range<usize>, &mut [f32]),
    step: usize,
    source: MatrixRef<'_>,
    groups: impl Iterator<Item = (usize, usize)>,
    depth: Range<usize>,
    mut out: &mut [f32],
) {
    for (first, height) in groups {
        let (group, rest) = out.split_at_mut(height * depth.len().div_ceil(step));
        pack(source, first, height.min(source.rows() - first), height, depth.clone(), group);
        out = rest;
    }
}

/// The first `n` elements of a buffer that grows when it is too small, with values of other products.
fn grown(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    let values = &mut buffer[..n];
    if cfg!(debug_assertions) {
        values.fill(f32::NAN);
    }
    values
}
