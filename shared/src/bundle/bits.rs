//! Codes of 2 to 8 bits in a row without gaps.
//!
//! Code `i` takes the bits `i·b .. (i+1)·b`, counted from the lowest bit of the first byte. Eight codes are therefore
//! exactly `b` bytes, read as one little-endian number.

/// Codes that fill whole bytes at every width.
pub(super) const GROUP: usize = 8;

/// Bytes of `n` codes.
pub(super) fn packed_len(n: u64, bits: u32) -> Option<u64> {
    Some(n.checked_mul(u64::from(bits))?.div_ceil(8))
}

/// Appends the codes; the last byte is filled with zeros.
pub(super) fn pack(codes: &[u8], bits: u32, bytes: &mut Vec<u8>) {
    for group in codes.chunks(GROUP) {
        let word = group.iter().rev().fold(0_u64, |word, code| word << bits | u64::from(*code));
        let n_bytes = (group.len() * bits as usize).div_ceil(8);
        bytes.extend_from_slice(&word.to_le_bytes()[..n_bytes]);
    }
}

/// The codes of group `group_idx` (the last one may be shorter, its other codes are then meaningless).
///
/// # Panics
/// When `bytes` ends before the group.
pub(super) fn unpack_group(bytes: &[u8], bits: u32, group_idx: usize) -> [u8; GROUP] {
    let start = group_idx * bits as usize;
    let end = bytes.len().min(start + bits as usize);
    let mut word = [0; 8];
    word[..end - start].copy_from_slice(&bytes[start..end]);
    let word = u64::from_le_bytes(word);
    let mask = u64::from(u8::MAX >> (8 - bits));
    std::array::from_fn(|i| (word >> (i as u32 * bits) & mask) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_packing_at_every_width_and_length() {
        for bits in 2..=8 {
            for n in [0_usize, 1, 7, 8, 9, 63, 64] {
                let codes: Vec<u8> = (0..n).map(|i| ((i * 37 + 11) % (1 << bits)) as u8).collect();
                let mut bytes = Vec::new();
                pack(&codes, bits, &mut bytes);
                assert_eq!(Some(bytes.len() as u64), packed_len(n as u64, bits));
                let unpacked: Vec<u8> =
                    (0..n.div_ceil(GROUP)).flat_map(|group| unpack_group(&bytes, bits, group)).take(n).collect();
                assert_eq!(unpacked, codes, "{bits} bits");
            }
        }
    }

    #[test]
    fn the_first_code_has_the_lowest_bits() {
        let mut bytes = Vec::new();
        pack(&[1, 2, 3], 4, &mut bytes);
        assert_eq!(bytes, [0x21, 0x03]);
    }
}
