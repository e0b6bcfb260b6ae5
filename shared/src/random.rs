//! Seeds and counter-based random streams.
//!
//! Invariant: a number drawn here depends only on (seed, purpose, name, step, element index), never on the order of
//! calls, on threads or on the target. So the same corruption gives the same bits natively and in a browser, a resumed
//! run draws what the undisturbed one would have drawn, and one tensor's numbers do not move when another is selected.
//!
//! The generator is Philox4x32-10 of Salmon et al., *Parallel random numbers: as easy as 1, 2, 3* (SC 2011), keyed by
//! a SHA-256 of what the numbers are for. Normal samples use the `libm` crate on every target, since the platforms' own
//! `ln` and `cos` differ in the last bit.

use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Simd, WithSimd};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A user-visible seed; every use derives its own independent [`Stream`] from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of random numbers for `purpose` (such as `"dropout"`) on the thing called `name`.
    #[must_use]
    pub fn stream(self, purpose: &str, name: &str) -> Stream {
        self.stream_at(purpose, name, 0)
    }

    /// As [`Seed::stream`], for the `step`-th use of the same purpose and name.
    #[must_use]
    pub fn stream_at(self, purpose: &str, name: &str, step: u64) -> Stream {
        let mut hasher = Sha256::new();
        hasher.update(self.0.to_le_bytes());
        // Lengths first, so that ("ab", "c") and ("a", "bc") are different keys.
        for part in [purpose, name] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(step.to_le_bytes());
        let digest = hasher.finalize();
        let word =
            |i: usize| u32::from_le_bytes([digest[4 * i], digest[4 * i + 1], digest[4 * i + 2], digest[4 * i + 3]]);
        Stream { key: [word(0), word(1)], counter_high: [word(2), word(3)] }
    }
}

/// A random-access sequence of 32-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    counter_high: [u32; 2],
}

impl Stream {
    /// Four numbers: elements `4·block .. 4·block + 4` of the stream.
    #[must_use]
    pub fn block(&self, block: u64) -> [u32; 4] {
        philox4x32_10([block as u32, (block >> 32) as u32, self.counter_high[0], self.counter_high[1]], self.key)
    }

    /// Many numbers at once: elements from `4·first_block` on, the same as one by one from [`Stream::block`].
    pub fn fill(&self, first_block: u64, words: &mut [u32]) {
        crate::instruction_set::arch().dispatch(Fill { stream: *self, first_block, words });
    }

    /// 64 uniform bits; `index` counts pairs of 32-bit elements.
    #[must_use]
    pub fn u64_at(&self, index: u64) -> u64 {
        let block = self.block(index / 2);
        let lane = 2 * (index % 2) as usize;
        u64::from(block[lane]) | u64::from(block[lane + 1]) << 32
    }

    /// A standard normal sample (Box-Muller over elements `2·index` and `2·index + 1`), in f64.
    #[must_use]
    pub fn normal_at(&self, index: u64) -> f64 {
        let block = self.block(index / 2);
        let lane = 2 * (index % 2) as usize;
        normal(block[lane], block[lane + 1])
    }

    /// A uniform integer in `0..bound`, by multiplication (Lemire 2019); the bias is below `bound / 2^64`.
    ///
    /// # Panics
    /// When `bound` is 0.
    #[must_use]
    pub fn below_at(&self, index: u64, bound: u64) -> u64 {
        assert!(bound > 0, "a range needs at least one element");
        ((u128::from(self.u64_at(index)) * u128::from(bound)) >> 64) as u64
    }

    /// Shuffles `items` (Fisher-Yates), each order equally likely.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below_at(i as u64, i as u64 + 1) as usize);
        }
    }
}

/// Maps two times 32 random bits to a standard normal sample (the cosine half of Box-Muller).
#[must_use]
pub fn normal(a: u32, b: u32) -> f64 {
    // (a + 0.5) / 2^32 lies in (0, 1), so the logarithm is finite.
    let u = (f64::from(a) + 0.5) * (1.0 / 4_294_967_296.0);
    let angle = f64::from(b) * (core::f64::consts::TAU / 4_294_967_296.0);
    libm::sqrt(-2.0 * libm::log(u)) * libm::cos(angle)
}

/// The paper's multipliers, table 2.
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];

/// The paper's Weyl constants, by which the key grows each round.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox4x32 with ten rounds.
fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let product0 = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let product1 = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (product1 >> 32) as u32 ^ counter[1] ^ key[0],
            product1 as u32,
            (product0 >> 32) as u32 ^ counter[3] ^ key[1],
            product0 as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// Registers of one kind that are worked on together, which hides the latency of the products.
const REGISTERS: usize = 2;

