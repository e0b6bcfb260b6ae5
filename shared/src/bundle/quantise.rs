//! From values to codes and scales.
//!
//! Each block's scale is searched for, as in llama.cpp's `make_qx_quants`: from the scale that puts the block's largest
//! value on the outermost code, through some that clip it or leave it room, each refined by least squares for the codes
//! it gives, and the one with the least squared error is kept. Only the native program runs this; what it writes decodes
//! to the same bits everywhere.

use half::{bf16, f16};

use super::bits;
use super::encoding::Encoding;
use crate::error::BundleError;

/// Steps of the search to either side.
const N_STEPS: i32 = 9;

/// By how many codes the outermost value moves in a step, relative to half of all codes.
const STEP: f32 = 0.025;

/// Writes values in an encoding.
///
/// # Errors
/// When a value is not finite, or is too large for the encoding.
pub(super) fn encode(encoding: Encoding, tensor: &str, values: &[f32], bytes: &mut Vec<u8>) -> Result<(), BundleError> {
    encoding.check(tensor)?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(BundleError::NotFinite { tensor: tensor.to_owned(), at, value: values[at] });
    }
    match encoding {
        Encoding::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Encoding::F16 => {
            if let Some(at) = values.iter().position(|value| f16::from_f32_const(*value).is_infinite()) {
                let problem = format!("value {at} is {}, expected at most {} for f16", values[at], f16::MAX);
                return Err(BundleError::Encoding { tensor: tensor.to_owned(), problem });
            }
            bytes.extend(values.iter().flat_map(|value| f16::from_f32_const(*value).to_le_bytes()));
        }
        Encoding::Blocks { bits, block } => {
            let mut codes = vec![0; values.len()];
            for (values, codes) in values.chunks(block).zip(codes.chunks_mut(block)) {
                bytes.extend(quantise_block(bits, values, codes).to_le_bytes());
            }
            bits::pack(&codes, bits, bytes);
        }
    }
    Ok(())
}

/// Fills in the codes of one block and returns its scale.
fn quantise_block(bits: u32, values: &[f32], codes: &mut [u8]) -> bf16 {
    let half = f32::from(1_u16 << (bits - 1));
    let largest = values.iter().copied().fold(0.0_f32, |largest, x| if x.abs() > largest.abs() { x } else { largest });
    let mut best = (f64::INFINITY, bf16::ZERO);
    for step in -N_STEPS..=N_STEPS {
        // The largest value takes the code 0, which lies half a code further out than the highest.
        let guess = -largest / (half * (1.0 + STEP * step as f32));
        for scale in [bf16::from_f32(guess), bf16::from_f32(least_squares(half, guess, values))] {
            let error = squared_error(half, scale.to_f32_const(), values);
            if error < best.0 {
                best = (error, scale);
            }
        }
    }
    let scale = best.1.to_f32_const();
    for (code, value) in codes.iter_mut().zip(values) {
        *code = (nearest(half, scale, *value) + half) as u8;
    }
    best.1
}

/// The whole number that stands for a value: −half to half − 1.
fn nearest(half: f32, scale: f32, value: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { (value / scale).round_ties_even().clamp(-half, half - 1.0) }
}

/// The scale with the least squared error for the whole numbers that `scale` gives: Σxq ÷ Σq².
fn least_squares(half: f32, scale: f32, values: &[f32]) -> f32 {
    let (mut products, mut squares) = (0.0, 0.0);
    for value in values {
        let q = f64::from(nearest(half, scale, *value));
        products += q * f64::from(*value);
        squares += q * q;
    }
    if squares == 0.0 { 0.0 } else { (products / squares) as f32 }
}

fn squared_error(half: f32, scale: f32, values: &[f32]) -> f64 {
    if !scale.is_finite() {
        return f64::INFINITY;
    }
    values.iter().map(|value| f64::from(nearest(half, scale, *value) * scale - value).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn normal(n: u64) -> Vec<f32> {
        let stream = Seed(5).stream("test", "quantise");
        (0..n).map(|i| (0.04 * stream.normal_at(i)) as f32).collect()
    }

    fn round_trip(encoding: Encoding, values: &[f32]) -> Vec<f32> {
        let mut bytes = Vec::new();
        encode(encoding, "w", values, &mut bytes).unwrap();
        let mut decoded = vec![0.0; values.len()];
        encoding.decode("w", &bytes, &mut decoded).unwrap();
        decoded
    }

    /// Root mean square of the error, relative to that of the values.
    fn relative_error(values: &[f32], decoded: &[f32]) -> f64 {
        let squares = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
        let error = squares(&mut values.iter().zip(decoded).map(|(a, b)| f64::from(a - b)));
        (error / squares(&mut values.iter().map(|x| f64::from(*x)))).sqrt()
    }

    /// What is measured on normal values, plus a tenth: the search must not become worse unnoticed.
    const ERRORS: [(u32, f64); 7] =
        [(2, 0.42), (3, 0.21), (4, 0.105), (5, 0.053), (6, 0.027), (7, 0.0137), (8, 0.0072)];

    #[test]
    fn a_bit_more_halves_the_error() {
        let values = normal(64 * 500);
        for (bits, largest) in ERRORS {
            let error = relative_error(&values, &round_trip(Encoding::Blocks { bits, block: 64 }, &values));
            assert!(error < largest && error > 0.6 * largest, "{bits} bits: {error}");
        }
        assert_eq!(round_trip(Encoding::F32, &values), values);
        assert!(relative_error(&values, &round_trip(Encoding::F16, &values)) < 3e-4);
    }

    #[test]
    fn search_beats_putting_the_largest_value_on_the_outermost_code() {
        let values = normal(64 * 200);
        let plain: f64 = values
            .chunks(64)
            .map(|block| {
                let largest = block.iter().copied().fold(0.0_f32, |a, x| if x.abs() > a.abs() { x } else { a });
                squared_error(8.0, bf16::from_f32(-largest / 8.0).to_f32_const(), block)
            })
            .sum();
        let searched: f64 = values
            .iter()
            .zip(round_trip(Encoding::Blocks { bits: 4, block: 64 }, &values))
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum();
        assert!(searched < 0.95 * plain, "{searched} against {plain}");
    }

    #[test]
    fn zeros_tiny_and_short_blocks_survive() {
        let encoding = Encoding::Blocks { bits: 4, block: 8 };
        assert!(round_trip(encoding, &[0.0; 20]).iter().all(|x| *x == 0.0));
        let tiny = [1e-20_f32, -2e-20, 3e-20];
        assert!(relative_error(&tiny, &round_trip(encoding, &tiny)) < 0.1);
        assert!(round_trip(encoding, &[]).is_empty());
    }

    #[test]
    fn what_is_not_finite_is_refused_by_name_and_place() {
        let error = encode(Encoding::F32, "w", &[0.0, f32::NAN], &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "tensor w: value 1 is NaN, expected a finite number");
        assert!(encode(Encoding::F16, "w", &[1e6], &mut Vec::new()).is_err());
    }
}
