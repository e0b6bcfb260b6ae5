//! Bits that come up with a given probability, each on its own.

use crate::random::Stream;

/// A probability as a binary fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chance {
    /// Exactly 1.
    Certain,
    /// This many of 2^64, rounded down.
    Of2To64(u64),
}

impl Chance {
    /// `probability` from 0 to 1.
    pub(super) fn new(probability: f64) -> Self {
        // The product is exact, and the cast stays below 2^64 because a probability below 1 has at most 53 bits.
        if probability >= 1.0 {
            Self::Certain
        } else {
            Self::Of2To64((probability * 18_446_744_073_709_551_616.0) as u64)
        }
    }

    /// Of the bits in `wanted`, those that come up. They depend only on the stream, `group` and their own place: asking
    /// for more bits does not change the others.
    ///
    /// Bit `i` stands for "a uniform number `u_i` in [0, 1) is below the probability". All 32 numbers are compared at
    /// once, one binary digit after the other, most significant first: random word `k` holds digit `k` of each. A
    /// number is decided at its first digit that differs from the probability's, so 32 bits take about seven words
    /// and one bit two, for any probability.
    #[expect(clippy::inline_always, reason = "the caller's vector instructions only reach what is inlined")]
    #[inline(always)]
    pub(super) fn bits(self, stream: &Stream, group: u64, wanted: u32) -> u32 {
        let Self::Of2To64(mut digits) = self else { return wanted };
        let mut undecided = wanted;
        let mut below = 0;
        for block_idx in 0..16 {
            if digits == 0 || undecided == 0 {
                break;
            }
            for word in stream.block(16 * group + block_idx) {
                if digits >> 63 == 1 {
                    below |= undecided & !word;
                    undecided &= word;
                } else {
                    undecided &= !word;
                }
                digits <<= 1;
            }
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn bits_come_up_as_often_as_they_should() {
        let stream = Seed(5).stream("test", "chance");
        let n_groups = 20_000_u64;
        for probability in [0.0, 1e-9, 1e-4, 0.1, 0.5, 0.75, 0.999, 1.0] {
            let chance = Chance::new(probability);
            let n: u32 = (0..n_groups).map(|group| chance.bits(&stream, group, u32::MAX).count_ones()).sum();
            let n_bits = 32.0 * n_groups as f64;
            let tolerance = 5.0 * (n_bits * probability * (1.0 - probability)).sqrt();
            let expected = n_bits * probability;
            assert!((f64::from(n) - expected).abs() <= tolerance + 1e-2, "{n} bits, expected {expected} ± {tolerance}");
        }
    }

    #[test]
    fn every_place_comes_up_equally_often() {
        let stream = Seed(6).stream("test", "places");
        let chance = Chance::new(0.3);
        for bit in 0..32 {
            let n = (0..10_000).filter(|group| chance.bits(&stream, *group, u32::MAX) >> bit & 1 == 1).count();
            assert!((n as f64 - 3000.0).abs() < 5.0 * (10_000.0 * 0.3 * 0.7_f64).sqrt(), "bit {bit}: {n}");
        }
    }

    #[test]
    fn neighbouring_groups_are_independent() {
        let stream = Seed(8).stream("test", "neighbours");
        // With 1/32 a bit looks at five words, one more than a block has: groups that shared a block would agree.
        let chance = Chance::new(1.0 / 32.0);
        let group = |group| chance.bits(&stream, group, u32::MAX);
        let n: u32 = (0..20_000).map(|i| (group(i) & group(i + 1)).count_ones()).sum();
        let expected = 32.0 * 20_000.0 / 1024.0;
        assert!((f64::from(n) - expected).abs() < 5.0 * f64::sqrt(expected), "{n} pairs, expected {expected}");
    }

    #[test]
    fn asking_for_fewer_bits_does_not_change_them() {
        let stream = Seed(7).stream("test", "subset");
        let chance = Chance::new(0.37);
        for group in 0..100 {
            let all = chance.bits(&stream, group, u32::MAX);
            assert_eq!(chance.bits(&stream, group, 0x0ff0), all & 0x0ff0);
        }
    }
}
