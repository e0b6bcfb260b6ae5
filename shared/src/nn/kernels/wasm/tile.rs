//! The innermost loop: a few rows times one panel, kept in registers.
//!
//! Each tile is a function of its own that is never inlined, and its loop over k is not unrolled. LLVM's scheduler for
//! wasm otherwise hoists loads until more values live than there are registers, which halves the speed; for the same
//! reason `.cargo/config.toml` asks for instructions in the order of the source.

use core::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, v128, v128_load, v128_load32_splat, v128_store};

use super::pointwise::GeluConstants;

/// Columns of a panel: two vectors.
pub(in super::super) const PANEL: usize = 8;

/// What a tile reads and writes.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Length of the sums.
    pub k: usize,
    /// `[k][rows]`
    pub a: *const f32,
    /// `[k][PANEL]`
    pub b: *const f32,
    /// Rows of `PANEL` elements, `out_stride` elements apart.
    pub out: *mut f32,
    pub out_stride: usize,
    pub start: TileStart,
    /// Whether the result goes through GELU.
    pub has_gelu: bool,
}

/// What the sums begin with.
#[derive(Clone, Copy)]
pub(super) enum TileStart {
    Zero,
    /// What `out` holds.
    Out,
    /// The same `PANEL` elements in every row.
    Bias(*const f32),
}

/// One way to multiply and add.
pub(super) trait Variant {
    /// Rows of the tallest tile.
    const TALLEST: usize;

    /// Computes a tile of `rows` rows, at most [`Variant::TALLEST`].
    ///
    /// # Safety
    /// All that `tile` names must lie inside of live slices, `out` inside of one that nothing else refers to.
    #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
    unsafe fn run(rows: usize, tile: &Tile);
}

/// Rounds after the multiplication and after the addition.
pub(super) struct Plain;

/// Lets the browser fuse multiplication and addition.
#[cfg(any(test, feature = "relaxed-simd"))]
pub(super) struct Relaxed;

#[inline(always)]
fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

macro_rules! define_tile {
    ($name:ident, $multiply_add:path $(, $feature:literal)?) => {
        /// A tile of `R` rows.
        ///
        /// # Safety
        /// As [`Variant::run`].
        $(#[target_feature(enable = $feature)])?
        #[inline(never)]
        #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
        unsafe fn $name<const R: usize>(tile: &Tile) {
            let Tile { k, mut a, mut b, out, out_stride, start, has_gelu } = *tile;
            let mut sums = [[f32x4_splat(0.0); 2]; R];
            // SAFETY: the caller vouches for every address below: `k · R` elements from `a`, `k · PANEL` from `b`, `PANEL`
            // of a bias, and `R` rows of `PANEL` elements of `out`. Loads and stores need no alignment.
            unsafe {
                match start {
                    TileStart::Zero => {}
                    TileStart::Out => {
                        for r in 0..R {
                            let row = out.add(r * out_stride);
                            sums[r] = [v128_load(row.cast()), v128_load(row.add(4).cast())];
                        }
                    }
                    TileStart::Bias(bias) => {
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

define_tile!(plain, multiply_add);
#[cfg(any(test, feature = "relaxed-simd"))]
define_tile!(relaxed, core::arch::wasm32::f32x4_relaxed_madd, "relaxed-simd");

impl Variant for Plain {
    const TALLEST: usize = 4;

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(rows: usize, tile: &Tile) {
        // SAFETY: the caller's promise is what `plain` asks for.
        unsafe {
            match rows {
                1 => plain::<1>(tile),
                2 => plain::<2>(tile),
                3 => plain::<3>(tile),
                4 => plain::<4>(tile),
                _ => unreachable!("groups have at most TALLEST rows"),
            }
        }
    }
}

#[cfg(any(test, feature = "relaxed-simd"))]
impl Variant for Relaxed {
    const TALLEST: usize = 6;

    #[expect(unsafe_code, reason = "as declared")]
    unsafe fn run(rows: usize, tile: &Tile) {
        // SAFETY: the caller's promise is what `relaxed` asks for. A browser that runs this module knows relaxed SIMD,
        // since it validates the module as a whole.
        unsafe {
            match rows {
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
