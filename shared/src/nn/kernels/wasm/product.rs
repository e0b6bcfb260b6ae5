//! The loops around the tiles, and a right operand that is packed once.

use core::cell::RefCell;
use core::ops::Range;

use super::super::{MatrixMut, MatrixRef};
use super::pack::pack;
use super::tile::{PANEL, Tile, TileStart, Variant};

/// Steps of k in a block: a panel of them takes 12 KB, less than half of a first-level cache.
pub(super) const DEPTH: usize = 384;
/// Rows in a block: with [`DEPTH`] 196 KB of the second-level cache.
const ROWS: usize = 128;

/// The right operand of a product, `[k, n]`, packed.
#[derive(Debug)]
pub(crate) struct PackedMatrix {
    n_rows: usize,
    n_columns: usize,
    /// `[k-block][panel][k][PANEL]`; columns past the last are 0.
    data: Vec<f32>,
}

impl PackedMatrix {
    /// Packs `[k, n]`.
    pub(crate) fn new(matrix: MatrixRef<'_>) -> Self {
        let (n_rows, n_columns) = (matrix.rows, matrix.columns);
        let width = padded(n_columns);
        let mut data = vec![0.0; n_rows * width];
        for depth in blocks(n_rows) {
            pack_panels(matrix, depth.clone(), &mut data[depth.start * width..depth.end * width]);
        }
        Self { n_rows, n_columns, data }
    }

    /// k
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn block(&self, depth: &Range<usize>) -> &[f32] {
        let width = padded(self.n_columns);
        &self.data[depth.start * width..depth.end * width]
    }
}

/// The right operand of a product, `[k, n]`.
#[derive(Clone, Copy)]
pub(super) enum Right<'a> {
    Packed(&'a PackedMatrix),
    /// To be packed for this product.
    Loose(MatrixRef<'a>),
}

impl Right<'_> {
    fn shape(self) -> (usize, usize) {
        match self {
            Self::Packed(matrix) => (matrix.n_rows, matrix.n_columns),
            Self::Loose(matrix) => (matrix.rows, matrix.columns),
        }
    }
}

/// What the sums begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// The output's old content.
    Out,
    /// `[n]`, for every row.
    Bias(&'a [f32]),
}

/// What is done to a finished sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Gelu,
}

/// Memory that is kept between products: it has the size of the largest so far.
#[derive(Default)]
struct Scratch {
    a: Vec<f32>,
    b: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// out = activation(start + scale · a·b); shapes: a `[m, k]`, b `[k, n]`, out `[m, n]`.
///
/// # Panics
/// When shapes do not fit.
pub(super) fn multiply<V: Variant>(
    out: MatrixMut<'_>,
    a: MatrixRef<'_>,
    b: Right<'_>,
    scale: f32,
    start: Start<'_>,
    activation: Activation,
) {
    assert_eq!(
        ((out.rows, a.columns), out.columns),
        ((a.rows, b.shape().0), b.shape().1),
        "shapes of a matrix product"
    );
    if out.rows == 0 || out.columns == 0 {
        return;
    }
    // The last panel reads a whole panel of it.
    let bias = match start {
        Start::Bias(bias) => {
            assert_eq!(bias.len(), out.columns, "one bias for every column");
            let mut padded_bias = vec![0.0; padded(bias.len())];
            padded_bias[..bias.len()].copy_from_slice(bias);
            Some(padded_bias)
        }
        Start::Zero | Start::Out => None,
    };
    SCRATCH.with_borrow_mut(|scratch| {
        let mut product =
            Product { out, bias, is_added: matches!(start, Start::Out), has_gelu: activation == Activation::Gelu };
        for depth in blocks(a.columns) {
            let panels = match b {
                Right::Packed(matrix) => matrix.block(&depth),
                Right::Loose(matrix) => {
                    let panels = grown(&mut scratch.b, depth.len() * padded(matrix.columns));
                    pack_panels(matrix, depth.clone(), panels);
                    panels
                }
            };
            let n_blocks = a.rows.div_ceil(ROWS);
            let n_rows = a.rows.div_ceil(n_blocks).next_multiple_of(V::TALLEST);
            for first in (0..a.rows).step_by(n_rows) {
                let rows = first..(first + n_rows).min(a.rows);
                let groups = grown(&mut scratch.a, rows.len() * depth.len());
                pack_rows::<V>(a, rows.clone(), depth.clone(), groups);
                if scale != 1.0 {
                    for x in groups.iter_mut() {
                        *x *= scale;
                    }
                }
                product.block::<V>(rows, depth.clone(), a.columns, groups, panels);
            }
        }
    });
}

/// The output's side of a product.
struct Product<'a> {
    out: MatrixMut<'a>,
    bias: Option<Vec<f32>>,
    is_added: bool,
    has_gelu: bool,
}

