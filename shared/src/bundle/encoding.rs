//! How a tensor's values are written, and how they are read back.

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::bits::{self, GROUP};
use crate::error::BundleError;

/// Fewest bits of a code: below, a code could only be zero or negative.
pub const MIN_BITS: u32 = 2;
/// Most bits of a code.
pub const MAX_BITS: u32 = 8;
/// Most values of a block.
pub const MAX_BLOCK: usize = 1 << 16;

/// How the values of one tensor are written, in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "lowercase", deny_unknown_fields)]
pub enum Encoding {
    /// Four bytes a value, little-endian: nothing is lost.
    F32,
    /// IEEE half precision, two bytes a value, little-endian.
    F16,
    /// Integers with one scale for every `block` values in a row, rows of the tensor following each other:
    ///
    /// ```text
    /// x̂ᵢ = (cᵢ − 2^(bits−1)) · s_⌊i/block⌋      cᵢ in 0 .. 2^bits
    /// ```
    ///
    /// First all scales, bfloat16, two bytes each, little-endian; then all codes, `bits` each without gaps, from the
    /// lowest bit of the first byte on, the last byte filled with zeros. The last block may be shorter. A scale may be
    /// negative, which lets the largest value of a block use the code 0 whatever its sign. bfloat16, because it is the
    /// upper half of an f32: it has the range that tiny differences need, and becomes an f32 by a shift.
    Blocks {
        /// Bits of a code, [`MIN_BITS`] to [`MAX_BITS`].
        bits: u32,
        /// Values that share a scale; a multiple of 8, at most [`MAX_BLOCK`].
        block: usize,
    },
}

impl Encoding {
    /// Refuses numbers that the format does not have; `tensor` is for the message.
    ///
    /// # Errors
    /// [`BundleError::Encoding`].
    pub fn check(self, tensor: &str) -> Result<(), BundleError> {
        let Self::Blocks { bits, block } = self else { return Ok(()) };
        let problem = if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            format!("expected {MIN_BITS} to {MAX_BITS} bits per value, got {bits}")
        } else if block == 0 || block > MAX_BLOCK || !block.is_multiple_of(GROUP) {
            format!("expected blocks of a multiple of {GROUP} up to {MAX_BLOCK} values, got {block}")
        } else {
            return Ok(());
        };
        Err(BundleError::Encoding { tensor: tensor.to_owned(), problem })
    }

    /// Bytes that `n` values take; none when that exceeds 64 bits.
    #[must_use]
    pub fn size_bytes(self, n: u64) -> Option<u64> {
        match self {
            Self::F32 => n.checked_mul(4),
            Self::F16 => n.checked_mul(2),
            Self::Blocks { bits, block } => {
                let scales = n.div_ceil(block as u64).checked_mul(2)?;
                bits::packed_len(n, bits)?.checked_add(scales)
            }
        }
    }

    /// Reads values into `values`, whose length says how many there are.
    ///
    /// # Errors
    /// When `bytes` has another length than so many values take, or a value is not finite.
    pub fn decode(self, tensor: &str, bytes: &[u8], values: &mut [f32]) -> Result<(), BundleError> {
        self.check(tensor)?;
        let expected = self.size_bytes(values.len() as u64);
        if expected != Some(bytes.len() as u64) {
            let expected = expected.map_or_else(|| "too many".to_owned(), |n| n.to_string());
            let problem = format!("{} values take {expected} bytes, got {}", values.len(), bytes.len());
            return Err(BundleError::Encoding { tensor: tensor.to_owned(), problem });
        }
        match self {
            Self::F32 => {
                for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(4)) {
                    *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
            Self::F16 => {
                for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = f16::from_le_bytes([bytes[0], bytes[1]]).to_f32_const();
                }
            }
            Self::Blocks { bits, block } => decode_blocks(bits, block, bytes, values),
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(BundleError::NotFinite { tensor: tensor.to_owned(), at, value: values[at] }),
            None => Ok(()),
        }
    }
}

fn decode_blocks(bits: u32, block: usize, bytes: &[u8], values: &mut [f32]) {
    let (scales, codes) = bytes.split_at(2 * values.len().div_ceil(block));
    let zero = f32::from(1_u16 << (bits - 1));
    let groups_per_block = block / GROUP;
    for (block_idx, (values, scale)) in values.chunks_mut(block).zip(scales.chunks_exact(2)).enumerate() {
        let scale = bf16::from_le_bytes([scale[0], scale[1]]).to_f32_const();
        for (group_idx, values) in values.chunks_mut(GROUP).enumerate() {
            let group = bits::unpack_group(codes, bits, block_idx * groups_per_block + group_idx);
            for (value, code) in values.iter_mut().zip(group) {
                // The difference is a small integer, so exact; the product is the one rounding.
                *value = (f32::from(code) - zero) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_the_equation_says() {
        // Two blocks of 8, the second of three values; scales 0.5 and −2.
        let encoding = Encoding::Blocks { bits: 4, block: 8 };
        let mut bytes = Vec::new();
        for scale in [0.5_f32, -2.0] {
            bytes.extend(bf16::from_f32(scale).to_le_bytes());
        }
        bits::pack(&[0, 1, 7, 8, 9, 15, 8, 8, 0, 8, 15], 4, &mut bytes);
        let mut values = [0.0; 11];
        encoding.decode("w", &bytes, &mut values).unwrap();
        assert_eq!(values, [-4.0, -3.5, -0.5, 0.0, 0.5, 3.5, 0.0, 0.0, 16.0, 0.0, -14.0]);
    }

    #[test]
    fn sizes_that_overflow_have_no_answer() {
        assert_eq!(Encoding::F32.size_bytes(u64::MAX), None);
        assert_eq!(Encoding::Blocks { bits: 8, block: 8 }.size_bytes(u64::MAX / 8 + 1), None);
        assert_eq!(Encoding::Blocks { bits: 3, block: 64 }.size_bytes(65), Some(4 + 25));
    }

    #[test]
    fn wrong_lengths_widths_blocks_and_values_are_refused_by_name() {
        let message = |encoding: Encoding, bytes: &[u8], n| {
            encoding.decode("bert.pooler.dense.weight", bytes, &mut vec![0.0; n]).unwrap_err().to_string()
        };
        assert_eq!(
            message(Encoding::Blocks { bits: 4, block: 8 }, &[0; 5], 8),
            "tensor bert.pooler.dense.weight: 8 values take 6 bytes, got 5"
        );
        assert!(
            message(Encoding::Blocks { bits: 9, block: 8 }, &[], 0).ends_with("expected 2 to 8 bits per value, got 9")
        );
        assert!(message(Encoding::Blocks { bits: 0, block: 8 }, &[], 0).contains("got 0"));
        for block in [0, 12, MAX_BLOCK + 8] {
            assert!(message(Encoding::Blocks { bits: 4, block }, &[], 0).ends_with(&format!("got {block}")));
        }
        let infinite = [bf16::INFINITY.to_le_bytes().to_vec(), vec![0; 4]].concat();
        assert_eq!(
            message(Encoding::Blocks { bits: 4, block: 8 }, &infinite, 8),
            "tensor bert.pooler.dense.weight: value 0 is -inf, expected a finite number"
        );
        assert!(message(Encoding::F32, &f32::NAN.to_le_bytes(), 1).contains("value 0 is NaN"));
    }
}
