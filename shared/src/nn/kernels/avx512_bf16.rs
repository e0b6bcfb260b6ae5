//! Products of matrices whose factors are rounded to bf16, on x86-64 processors with AVX512-BF16: `vdpbf16ps` adds two
//! products to each sum of f32, so there are half as many instructions as for f32.
//!
//! Factors are rounded to the nearest bf16, ties to even, while they are packed; NaN stays NaN, what is too large becomes
//! infinite, and what is subnormal becomes 0. How the instruction rounds its two products and their sum is the processor's
//! affair: one of Intel's and one of AMD's have not been compared, and may give other last bits.

mod pack;
mod tile;

pub(super) use tile::Avx512Bf16;

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::super::matrix::{MatrixMut, MatrixRef};
    use super::super::product::tests::product;
    use super::super::product::{Microkernel, Start};
    use super::super::vector_pack::Vectors;
    use super::*;
    use crate::random::Seed;

    fn random(name: &str, n: usize) -> Vec<f32> {
        let stream = Seed(3).stream("test/bf16", name);
        (0..n as u64).map(|i| stream.normal_at(i) as f32).collect()
    }

    /// A sum of products that are exact in f64, which is more than f32 can lose: each of `k` roundings is at most 2⁻²⁴ of the
    /// sum of magnitudes.
    #[test]
    fn factors_are_rounded_to_the_nearest_bf16_and_sums_stay_f32() {
        if !<Avx512Bf16 as Vectors>::are_there() {
            eprintln!("skipped: this processor lacks AVX512-BF16");
            return;
        }
        let (m, n) = (29, 70);
        for k in [1, 31, 64, 385, Avx512Bf16::DEPTH + 35] {
            let (a, b) = (random("a", m * k), random("b", k * n));
            let rounded = |x: f32| f64::from(bf16::from_f32(x));
            for is_transposed in [false, true] {
                let (a_ref, b_ref) = if is_transposed {
                    (MatrixRef::new(&a, k, m, m).t(), MatrixRef::new(&b, n, k, k).t())
                } else {
                    (MatrixRef::new(&a, m, k, k), MatrixRef::new(&b, k, n, n))
                };
                let at = |matrix: MatrixRef<'_>, i: usize, j: usize| {
                    matrix.data()[i * matrix.row_stride() + j * matrix.column_stride()]
                };
                let mut out = vec![f32::NAN; m * n];
                product::<Avx512Bf16>(MatrixMut::new(&mut out, m, n, n), a_ref, b_ref, Start::Zero);
                for (index, value) in out.iter().enumerate() {
                    let terms = (0..k).map(|l| rounded(at(a_ref, index / n, l)) * rounded(at(b_ref, l, index % n)));
                    let (sum, magnitude) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                    let bound = k as f64 * magnitude * 2.0_f64.powi(-24);
                    assert!(
                        (f64::from(*value) - sum).abs() <= bound,
                        "k {k}, element {index}: {value}, expected {sum}"
                    );
                }
            }
        }
    }

    /// Whole vectors and what is left over are rounded by different code.
    #[test]
    fn every_place_in_a_row_is_rounded_alike() {
        if !<Avx512Bf16 as Vectors>::are_there() {
            eprintln!("skipped: this processor lacks AVX512-BF16");
            return;
        }
        // A tie to even down and up, the largest value, which rounds to infinity, what is not finite, and zeros.
        let ties = [0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0xbf80_7fff].map(f32::from_bits);
        let special = [f32::MAX, f32::MIN, f32::INFINITY, f32::NAN, 0.0, -0.0, 3.0e-38, 1.5];
        // The largest of these would round up to a normal number.
        let subnormal = [1e-39, -1e-39, f32::from_bits(0x007f_ffff)];
        let values: Vec<f32> = ties.into_iter().chain(special).chain(subnormal).cycle().take(95).collect();
        let mut pairs = vec![0.0; values.len().div_ceil(2)];
        Avx512Bf16::convert(&values, &mut pairs);
        for (index, pair) in pairs.iter().enumerate() {
            let expected = [2 * index, 2 * index + 1].map(|i| values.get(i).copied().unwrap_or(0.0));
            let halves = [pair.to_bits() as u16, (pair.to_bits() >> 16) as u16].map(bf16::from_bits);
            let flushed = |value: f32| if value.is_subnormal() { 0.0_f32.copysign(value) } else { value };
            for (half, expected) in halves.into_iter().zip(expected.map(flushed).map(bf16::from_f32)) {
                let is_same = half.to_bits() == expected.to_bits() || (half.is_nan() && expected.is_nan());
                assert!(is_same, "pair {index}: {half}, expected {expected}");
            }
        }
        assert_eq!(bf16::from_f32(f32::MAX), bf16::INFINITY);
    }
}