impl Product<'_> {
    /// Adds one block: some rows, some steps of k, all columns.
    fn block<V: Variant>(&mut self, rows: Range<usize>, depth: Range<usize>, k: usize, groups: &[f32], panels: &[f32]) {
        let (n_columns, out_stride) = (self.out.columns, self.out.row_stride);
        let is_continued = depth.start > 0 || self.is_added;
        assert_eq!(groups.len(), rows.len() * depth.len(), "size of the packed rows");
        assert_eq!(panels.len(), padded(n_columns) * depth.len(), "size of the packed panels");
        // The tiles check nothing: with the two lengths above and that of `out` (checked when it was made), all that
        // they are handed lies inside.
        for (panel_idx, column) in (0..n_columns).step_by(PANEL).enumerate() {
            let b = &panels[panel_idx * PANEL * depth.len()..(panel_idx + 1) * PANEL * depth.len()];
            let start = match &self.bias {
                _ if is_continued => TileStart::Out,
                Some(bias) => TileStart::Bias(bias[column..column + PANEL].as_ptr()),
                None => TileStart::Zero,
            };
            let width = PANEL.min(n_columns - column);
            for (offset, height) in heights::<V>(rows.len()) {
                let a = &groups[offset * depth.len()..(offset + height) * depth.len()];
                let first = (rows.start + offset) * out_stride + column;
                // Up to the end of the last row, which may be where the slice ends.
                let out = &mut self.out.data[first..first + (height - 1) * out_stride + width];
                let tile = Tile {
                    k: depth.len(),
                    a: a.as_ptr(),
                    b: b.as_ptr(),
                    out: out.as_mut_ptr(),
                    out_stride,
                    start,
                    has_gelu: self.has_gelu && depth.end == k,
                };
                if width == PANEL {
                    // SAFETY: `a` and `b` are slices of `height · k` and `PANEL · k` elements, a bias has been cut to
                    // `PANEL`, and `out` is a slice that ends with the last of `height` rows of `PANEL` elements.
                    #[expect(unsafe_code, reason = "tiles take raw pointers")]
                    unsafe {
                        V::run(height, &tile);
                    }
                } else {
                    narrow_tile::<V>(height, &tile, out, width);
                }
            }
        }
    }
}

/// A tile of the last panel: computed beside the output, which has only `width` of its columns.
fn narrow_tile<V: Variant>(height: usize, tile: &Tile, out: &mut [f32], width: usize) {
    const TALLEST_OF_ALL: usize = 8;
    assert!(height <= TALLEST_OF_ALL && width <= PANEL, "a tile fits into its buffer");
    let stride = tile.out_stride.max(width);
    let mut whole = [0.0; TALLEST_OF_ALL * PANEL];
    for (whole, row) in whole.chunks_exact_mut(PANEL).zip(out.chunks(stride)).take(height) {
        whole[..width].copy_from_slice(&row[..width]);
    }
    let beside = Tile { out: whole.as_mut_ptr(), out_stride: PANEL, ..*tile };
    // SAFETY: as for a whole tile, and `whole` has `PANEL` elements for each row.
    #[expect(unsafe_code, reason = "tiles take raw pointers")]
    unsafe {
        V::run(height, &beside);
    }
    for (whole, row) in whole.chunks_exact(PANEL).zip(out.chunks_mut(stride)).take(height) {
        row[..width].copy_from_slice(&whole[..width]);
    }
}

/// The k-blocks; one empty block when k is 0, so that the output is written all the same.
fn blocks(k: usize) -> impl Iterator<Item = Range<usize>> {
    (0..k.max(1)).step_by(DEPTH).map(move |start| start..(start + DEPTH).min(k))
}

/// Columns rounded up to whole panels.
pub(super) fn padded(n_columns: usize) -> usize {
    n_columns.next_multiple_of(PANEL)
}

/// First row and height of each group: heights differ by at most one, and none exceeds [`Variant::TALLEST`].
fn heights<V: Variant>(n_rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let n_groups = n_rows.div_ceil(V::TALLEST).max(1);
    let (height, n_taller) = (n_rows / n_groups, n_rows % n_groups);
    (0..n_groups).map(move |group| {
        let first = group * height + group.min(n_taller);
        (first, height + usize::from(group < n_taller))
    })
}

/// All panels of one k-block.
fn pack_panels(matrix: MatrixRef<'_>, depth: Range<usize>, out: &mut [f32]) {
    let columns = matrix.t();
    for (panel_idx, panel) in out.chunks_exact_mut((PANEL * depth.len()).max(1)).enumerate() {
        let first = panel_idx * PANEL;
        pack::<PANEL>(columns, first, PANEL.min(columns.rows - first), depth.clone(), panel);
    }
}

/// All groups of one block of rows.
fn pack_rows<V: Variant>(a: MatrixRef<'_>, rows: Range<usize>, depth: Range<usize>, mut out: &mut [f32]) {
    for (offset, height) in heights::<V>(rows.len()) {
        let (group, rest) = out.split_at_mut(height * depth.len());
        let first = rows.start + offset;
        match height {
            1 => pack::<1>(a, first, 1, depth.clone(), group),
            2 => pack::<2>(a, first, 2, depth.clone(), group),
            3 => pack::<3>(a, first, 3, depth.clone(), group),
            4 => pack::<4>(a, first, 4, depth.clone(), group),
            5 => pack::<5>(a, first, 5, depth.clone(), group),
            6 => pack::<6>(a, first, 6, depth.clone(), group),
            _ => unreachable!("no variant has taller tiles"),
        }
        out = rest;
    }
}

/// The first `n` elements of a buffer that grows when it is too small.
fn grown(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}
