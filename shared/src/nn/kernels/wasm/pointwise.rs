//! exp and GELU on vectors, with the polynomials of `kernels::math`.
//!
//! A vector constant costs V8 three instructions wherever it is used, and GELU has twenty of them: they are read from
//! memory instead, behind a pointer that the compiler cannot look through. `pmin` and `pmax` are one instruction each
//! where `min` and `max`, which treat NaN and −0 specially, are seven.
//!
//! What `pmin` and `pmax` give for NaN is not to be relied on: they are a comparison and a choice to LLVM, and its older
//! versions pick the instruction as well where the comparison was turned around (llvm/llvm-project#208454). With rustc 1.95
//! (LLVM 22.1) it depends on what else is compiled with the function.

use core::arch::wasm32::{
    f32x4_add, f32x4_div, f32x4_lt, f32x4_mul, f32x4_ne, f32x4_pmax, f32x4_pmin, f32x4_sub, i32x4_add, i32x4_shl, v128,
    v128_andnot, v128_load, v128_load32_splat, v128_or, v128_store,
};
use core::hint::black_box;

use super::super::math;

/// The constants of [`Exp`], in the order of its methods.
static EXP: [f32; 12] = [
    88.0,
    core::f32::consts::LOG2_E,
    12_582_912.0, // 1.5 · 2^23: adding it rounds to an integer held in the low mantissa bits
    0.693_359_4,
    -2.121_944_4e-4,
    1.987_569_1e-4,
    1.398_2e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    0.5,
    1.0,
];
/// Below, e^x would be subnormal.
static EXP_SMALLEST: f32 = -87.3;
/// The exponent's bias.
static EXP_BIAS: i32 = 127;

/// The constants of [`GeluConstants`], in the order of its methods.
static GELU: [f32; 17] = [
    core::f32::consts::FRAC_1_SQRT_2,
    math::ERF_END,
    -math::ERF_END,
    -2.726_142_4e-10,
    2.770_681_4e-8,
    -2.101_024e-6,
    -5.692_506_4e-5,
    -7.349_906_3e-4,
    -2.954_6e-3,
    -1.609_603_3e-2,
    -1.456_607_2e-5,
    -2.133_740_6e-4,
    -1.682_827e-3,
    -7.373_329_3e-3,
    -1.426_473_9e-2,
    1.0,
    0.5,
];

/// e^x.
#[derive(Clone, Copy)]
pub(super) struct Exp {
    constants: &'static [f32; 12],
    smallest: &'static f32,
    bias: &'static i32,
}

impl Exp {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { constants: black_box(&EXP), smallest: black_box(&EXP_SMALLEST), bias: black_box(&EXP_BIAS) }
    }

    /// As [`math::exp`], four at a time.
    #[inline(always)]
    pub(super) fn exp(self, x: v128) -> v128 {
        let c = |i: usize| splat(&self.constants[i]);
        let clamped = f32x4_pmin(x, c(0));
        let shifted = f32x4_add(f32x4_mul(clamped, c(1)), c(2));
        let n = f32x4_sub(shifted, c(2));
        let r = f32x4_sub(f32x4_sub(clamped, f32x4_mul(n, c(3))), f32x4_mul(n, c(4)));
        let mut p = c(5);
        for i in 6..11 {
            p = f32x4_add(f32x4_mul(p, r), c(i));
        }
        let p = f32x4_add(f32x4_add(f32x4_mul(p, f32x4_mul(r, r)), r), c(11));
        let power = i32x4_shl(i32x4_add(shifted, splat_i32(self.bias)), 23);
        let is_zero = f32x4_lt(x, splat(self.smallest));
        // All bits set is a NaN: `clamped` may have lost it.
        v128_or(v128_andnot(f32x4_mul(p, power), is_zero), f32x4_ne(x, x))
    }
}

