//! The innermost loop: up to twelve rows times two vectors, kept in 24 of the 32 registers.

use core::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use core::ops::Range;

use super::super::math;
use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::super::vector_pack::{pack, pack_groups};
use crate::instruction_set::has_avx512;

/// Elements of a vector.
pub(super) const LANES: usize = 16;

/// Two vectors beside each other: with twelve rows 24 multiply-adds for two loads of the right operand and twelve
/// broadcasts of the left one.
const PANEL: usize = 2 * LANES;

/// The tiles of x86-64; they panic on a processor without AVX-512.
#[derive(Debug)]
pub(in super::super) struct Avx512;

// SAFETY: `tile` reads `R` rows of `a` by its strides, `k · PANEL` elements of `b`, `PANEL` of a bias, and reads and writes
// `R` rows of `PANEL` elements of `out`, with R the height; `run` panics where the processor lacks the instructions.
#[expect(unsafe_code, reason = "a promise about its tiles")]
unsafe impl Microkernel for Avx512 {
    const PANEL: usize = PANEL;
    const TALLEST: usize = 12;
    const DEPTH: usize = 384;
    const ROWS: usize = 240;
    const READS_ROWS: bool = true;

    fn pack(source: MatrixRef<'_>, first: usize, n_valid: usize, height: usize, depth: Range<usize>, out: &mut [f32]) {
        pack::<Self>(source, first, n_valid, height, depth, out);
    }

    fn pack_groups(
        source: MatrixRef<'_>,
        groups: impl Iterator<Item = (usize, usize)> + Clone,
        depth: Range<usize>,
        out: &mut [f32],
    ) {
        pack_groups::<Self>(source, groups, depth, out);
    }

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(height: usize, t: &Tile<'_>) {
        assert!(has_avx512(), "tiles need AVX-512");
        // SAFETY: the processor has AVX-512; what `tile::<height>` accesses is what the caller promises for `height`.
        unsafe {
            match height {
                1 => tile::<1>(t),
                2 => tile::<2>(t),
                3 => tile::<3>(t),
                4 => tile::<4>(t),
                5 => tile::<5>(t),
                6 => tile::<6>(t),
                7 => tile::<7>(t),
                8 => tile::<8>(t),
                9 => tile::<9>(t),
                10 => tile::<10>(t),
                11 => tile::<11>(t),
                12 => tile::<12>(t),
                _ => unreachable!("groups have at most TALLEST rows"),
            }
        }
    }
}

/// A tile of `R` rows.
///
/// # Safety
/// As [`Microkernel::run`], on a processor with AVX-512.
#[target_feature(enable = "avx512f")]
#[inline(never)]
#[expect(unsafe_code, reason = "reads and writes through raw pointers")]
unsafe fn tile<const R: usize>(tile: &Tile<'_>) {
    let Tile { k, mut a, a_row, a_step, mut b, out, out_stride, start, has_gelu } = *tile;
    let mut sums: [[__m512; 2]; R] = [[_mm512_setzero_ps(); 2]; R];
    // SAFETY: the caller vouches for every address below: `R` rows of k steps from `a` by its strides, `k · PANEL`
    // elements from `b`, `PANEL` of a bias, and `R` rows of `PANEL` elements of `out`. Loads and stores need no alignment.
    unsafe {
        match start {
            Start::Zero => {}
            Start::Out => {
                for (r, sum) in sums.iter_mut().enumerate() {
                    let row = out.add(r * out_stride);
                    *sum = [_mm512_loadu_ps(row), _mm512_loadu_ps(row.add(LANES))];
                }
            }
            Start::Bias(bias) => {
                let bias = bias.as_ptr();
                sums = [[_mm512_loadu_ps(bias), _mm512_loadu_ps(bias.add(LANES))]; R];
            }
        }
        for _ in 0..k {
            let (b0, b1) = (_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(LANES)));
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*a.add(r * a_row));
                *sum = [_mm512_fmadd_ps(x, b0, sum[0]), _mm512_fmadd_ps(x, b1, sum[1])];
            }
            a = a.wrapping_add(a_step);
            b = b.add(PANEL);
        }
        for (r, sum) in sums.into_iter().enumerate() {
            let row = out.add(r * out_stride);
            _mm512_storeu_ps(row, sum[0]);
            _mm512_storeu_ps(row.add(LANES), sum[1]);
            if has_gelu {
                for x in core::slice::from_raw_parts_mut(row, PANEL) {
                    *x *= math::normal_cdf(*x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::product::tests::{check_blocked_products, check_non_finite_values, check_small_products};
    use super::*;

    #[test]
    fn products_equal_the_definition() {
        if !has_avx512() {
            eprintln!("skipped: this processor has no AVX-512");
            return;
        }
        check_small_products::<Avx512>();
        check_blocked_products::<Avx512>();
    }

    #[test]
    fn a_non_finite_value_reaches_its_own_row_or_column_only() {
        if !has_avx512() {
            eprintln!("skipped: this processor has no AVX-512");
            return;
        }
        check_non_finite_values::<Avx512>();
    }
}
