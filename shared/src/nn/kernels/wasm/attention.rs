//! Attention without dropout, four queries at a time.
//!
//! The scores of four queries lie in the lanes of one vector, `[key][4]`: softmax then needs no sum across lanes, and
//! its result is just what the tile of the product with the values reads as its left operand. Keys and values of a head
//! are packed once for all queries.

use core::arch::wasm32::{
    f32x4_abs, f32x4_add, f32x4_eq, f32x4_extract_lane, f32x4_lt, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat,
    f32x4_sub, i32x4_bitmask, v128, v128_and, v128_load, v128_load32_splat, v128_store,
};

use super::super::attention_shape::AttentionShape;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel as _, Start, Tile};
use super::pack::pack;
use super::pointwise::{Exp, load, store};
use super::tile::{NativeTile, PANEL};

/// Queries in a group: the lanes of a vector.
const QUERIES: usize = 4;

/// As [`super::super::attention`] for a shape without dropout.
///
/// # Panics
/// When a slice is shorter than the shape says.
pub(in super::super) fn attention(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
    assert!(shape.dropout.is_none(), "probabilities are not dropped here");
    let (n, size, hidden_size) = (shape.n_tokens, shape.head_size, shape.n_heads * shape.head_size);
    let mut head = Head::new(n, size);
    for row_idx in 0..shape.n_rows {
        let (queries, keys) = shape.values_of_row(row_idx);
        let (q, k, v, out) = (&q[queries.clone()], &k[keys.clone()], &v[keys], &mut out[queries]);
        let n_keys = shape.n_keys(row_idx);
        let mask = &shape.mask_row(row_idx)[..n_keys];
        for first in (0..hidden_size).step_by(size) {
            let keys = MatrixRef::new(&k[first..], n_keys, size, hidden_size);
            let values = MatrixRef::new(&v[first..], n_keys, size, hidden_size);
            head.take(keys, values);
            let queries = MatrixRef::new(&q[first..], shape.n_queries, size, hidden_size);
            for query in (0..shape.n_queries).step_by(QUERIES) {
                let n_queries = QUERIES.min(shape.n_queries - query);
                let saturated = head.attend(queries, query, n_queries, n_keys, mask, shape.scale());
                // What padding behind the last token attends to reaches nobody.
                let n_tokens = n_queries.min(n_keys.saturating_sub(query));
                if saturated & ((1 << n_tokens) - 1) != 0 {
                    shape.saturated.raise(row_idx);
                }
                let out = &mut out[query * hidden_size + first..];
                for (to, from) in
                    out.chunks_mut(hidden_size).zip(head.context.chunks(size.next_multiple_of(PANEL))).take(n_queries)
                {
                    to[..size].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
}

/// One head's keys and values, and the buffers of its computation.
struct Head {
    size: usize,
    /// `[panel of keys][size][PANEL]`
    keys: Vec<f32>,
    /// `[panel of columns][key][PANEL]`
    values: Vec<f32>,
    /// `[size][QUERIES]`
    queries: Vec<f32>,
    /// `[key][QUERIES]`, the last panel filled up.
    scores: Vec<[f32; QUERIES]>,
    /// `[QUERIES, size]`, rows padded to whole panels.
    context: Vec<f32>,
}

impl Head {
    fn new(n_tokens: usize, size: usize) -> Self {
        Self {
            size,
            keys: vec![0.0; n_tokens.next_multiple_of(PANEL) * size],
            values: vec![0.0; size.next_multiple_of(PANEL) * n_tokens],
            queries: vec![0.0; size * QUERIES],
            scores: vec![[0.0; QUERIES]; n_tokens.next_multiple_of(PANEL)],
            context: vec![0.0; QUERIES * size.next_multiple_of(PANEL)],
        }
    }

    /// Packs keys and values `[n_keys, size]`.
    fn take(&mut self, keys: MatrixRef<'_>, values: MatrixRef<'_>) {
        let (n_keys, size) = (keys.rows(), self.size);
        for (panel, first) in self.keys.chunks_exact_mut((size * PANEL).max(1)).zip((0..n_keys).step_by(PANEL)) {
            pack::<PANEL>(keys, first, PANEL.min(n_keys - first), 0..size, panel);
        }
        let columns = values.t(); // [size, n_keys]
        for (panel, first) in self.values.chunks_exact_mut((n_keys * PANEL).max(1)).zip((0..size).step_by(PANEL)) {
            pack::<PANEL>(columns, first, PANEL.min(size - first), 0..n_keys, panel);
        }
    }

    /// The attention of some queries into `context`. Bit i of what it returns is set when the scores of the i-th query are
    /// saturated, see [`AttentionShape::saturated`].
    fn attend(
        &mut self,
        queries: MatrixRef<'_>,
        first: usize,
        n_queries: usize,
        n_keys: usize,
        mask: &[u32],
        scale: f32,
    ) -> u8 {
        pack::<QUERIES>(queries, first, n_queries, 0..self.size, &mut self.queries);
        let panels = self.keys.chunks_exact((self.size * PANEL).max(1));
        for (panel, scores) in panels.zip(self.scores.chunks_exact_mut(PANEL)).take(n_keys.div_ceil(PANEL)) {
            let scores: &mut [[f32; QUERIES]; PANEL] = scores.try_into().expect("a chunk is a whole panel");
            assert!(panel.len() == self.size * PANEL && self.queries.len() == self.size * QUERIES);
            // SAFETY: as asserted, there are `size` steps in both operands.
            #[expect(unsafe_code, reason = "the tile takes raw pointers")]
            unsafe {
                score_panel(self.size, self.queries.as_ptr(), panel.as_ptr(), scores, scale);
            }
        }
        let scores = &mut self.scores[..n_keys];
        let mut lowest = fold(scores, f32x4_splat(f32::INFINITY), |lowest, x| f32x4_pmin(lowest, x));
        if mask.contains(&0) {
            lowest = f32x4_splat(f32::INFINITY);
            for (scores, mask) in scores.iter_mut().zip(mask) {
                if *mask == 0 {
                    store(scores, f32x4_add(load(scores), f32x4_splat(f32::MIN)));
                } else {
                    lowest = f32x4_pmin(lowest, load(scores));
                }
            }
        }
        let (largest, inverse_sums) = exponentials(scores);
        let is_finite = f32x4_lt(f32x4_abs(largest), f32x4_splat(f32::INFINITY));
        let saturated = i32x4_bitmask(v128_and(f32x4_eq(lowest, f32x4_splat(f32::NEG_INFINITY)), is_finite));
        let width = self.size.next_multiple_of(PANEL);
        for (panel_idx, panel) in self.values.chunks_exact((n_keys * PANEL).max(1)).take(width / PANEL).enumerate() {
            let tile = Tile {
                k: n_keys,
                a: scores.as_ptr().cast(),
                a_row: 1,
                a_step: QUERIES,
                b: panel.as_ptr(),
                out: self.context[panel_idx * PANEL..].as_mut_ptr(),
                out_stride: width,
                start: Start::Zero,
                has_gelu: false,
            };
            // SAFETY: `scores` has `n_keys · QUERIES` elements, `panel` has `n_keys · PANEL`, and `context` has
            // `QUERIES` rows of whole panels.
            #[expect(unsafe_code, reason = "tiles take raw pointers")]
            unsafe {
                NativeTile::run(QUERIES, &tile);
            }
        }
        for (row, inverse_sum) in self.context.chunks_exact_mut(width).zip(inverse_sums) {
            for x in row.iter_mut() {
                *x *= inverse_sum;
            }
        }
        saturated
    }
}

/// Scores of four queries and the keys of one panel: the keys' values are spread over the lanes.
///
/// # Safety
/// `queries` must point to `size · QUERIES` elements and `keys` to `size · PANEL`.
#[inline(never)]
#[expect(unsafe_code, reason = "reads through raw pointers")]
unsafe fn score_panel(
    size: usize,
    mut queries: *const f32,
    mut keys: *const f32,
    scores: &mut [[f32; QUERIES]; PANEL],
    scale: f32,
) {
    let mut sums = [f32x4_splat(0.0); PANEL];
    // SAFETY: the caller vouches for both operands; `scores` has a vector for each sum.
    unsafe {
        for _ in 0..size {
            let query = v128_load(queries.cast());
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = f32x4_add(f32x4_mul(v128_load32_splat(keys.add(r).cast()), query), *sum);
            }
            queries = queries.add(QUERIES);
            keys = keys.add(PANEL);
        }
        let scale = f32x4_splat(scale);
        for (scores, sum) in scores.iter_mut().zip(sums) {
            v128_store(scores.as_mut_ptr().cast(), f32x4_mul(sum, scale));
        }
    }
}

/// Replaces the scores of four queries by e^(score − largest) and returns the largest and the inverse of their sums.
fn exponentials(scores: &mut [[f32; QUERIES]]) -> (v128, [f32; QUERIES]) {
    // As in `math::extremes`, NaN may be skipped here and surfaces in the sum.
    let largest = fold(scores, f32x4_splat(f32::NEG_INFINITY), |largest, x| f32x4_pmax(largest, x));
    let exp = Exp::new();
    let mut sums = [f32x4_splat(0.0); 2];
    for (i, scores) in scores.iter_mut().enumerate() {
        let power = exp.exp(f32x4_sub(load(scores), largest));
        sums[i % 2] = f32x4_add(sums[i % 2], power);
        store(scores, power);
    }
    let sum = f32x4_add(sums[0], sums[1]);
    let inverse_sums = [
        1.0 / f32x4_extract_lane::<0>(sum),
        1.0 / f32x4_extract_lane::<1>(sum),
        1.0 / f32x4_extract_lane::<2>(sum),
        1.0 / f32x4_extract_lane::<3>(sum),
    ];
    (largest, inverse_sums)
}

/// Folds vectors in four independent chains.
#[inline(always)]
fn fold(vectors: &[[f32; QUERIES]], zero: v128, step: impl Fn(v128, v128) -> v128) -> v128 {
    let mut chains = [zero; 4];
    let (fours, rest) = vectors.as_chunks::<4>();
    for four in fours {
        for (chain, x) in chains.iter_mut().zip(four) {
            *chain = step(*chain, load(x));
        }
    }
    for x in rest {
        chains[0] = step(chains[0], load(x));
    }
    step(step(chains[0], chains[1]), step(chains[2], chains[3]))
}
