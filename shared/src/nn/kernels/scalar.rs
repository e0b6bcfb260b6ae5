//! Products in plain Rust, on every target: the tile that Miri can run, and that other tiles can be compared with.

use core::ops::Range;

use super::math;
use super::matrix::MatrixRef;
use super::product::{Microkernel, Start, Tile};

/// Columns of a tile.
const PANEL: usize = 8;

/// Rounds after the multiplication and after the addition.
#[derive(Debug)]
pub(super) struct Scalar;

// SAFETY: `tile` accesses elements one by one, at the addresses that `run` lists for a tile of `R` rows, the height.
#[expect(unsafe_code, reason = "a promise about its tiles")]
unsafe impl Microkernel for Scalar {
    const PANEL: usize = PANEL;
    const TALLEST: usize = 4;
    // Short blocks, so that under Miri small products have several.
    const DEPTH: usize = 32;
    const ROWS: usize = 16;
    const READS_ROWS: bool = true;

    fn pack(source: MatrixRef<'_>, first: usize, n_valid: usize, height: usize, depth: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), depth.len() * height, "size of a packed group");
        for (values, l) in out.chunks_exact_mut(height).zip(depth) {
            for (r, value) in values.iter_mut().enumerate() {
                let index = (first + r) * source.row_stride() + l * source.column_stride();
                *value = if r < n_valid { source.data()[index] } else { 0.0 };
            }
        }
    }

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(height: usize, t: &Tile<'_>) {
        // SAFETY: what `tile::<height>` accesses is what the caller promises for `height`.
        unsafe {
            match height {
                1 => tile::<1>(t),
                2 => tile::<2>(t),
                3 => tile::<3>(t),
                4 => tile::<4>(t),
                _ => unreachable!("groups have at most TALLEST rows"),
            }
        }
    }
}

/// A tile of `R` rows.
///
/// # Safety
/// As [`Microkernel::run`] for a height of `R`.
#[expect(unsafe_code, reason = "reads and writes through raw pointers")]
unsafe fn tile<const R: usize>(tile: &Tile<'_>) {
    let Tile { k, a, a_row, a_step, b, out, out_stride, start, has_gelu } = *tile;
    let mut sums = [[0.0; PANEL]; R];
    // SAFETY: every pointer is to one of the elements that the caller vouches for: r stays below R, c below PANEL and l
    // below k.
    unsafe {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = match start {
                    Start::Zero => 0.0,
                    Start::Out => *out.add(r * out_stride + c),
                    Start::Bias(bias) => *bias.as_ptr().add(c),
                };
            }
        }
        for l in 0..k {
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = *a.add(r * a_row + l * a_step);
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum += x * *b.add(l * PANEL + c);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sum) in sums.into_iter().enumerate() {
                *out.add(r * out_stride + c) = if has_gelu { sum * math::normal_cdf(sum) } else { sum };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::product::tests::{check_blocked_products, check_non_finite_values, check_small_products};
    use super::*;

    #[test]
    fn small_products_equal_the_definition() {
        check_small_products::<Scalar>();
    }

    #[test]
    fn blocked_products_equal_the_definition() {
        check_blocked_products::<Scalar>();
    }

    #[test]
    fn a_non_finite_value_reaches_its_own_row_or_column_only() {
        check_non_finite_values::<Scalar>();
    }
}
