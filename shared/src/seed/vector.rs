//! Many Philox blocks side by side in vector registers. Integers only, so it is the same on every target.

use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Simd, WithSimd};

use super::{MULTIPLIERS, Stream, WEYL};

/// Registers of one kind that are worked on together, which hides the latency of the products.
const REGISTERS: usize = 2;

/// Fills `words` with the stream's numbers from `4·first_block` on.
pub(super) struct Fill<'a> {
    pub(super) stream: Stream,
    pub(super) first_block: u64,
    pub(super) words: &'a mut [u32],
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
