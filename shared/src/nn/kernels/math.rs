//! exp, erf and reductions written so that compilers turn them into SIMD: no branches, no library calls.

use core::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// Lanes of the partial sums below: one AVX-512 register.
const LANES: usize = 16;

/// a·b + c, rounded once where the processor does that in one instruction. On wasm32 it would be a call.
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_arch = "wasm32") { a * b + c } else { a.mul_add(b, c) }
}

/// e^x to about 1 unit in the last place; 0 below -87.3, where the result would be subnormal. NaN stays NaN.
///
/// Above 88 it is e^88, where the true power overflows: all callers have x ≤ 0 or NaN.
///
/// Range reduction by magic-number rounding and the polynomial of Cephes `expf` (Moshier).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 · 2^23: adding it rounds to an integer held in the low mantissa bits
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    let clamped = if x > 88.0 { 88.0 } else { x };
    let shifted = mul_add(clamped, LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = mul_add(n, -LN2_LO, mul_add(n, -LN2_HI, clamped));
    let mut p = 1.987_569_1e-4;
    p = mul_add(p, r, 1.398_2e-3);
    p = mul_add(p, r, 8.333_452e-3);
    p = mul_add(p, r, 4.166_579_6e-2);
    p = mul_add(p, r, 1.666_666_5e-1);
    p = mul_add(p, r, 0.5);
    p = mul_add(p, r * r, r) + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.3 { 0.0 } else { p * power }
}

/// Beyond it [`erf`] is exactly ±1 with and without fused multiply-add, which it is not at every point near 4: were Φ of a
/// large negative number 6e-8 instead of 0, GELU of -1e30 would be -6e22.
pub(super) const ERF_END: f32 = 3.963_836_4;

/// The error function to about 4e-7, as a rational function up to [`ERF_END`] (the form used by Eigen and XLA).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = if x > ERF_END { ERF_END } else { x };
    let x = if x < -ERF_END { -ERF_END } else { x };
    let s = x * x;
    let mut p = -2.726_142_4e-10;
    p = mul_add(p, s, 2.770_681_4e-8);
    p = mul_add(p, s, -2.101_024e-6);
    p = mul_add(p, s, -5.692_506_4e-5);
    p = mul_add(p, s, -7.349_906_3e-4);
    p = mul_add(p, s, -2.954_6e-3);
    p = mul_add(p, s, -1.609_603_3e-2);
    let mut q = -1.456_607_2e-5;
    q = mul_add(q, s, -2.133_740_6e-4);
    q = mul_add(q, s, -1.682_827e-3);
    q = mul_add(q, s, -7.373_329_3e-3);
    q = mul_add(q, s, -1.426_473_9e-2);
    x * p / q
}

/// The distribution function of the standard normal, Φ(x).
#[inline(always)]
pub(super) fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// The density of the standard normal, φ(x).
#[inline(always)]
pub(super) fn normal_pdf(x: f32) -> f32 {
    const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;
    FRAC_1_SQRT_TAU * exp(-0.5 * x * x)
}

/// Folds a slice in [`LANES`] independent accumulators, which are then combined in a fixed order.
#[inline(always)]
fn fold(xs: &[f32], zero: f32, step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [zero; LANES];
    let chunks = xs.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, *x);
    }
    lanes.into_iter().fold(zero, step)
}

#[inline(always)]
pub(super) fn sum(xs: &[f32]) -> f32 {
    fold(xs, 0.0, |a, b| a + b)
}

/// The smallest and the largest element; NaN elements are skipped (they surface in the sum of exponentials).
#[inline(always)]
pub(super) fn extremes(xs: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let chunks = xs.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for ((low, high), x) in low.iter_mut().zip(&mut high).zip(chunk) {
            (*low, *high) = (smaller(*low, *x), larger(*high, *x));
        }
    }
    for ((low, high), x) in low.iter_mut().zip(&mut high).zip(rest) {
        (*low, *high) = (smaller(*low, *x), larger(*high, *x));
    }
    (low.into_iter().fold(f32::INFINITY, smaller), high.into_iter().fold(f32::NEG_INFINITY, larger))
}

/// Σ f(aᵢ, bᵢ) over two slices of one length.
#[inline(always)]
pub(super) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(*a, *b);
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += f(*a, *b);
    }
    lanes.into_iter().fold(0.0, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_libm() {
        for i in -870..=880 {
            let x = i as f32 * 0.1 + 0.013;
            if (-87.3..=88.0).contains(&x) {
                let exact = libm::exp(f64::from(x));
                assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x}) = {} not {exact}", exp(x));
            }
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(f32::MIN), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_agrees_with_libm() {
        for i in -600..=600 {
            let x = i as f32 * 0.01;
            let exact = libm::erf(f64::from(x));
            assert!((f64::from(erf(x)) - exact).abs() < 4e-7, "erf({x}) = {} not {exact}", erf(x));
        }
        for large in [ERF_END, 4.0, 100.0, f32::MAX, f32::INFINITY] {
            assert_eq!((erf(large), erf(-large)), (1.0, -1.0), "{large}");
        }
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn reductions_agree_with_iterators_at_every_length() {
        for n in 0..70 {
            let xs: Vec<f32> = (0..n).map(|i| ((i * 37) % 19) as f32 - 9.0).collect();
            assert_eq!(sum(&xs), xs.iter().sum::<f32>());
            let expected =
                (xs.iter().copied().fold(f32::INFINITY, f32::min), xs.iter().copied().fold(-f32::INFINITY, f32::max));
            assert_eq!(extremes(&xs), expected);
            assert_eq!(sum2(&xs, &xs, |a, b| a * b), xs.iter().map(|x| x * x).sum::<f32>());
        }
    }
}