/// GELU.
#[derive(Clone, Copy)]
pub(super) struct GeluConstants(&'static [f32; 17]);

impl GeluConstants {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self(black_box(&GELU))
    }

    #[inline(always)]
    fn at(self, i: usize) -> v128 {
        splat(&self.0[i])
    }

    /// As [`math::normal_cdf`], four at a time.
    #[inline(always)]
    fn normal_cdf(self, x: v128) -> v128 {
        let x = f32x4_pmax(f32x4_pmin(f32x4_mul(x, self.at(0)), self.at(1)), self.at(2));
        let s = f32x4_mul(x, x);
        let mut p = self.at(3);
        for i in 4..10 {
            p = f32x4_add(f32x4_mul(p, s), self.at(i));
        }
        let mut q = self.at(10);
        for i in 11..15 {
            q = f32x4_add(f32x4_mul(q, s), self.at(i));
        }
        let erf = f32x4_div(f32x4_mul(x, p), q);
        f32x4_mul(f32x4_add(erf, self.at(15)), self.at(16))
    }

    /// x·Φ(x), four at a time.
    #[inline(always)]
    pub(super) fn gelu(self, x: v128) -> v128 {
        f32x4_mul(x, self.normal_cdf(x))
    }
}

/// One value in all lanes, read where it lies.
#[inline(always)]
fn splat(value: &f32) -> v128 {
    // SAFETY: `value` has four bytes; the load needs no alignment.
    #[expect(unsafe_code, reason = "vector loads take raw pointers")]
    unsafe {
        v128_load32_splat(core::ptr::from_ref(value).cast())
    }
}

/// As [`splat`].
#[inline(always)]
fn splat_i32(value: &i32) -> v128 {
    // SAFETY: `value` has four bytes; the load needs no alignment.
    #[expect(unsafe_code, reason = "vector loads take raw pointers")]
    unsafe {
        v128_load32_splat(core::ptr::from_ref(value).cast())
    }
}

#[inline(always)]
pub(super) fn load(four: &[f32; 4]) -> v128 {
    // SAFETY: `four` has 16 bytes; the load needs no alignment.
    #[expect(unsafe_code, reason = "vector loads take raw pointers")]
    unsafe {
        v128_load(four.as_ptr().cast())
    }
}

#[inline(always)]
pub(super) fn store(four: &mut [f32; 4], values: v128) {
    // SAFETY: `four` has 16 bytes; the store needs no alignment.
    #[expect(unsafe_code, reason = "vector stores take raw pointers")]
    unsafe {
        v128_store(four.as_mut_ptr().cast(), values);
    }
}

/// As [`super::super::gelu`].
pub(in super::super) fn serial_gelu(x: &[f32], y: &mut [f32]) {
    let constants = GeluConstants::new();
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<4>(), y.as_chunks_mut::<4>());
    for (x, y) in x.iter().zip(y) {
        store(y, constants.gelu(load(x)));
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        *y = x * math::normal_cdf(*x);
    }
}

/// As [`super::super::gelu_backward`].
pub(in super::super) fn serial_gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    static DENSITY: [f32; 2] = [-0.5, 0.398_942_3]; // 1/√(2π)
    let (constants, exp, density) = (GeluConstants::new(), Exp::new(), black_box(&DENSITY));
    let ((x, x_rest), (dy, dy_rest), (dx, dx_rest)) =
        (x.as_chunks::<4>(), dy.as_chunks::<4>(), dx.as_chunks_mut::<4>());
    for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
        let x = load(x);
        let power = exp.exp(f32x4_mul(f32x4_mul(x, splat(&density[0])), x));
        let slope = f32x4_mul(x, f32x4_mul(power, splat(&density[1])));
        store(dx, f32x4_mul(load(dy), f32x4_add(constants.normal_cdf(x), slope)));
    }
    for ((x, dy), dx) in x_rest.iter().zip(dy_rest).zip(dx_rest) {
        *dx = dy * (math::normal_cdf(*x) + x * math::normal_pdf(*x));
    }
}