/// Fills `words`, many blocks side by side in vector registers, with the stream's numbers from `4·first_block` on.
struct Fill<'a> {
    stream: Stream,
    first_block: u64,
    words: &'a mut [u32],
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "vector instructions only reach what is inlined")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n_blocks = REGISTERS * S::U32_LANES;
        let mut block = self.first_block;
        let mut groups = self.words.chunks_exact_mut(4 * n_blocks);
        for group in &mut groups {
            let mut counters = [[simd.splat_u32s(0); REGISTERS]; 4];
            let [low, high, ..] = &mut counters;
            let (low, high) = (cast_slice_mut::<_, u32>(low), cast_slice_mut::<_, u32>(high));
            for (lane, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let counter = block + lane as u64;
                (*low, *high) = (counter as u32, (counter >> 32) as u32);
            }
            counters[2] = [simd.splat_u32s(self.stream.counter_high[0]); REGISTERS];
            counters[3] = [simd.splat_u32s(self.stream.counter_high[1]); REGISTERS];
            let blocks = rounds(simd, counters, self.stream.key);
            let [a, b, c, d] = &blocks;
            let [a, b, c, d]: [&[u32]; 4] = [cast_slice(a), cast_slice(b), cast_slice(c), cast_slice(d)];
            let four_words = group.as_chunks_mut::<4>().0.iter_mut();
            for ((((four, a), b), c), d) in four_words.zip(a).zip(b).zip(c).zip(d) {
                *four = [*a, *b, *c, *d];
            }
            block += n_blocks as u64;
        }
        for (four, block) in groups.into_remainder().chunks_mut(4).zip(block..) {
            four.copy_from_slice(&self.stream.block(block)[..four.len()]);
        }
    }
}

/// Ten rounds of Philox4x32 on `[word][register]` counters.
#[expect(clippy::inline_always, reason = "vector instructions only reach what is inlined")]
#[inline(always)]
fn rounds<S: Simd>(simd: S, mut counters: [[S::u32s; REGISTERS]; 4], mut key: [u32; 2]) -> [[S::u32s; REGISTERS]; 4] {
    let multipliers = MULTIPLIERS.map(|multiplier| simd.splat_u32s(multiplier));
    for _ in 0..10 {
        let keys = key.map(|key| simd.splat_u32s(key));
        let [c0, c1, c2, c3] = &mut counters;
        for (((c0, c1), c2), c3) in c0.iter_mut().zip(c1).zip(c2).zip(c3) {
            let (low0, high0) = simd.widening_mul_u32s(multipliers[0], *c0);
            let (low1, high1) = simd.widening_mul_u32s(multipliers[1], *c2);
            *c0 = simd.xor_u32s(simd.xor_u32s(high1, *c1), keys[0]);
            *c1 = low1;
            *c2 = simd.xor_u32s(simd.xor_u32s(high0, *c3), keys[1]);
            *c3 = low0;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32_10([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32_10([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn many_numbers_at_once_are_those_drawn_one_by_one() {
        let stream = Seed(9).stream("test", "fill");
        // Across the carry into the counter's second word, and with an end that is no whole block.
        for (first_block, n) in [(0, 103), (u64::from(u32::MAX) - 3, 64)] {
            let mut words = vec![0; n];
            stream.fill(first_block, &mut words);
            let one_by_one = |i: u64| stream.block(first_block + i / 4)[(i % 4) as usize];
            let expected: Vec<u32> = (0..n as u64).map(one_by_one).collect();
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn streams_differ_by_every_part_of_their_key() {
        let base = Seed(1).stream_at("dropout", "layer.0", 3);
        let others = [
            Seed(2).stream_at("dropout", "layer.0", 3),
            Seed(1).stream_at("shuffle", "layer.0", 3),
            Seed(1).stream_at("dropout", "layer.1", 3),
            Seed(1).stream_at("dropout", "layer.0", 4),
            Seed(1).stream_at("dropoutl", "ayer.0", 3),
        ];
        assert!(others.iter().all(|other| other != &base));
    }

    #[test]
    fn normal_samples_have_mean_zero_and_variance_one() {
        let stream = Seed(7).stream("test", "normal");
        let n = 100_000_u64;
        let (sum, squares) = (0..n).map(|i| stream.normal_at(i)).fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        // Five standard errors: 5 / sqrt(n), and 5 * sqrt(2 / n) for the variance.
        assert!((sum / n as f64).abs() < 0.016, "mean {}", sum / n as f64);
        assert!((squares / n as f64 - 1.0).abs() < 0.023, "variance {}", squares / n as f64);
    }

    #[test]
    fn shuffle_is_a_permutation_and_repeats_itself() {
        let shuffled = || {
            let mut items: Vec<u32> = (0..1000).collect();
            Seed(3).stream("data", "epoch 0").shuffle(&mut items);
            items
        };
        let mut sorted = shuffled();
        assert_eq!(shuffled(), sorted);
        assert_ne!(sorted, (0..1000).collect::<Vec<_>>());
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }
}
