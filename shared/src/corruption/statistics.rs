//! Sums over a tensor that do not depend on threads, on the target or on vector width: f64, in a fixed order.

use crate::parallel::prelude::*;

/// Values worked on at once: a chunk's old and new values fit in the first-level cache together.
pub(super) const CHUNK: usize = 4096;

/// Numbers added side by side, so that the order of additions is the same whatever the processor's vector width.
const LANES: usize = 8;

/// `Σ f(x)`: within a chunk lane `i` adds up elements `i`, `i + 8`, …, the lanes are added in order, then the chunks.
fn sum(data: &[f32], f: impl Fn(f32) -> f64 + Sync) -> f64 {
    let chunks: Vec<f64> = data.par_chunks(CHUNK).map(|chunk| chunk_sum(chunk, &f)).collect();
    chunks.iter().sum()
}

/// As [`sum`], of one chunk.
#[expect(clippy::inline_always, reason = "the caller's vector instructions only reach what is inlined")]
#[inline(always)]
fn chunk_sum(chunk: &[f32], f: impl Fn(f32) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    // Groups of a fixed size first: only those become vector instructions.
    let (groups, rest) = chunk.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            lanes[lane] += f(group[lane]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += f(*x);
    }
    lanes.iter().sum()
}

/// `f(x)` of finite values, 0 of others.
fn finite(f: impl Fn(f64) -> f64 + Sync) -> impl Fn(f32) -> f64 + Sync {
    move |x| if x.is_finite() { f(f64::from(x)) } else { 0.0 }
}

/// Standard deviation of the finite values about their mean; 0 without any.
pub(super) fn std(data: &[f32]) -> f64 {
    let n = sum(data, finite(|_| 1.0));
    if n == 0.0 {
        return 0.0;
    }
    let mean = sum(data, finite(|x| x)) / n;
    (sum(data, finite(|x| (x - mean) * (x - mean))) / n).sqrt()
}

/// Mean absolute value of the finite values; 0 without any.
pub(super) fn mean_abs(data: &[f32]) -> f64 {
    let n = sum(data, finite(|_| 1.0));
    if n == 0.0 { 0.0 } else { sum(data, finite(f64::abs)) / n }
}

/// Largest absolute value among the finite values; 0 without any.
pub(super) fn max_abs(data: &[f32]) -> f64 {
    let finite = |x: &f32| if x.is_finite() { x.abs() } else { 0.0 };
    let chunks: Vec<f32> = data.par_chunks(CHUNK).map(|chunk| chunk.iter().map(finite).fold(0.0, f32::max)).collect();
    f64::from(chunks.into_iter().fold(0.0, f32::max))
}

/// Sum of the squares of the finite values.
pub(super) fn squares(data: &[f32]) -> f64 {
    sum(data, finite(|x| x * x))
}

/// What a change did to some values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) n_changed: usize,
    pub(super) n_non_finite: usize,
    pub(super) squares_before: f64,
    pub(super) squares_after: f64,
}

impl Tally {
    /// Compares the values of a chunk before and after.
    #[expect(clippy::inline_always, reason = "the caller's vector instructions only reach what is inlined")]
    #[inline(always)]
    pub(super) fn new(before: &[f32], after: &[f32]) -> Self {
        let (mut n_changed, mut n_non_finite) = (0, 0);
        for (old, new) in before.iter().zip(after) {
            n_changed += u32::from(old.to_bits() != new.to_bits());
            n_non_finite += u32::from(!new.is_finite());
        }
        Self {
            n_changed: n_changed as usize,
            n_non_finite: n_non_finite as usize,
            squares_before: chunk_sum(before, finite(|x| x * x)),
            squares_after: chunk_sum(after, finite(|x| x * x)),
        }
    }

    /// Compares whole tensors.
    pub(super) fn of_tensor(before: &[f32], after: &[f32]) -> Self {
        let chunks: Vec<Self> = before
            .par_chunks(CHUNK)
            .zip(after.par_chunks(CHUNK))
            .map(|(before, after)| Self::new(before, after))
            .collect();
        chunks.into_iter().sum()
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(chunks: I) -> Self {
        chunks.fold(Self::default(), |total, chunk| Self {
            n_changed: total.n_changed + chunk.n_changed,
            n_non_finite: total.n_non_finite + chunk.n_non_finite,
            squares_before: total.squares_before + chunk.squares_before,
            squares_after: total.squares_after + chunk.squares_after,
        })
    }
}
