//! Schemes under which a value's new bits depend on its old bits, its place and a few numbers about its tensor.

use crate::parallel::prelude::*;
use pulp::{Simd, WithSimd};

use super::chance::Chance;
use super::scheme::Scheme;
use super::statistics::{self, CHUNK, Tally};
use super::tensor::{Key, Region, TensorMut};
use crate::model::Kind;
use crate::random::{Stream, normal};

/// What happens to every value of a tensor.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Every value becomes this one.
    Constant(f32),
    /// Value `e` becomes `bound · i / 2^23`, where `i` is random word `e` as a signed number of 24 bits.
    Uniform { stream: Stream, bound: f32 },
    /// Value `e` becomes normal sample `e` times `std`.
    Normal { stream: Stream, std: f64 },
    /// Normal sample `e` times `std` is added to value `e`.
    Noise { stream: Stream, std: f64 },
    /// Bit `e % 32` of group `e / 32` decides on value `e`.
    Zero { stream: Stream, chance: Chance },
    /// As `Zero`.
    SignFlip { stream: Stream, chance: Chance },
    /// Bit `b` of group `e` decides on bit `b` of value `e`.
    BitFlip { stream: Stream, chance: Chance, mask: u32 },
    /// Multiples of `step`.
    Round { step: f64 },
    /// Plus or minus `level`.
    Binarise { level: f32 },
}

/// Damages the values of a tensor that lie in `region`, or all of them.
pub(super) fn apply(scheme: Scheme, key: Key, tensor: &mut TensorMut<'_>, region: Option<&Region>) -> Tally {
    let operation = Operation::new(scheme, key, tensor);
    let arch = crate::instruction_set::arch();
    let chunks: Vec<Tally> = tensor
        .data
        .par_chunks_mut(CHUNK)
        .enumerate()
        .map(|(chunk_idx, chunk)| {
            let first = chunk_idx * CHUNK;
            let mut old = [0.0; CHUNK];
            let old = &mut old[..chunk.len()];
            old.copy_from_slice(chunk);
            arch.dispatch(Damage { operation, region, first, old, chunk })
        })
        .collect();
    chunks.into_iter().sum()
}

/// What happens to one chunk, which starts at element `first` and holds a copy of itself in `old`.
///
/// It is no closure, since only what is always inlined is compiled for the processor's widest vectors. Those change no
/// bit: no sum is reordered, and Rust never fuses a product with a sum.
struct Damage<'a> {
    operation: Option<Operation>,
    region: Option<&'a Region>,
    first: usize,
    old: &'a [f32],
    chunk: &'a mut [f32],
}

impl WithSimd for Damage<'_> {
    type Output = Tally;

    #[expect(clippy::inline_always, reason = "vector instructions only reach what is inlined")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Tally {
        damage(self.operation, self.region, self.first, self.old, self.chunk)
    }
}

/// A function of its own, since the compiler knows of arguments that they do not overlap.
#[expect(clippy::inline_always, reason = "vector instructions only reach what is inlined")]
#[inline(always)]
fn damage(
    operation: Option<Operation>,
    region: Option<&Region>,
    first: usize,
    old: &[f32],
    chunk: &mut [f32],
) -> Tally {
    if let Some(operation) = operation {
        operation.run(first, chunk);
    }
    if let Some(region) = region {
        region.restore_outside(first, old, chunk);
    }
    Tally::new(old, chunk)
}

