//! The innermost loop: a few rows times one panel, kept in registers.
//!
//! Each tile is a function of its own that is never inlined, and its loop over k is not unrolled. LLVM's scheduler for
//! wasm otherwise hoists loads until more values live than there are registers, which halves the speed; for the same
//! reason `.cargo/config.toml` asks for instructions in the order of the source.

#[cfg(any(test, not(feature = "relaxed-simd")))]
use core::arch::wasm32::{f32x4_add, f32x4_mul, v128};
use core::arch::wasm32::{f32x4_splat, v128_load, v128_load32_splat, v128_store};

use core::ops::Range;

use super::super::matrix::MatrixRef;
use super::super::product::{Microkernel, Start, Tile};
use super::pack::pack;
use super::pointwise::GeluConstants;

/// Columns of a panel: two vectors.
pub(in super::super) const PANEL: usize = 8;
/// Steps of k in a block: a panel of them takes 12 KB, less than half of a first-level cache.
pub(super) const DEPTH: usize = 384;
/// Rows in a block: with [`DEPTH`] 196 KB of the second-level cache.
const ROWS: usize = 128;

/// Rounds after the multiplication and after the addition.
#[cfg(any(test, not(feature = "relaxed-simd")))]
#[derive(Debug)]
pub(in super::super) struct Plain;

/// Lets the browser fuse multiplication and addition.
#[cfg(any(test, feature = "relaxed-simd"))]
#[derive(Debug)]
pub(in super::super) struct Relaxed;

/// The variant this build runs.
#[cfg(feature = "relaxed-simd")]
pub(in super::super) type NativeTile = Relaxed;
#[cfg(not(feature = "relaxed-simd"))]
pub(in super::super) type NativeTile = Plain;

#[cfg(any(test, not(feature = "relaxed-simd")))]
#[inline(always)]
fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

macro_rules! define_tile {
    ($name:ident, $multiply_add:path $(, $feature:literal)?) => {
        /// A tile of `R` rows.
        ///
        /// # Safety
        /// As [`Microkernel::run`].
        $(#[target_feature(enable = $feature)])?
        #[inline(never)]
        #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
        unsafe fn $name<const R: usize>(tile: &Tile<'_>) {
            // Rows are packed, so their strides are 1 and R.
            let Tile { k, mut a, mut b, out, out_stride, start, has_gelu, .. } = *tile;
            let mut sums = [[f32x4_splat(0.0); 2]; R];
            // SAFETY: the caller vouches for every address below: `k · R` elements from `a`, `k · PANEL` from `b`, `PANEL`
            // of a bias, and `R` rows of `PANEL` elements of `out`. Loads and stores need no alignment.
            unsafe {
                match start {
                    Start::Zero => {}
                    Start::Out => {
                        for r in 0..R {
                            let row = out.add(r * out_stride);
                            sums[r] = [v128_load(row.cast()), v128_load(row.add(4).cast())];
                        }
                    }
                    Start::Bias(bias) => {
                        let bias = bias.as_ptr();
                        let bias = [v128_load(bias.cast()), v128_load(bias.add(4).cast())];
                        for r in 0..R {
                            sums[r] = bias;
                        }
                    }
                }
                for _ in 0..k {
                    let (b0, b1) = (v128_load(b.cast()), v128_load(b.add(4).cast()));
                    for r in 0..R {
                        let x = v128_load32_splat(a.add(r).cast());
                        sums[r] = [$multiply_add(x, b0, sums[r][0]), $multiply_add(x, b1, sums[r][1])];
                    }
                    a = a.add(R);
                    b = b.add(PANEL);
                }
                if has_gelu {
                    let constants = GeluConstants::new();
                    for r in 0..R {
                        sums[r] = [constants.gelu(sums[r][0]), constants.gelu(sums[r][1])];
                    }
                }
                for r in 0..R {
                    let row = out.add(r * out_stride);
                    v128_store(row.cast(), sums[r][0]);
                    v128_store(row.add(4).cast(), sums[r][1]);
                }
            }
        }
    };
}

#[cfg(any(test, not(feature = "relaxed-simd")))]
define_tile!(plain, multiply_add);
#[cfg(any(test, feature = "relaxed-simd"))]
define_tile!(relaxed, core::arch::wasm32::f32x4_relaxed_madd, "relaxed-simd");

// SAFETY: `plain` reads `R` rows of packed `a`, `k · PANEL` elements of `b`, `PANEL` of a bias, and reads and writes `R` rows of
// `PANEL` elements of `out`, with R the height.
#[cfg(any(test, not(feature = "relaxed-simd")))]
#[expect(unsafe_code, reason = "a promise about its tiles")]
unsafe impl Microkernel for Plain {
    const PANEL: usize = PANEL;
    const TALLEST: usize = 4;
    const DEPTH: usize = DEPTH;
    const ROWS: usize = ROWS;
    const READS_ROWS: bool = false;

    fn pack(source: MatrixRef<'_>, first: usize, n_valid: usize, height: usize, depth: Range<usize>, out: &mut [f32]) {
        pack_group(source, first, n_valid, height, depth, out);
    }

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(height: usize, tile: &Tile<'_>) {
        // SAFETY: the caller's promise is what `plain` asks for.
        unsafe {
            match height {
                1 => plain::<1>(tile),
                2 => plain::<2>(tile),
                3 => plain::<3>(tile),
                4 => plain::<4>(tile),
                _ => unreachable!("groups have at most TALLEST rows"),
            }
        }
    }
}

// SAFETY: `relaxed` reads `R` rows of packed `a`, `k · PANEL` elements of `b`, `PANEL` of a bias, and reads and writes `R` rows of
// `PANEL` elements of `out`, with R the height.
#[cfg(any(test, feature = "relaxed-simd"))]
#[expect(unsafe_code, reason = "a promise about its tiles")]
unsafe impl Microkernel for Relaxed {
    const PANEL: usize = PANEL;
    const TALLEST: usize = 6;
    const DEPTH: usize = DEPTH;
    const ROWS: usize = ROWS;
    const READS_ROWS: bool = false;

    fn pack(source: MatrixRef<'_>, first: usize, n_valid: usize, height: usize, depth: Range<usize>, out: &mut [f32]) {
        pack_group(source, first, n_valid, height, depth, out);
    }

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(height: usize, tile: &Tile<'_>) {
        // SAFETY: the caller's promise is what `relaxed` asks for. A browser that runs this module knows relaxed SIMD,
        // since it validates the module as a whole.
        unsafe {
            match height {
                1 => relaxed::<1>(tile),
                2 => relaxed::<2>(tile),
                3 => relaxed::<3>(tile),
                4 => relaxed::<4>(tile),
                5 => relaxed::<5>(tile),
                6 => relaxed::<6>(tile),
                _ => unreachable!("groups have at most TALLEST rows"),
            }
        }
    }
}

/// As [`Microkernel::pack`], for both variants.
fn pack_group(
    source: MatrixRef<'_>,
    first: usize,
    n_valid: usize,
    height: usize,
    depth: Range<usize>,
    out: &mut [f32],
) {
    match height {
        1 => pack::<1>(source, first, n_valid, depth, out),
        2 => pack::<2>(source, first, n_valid, depth, out),
        3 => pack::<3>(source, first, n_valid, depth, out),
        4 => pack::<4>(source, first, n_valid, depth, out),
        5 => pack::<5>(source, first, n_valid, depth, out),
        6 => pack::<6>(source, first, n_valid, depth, out),
        PANEL => pack::<PANEL>(source, first, n_valid, depth, out),
        _ => unreachable!("no variant has such tiles"),
    }
}