impl Operation {
    /// Nothing when the scheme leaves the tensor as it is.
    fn new(scheme: Scheme, key: Key, tensor: &TensorMut<'_>) -> Option<Self> {
        let stream = key.stream("");
        let reinitialise = |matrix: Self| match tensor.path.kind {
            Kind::Bias => Self::Constant(0.0),
            Kind::Weight if tensor.path.module.is_layer_norm() => Self::Constant(1.0),
            Kind::Weight => matrix,
        };
        let fan_in = tensor.shape.last().map_or(1.0, |n| *n as f64);
        match scheme {
            Scheme::Kaiming => Some(reinitialise(Self::Uniform { stream, bound: (6.0 / fan_in).sqrt() as f32 })),
            Scheme::KaimingLinear => Some(reinitialise(Self::Uniform { stream, bound: (1.0 / fan_in.sqrt()) as f32 })),
            Scheme::Normal { std } => Some(reinitialise(Self::Normal { stream, std })),
            Scheme::Gaussian { relative_std } => {
                let std = relative_std * statistics::std(tensor.data);
                (std > 0.0).then_some(Self::Noise { stream, std })
            }
            Scheme::Zero { fraction } => Some(Self::Zero { stream, chance: Chance::new(fraction) }),
            Scheme::SignFlip { fraction } => Some(Self::SignFlip { stream, chance: Chance::new(fraction) }),
            Scheme::BitFlip { rate, field } => {
                Some(Self::BitFlip { stream, chance: Chance::new(rate), mask: field.mask() })
            }
            Scheme::Quantize { bits: 1 } => {
                let level = statistics::mean_abs(tensor.data) as f32;
                Some(Self::Binarise { level })
            }
            Scheme::Quantize { bits } => {
                let step = statistics::max_abs(tensor.data) / f64::from((1_u32 << (bits - 1)) - 1);
                (step > 0.0).then_some(Self::Round { step })
            }
            Scheme::Shuffle { .. } | Scheme::Permute | Scheme::Skip | Scheme::Flip(_) => None,
        }
    }

    /// Damages `chunk`, which starts at element `first`, a multiple of [`CHUNK`].
    #[expect(clippy::inline_always, reason = "the caller's vector instructions only reach what is inlined")]
    #[inline(always)]
    fn run(self, first: usize, chunk: &mut [f32]) {
        let first = first as u64;
        match self {
            Self::Constant(value) => chunk.fill(value),
            Self::Uniform { stream, bound } => {
                let mut words = [0; CHUNK];
                let words = &mut words[..chunk.len()];
                stream.fill(first / 4, words);
                let step = bound * (1.0 / 8_388_608.0);
                for (x, word) in chunk.iter_mut().zip(words) {
                    *x = (word.cast_signed() >> 8) as f32 * step;
                }
            }
            Self::Normal { stream, std } => {
                for_each_normal(stream, first, chunk, |x, sample| *x = (std * sample) as f32);
            }
            Self::Noise { stream, std } => for_each_normal(stream, first, chunk, |x, sample| {
                // NaN's bits after arithmetic are the processor's choice.
                if x.is_finite() {
                    *x = (f64::from(*x) + std * sample) as f32;
                }
            }),
            Self::Zero { stream, chance } => for_each_chosen(stream, chance, first, chunk, |x| *x = 0.0),
            Self::SignFlip { stream, chance } => {
                for_each_chosen(stream, chance, first, chunk, |x| *x = f32::from_bits(x.to_bits() ^ 0x8000_0000));
            }
            Self::BitFlip { stream, chance, mask } => {
                for (x, group) in chunk.iter_mut().zip(first..) {
                    *x = f32::from_bits(x.to_bits() ^ chance.bits(&stream, group, mask));
                }
            }
            Self::Round { step } => {
                for x in chunk.iter_mut().filter(|x| x.is_finite()) {
                    *x = ((f64::from(*x) / step).round_ties_even() * step) as f32;
                }
            }
            Self::Binarise { level } => {
                for x in chunk.iter_mut().filter(|x| x.is_finite()) {
                    *x = if *x < 0.0 { -level } else { level };
                }
            }
        }
    }
}

/// Sample `e` for value `e`; a block of the stream makes two.
fn for_each_normal(stream: Stream, first: u64, chunk: &mut [f32], mut f: impl FnMut(&mut f32, f64)) {
    for (pair, block_idx) in chunk.chunks_mut(2).zip(first / 2..) {
        let [a, b, c, d] = stream.block(block_idx);
        for (x, (a, b)) in pair.iter_mut().zip([(a, b), (c, d)]) {
            f(x, normal(a, b));
        }
    }
}

/// The values that are chosen, each on its own.
fn for_each_chosen(stream: Stream, chance: Chance, first: u64, chunk: &mut [f32], f: impl Fn(&mut f32)) {
    for (values, group) in chunk.chunks_mut(32).zip(first / 32..) {
        let mut chosen = chance.bits(&stream, group, u32::MAX);
        while chosen != 0 {
            if let Some(x) = values.get_mut(chosen.trailing_zeros() as usize) {
                f(x);
            }
            chosen &= chosen - 1;
        }
    }
}
