//! Which bits are flipped: a stratified sample of all pairs of a weight and one of its bits.

use std::collections::BTreeSet;
use std::fmt;

use super::error::CensusError;
use crate::corruption::WeightBit;
use crate::model::{Kind, LayerModule, ModelConfig, Module, ParameterPath};
use crate::random::Seed;

/// Bits of an IEEE 754 binary32 that are drawn from together: each of those that can do much stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BitClass {
    /// Bit 31.
    Sign,
    /// One of the bits 30 (the highest) to 23.
    Exponent(u32),
    /// Bits 22 to 16, which bf16 has as well.
    HighMantissa,
    /// Bits 15 to 0.
    LowMantissa,
}

/// The tensors that are drawn from together: the same of all layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The word table.
    Word,
    /// The position table and, where there is one, that of token types.
    Position,
    /// The query projections' weights.
    Query,
    /// The key projections' weights.
    Key,
    /// The value projections' weights.
    Value,
    /// The attention's output projections' weights.
    AttentionOutput,
    /// The weights of the feed-forward networks' first halves.
    FfnIn,
    /// The weights of their second halves.
    FfnOut,
    /// Weights and biases of all LayerNorms.
    LayerNorm,
    /// The biases of the encoder layers' dense layers.
    Bias,
    /// The pooler's weight and bias.
    Pooler,
    /// The classifier's weight and bias.
    Classifier,
}

/// Where in the stack a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The look-up tables and their LayerNorm.
    Embeddings,
    /// An encoder layer, from 0 at the bottom.
    Layer(usize),
    /// Pooler and classifier.
    Head,
}

/// A class of bits of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// The bits.
    pub bits: BitClass,
    /// The tensors.
    pub component: Component,
    /// Pairs of a weight and one of these bits.
    pub n_pairs: u64,
    /// How many of them are flipped.
    pub n_flips: u64,
}

/// One bit that is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The tensor.
    pub path: ParameterPath,
    /// Its weight and bit.
    pub weight: WeightBit,
    /// Its place among [`Sample::strata`].
    pub stratum_idx: usize,
}

/// What a census flips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Every class of bits of every component that the model has.
    pub strata: Vec<Stratum>,
    /// In an order drawn from the seed, so that the first of them are a sample as well.
    pub flips: Vec<Flip>,
}

/// Fewer of a stratum would say nothing about its spread.
const LEAST_FLIPS: u64 = 2;

impl Sample {
    /// Draws `n_flips` different pairs of a weight and a bit. Each stratum gets two; the others are shared out in
    /// proportion to the square root of its pairs, the power allocation of Bankier 1988 (*The American Statistician* 42),
    /// a compromise between figures for the whole and figures for small parts. Within a stratum every pair is as likely.
    ///
    /// # Errors
    /// When there are fewer flips than two a stratum, or more than pairs.
    pub fn draw(config: &ModelConfig, n_flips: usize, seed: Seed) -> Result<Self, CensusError> {
        let paths = config.parameters();
        let members = |component| {
            let of_component = paths.iter().copied().filter(move |path| Component::of(*path) == component);
            of_component.map(|path| (path, config.shape_of(path))).collect::<Vec<_>>()
        };
        let mut strata = Vec::new();
        for component in Component::ALL {
            let n_weights: u64 = members(component).iter().map(|(_, shape)| n_values(shape)).sum();
            for bits in BitClass::ALL {
                let n_pairs = n_weights * u64::from(bits.n());
                strata.push(Stratum { bits, component, n_pairs, n_flips: n_pairs.min(LEAST_FLIPS) });
            }
        }
        strata.retain(|stratum| stratum.n_pairs > 0);
        allocate(&mut strata, n_flips as u64)?;

        let mut flips = Vec::with_capacity(n_flips);
        for (stratum_idx, stratum) in strata.iter().enumerate() {
            let members = members(stratum.component);
            for pair in draw_pairs(stratum, stratum_idx, seed) {
                let bit = stratum.bits.lowest() + (pair % u64::from(stratum.bits.n())) as u32;
                let (path, weight) = weight_at(&members, pair / u64::from(stratum.bits.n()), bit);
                flips.push(Flip { path, weight, stratum_idx });
            }
        }
        seed.stream("census", "order").shuffle(&mut flips);
        Ok(Self { strata, flips })
    }
}

/// Shares out what is left after each stratum has its least, one flip after the other, to the stratum with the highest
/// quotient √pairs / (flips + 1) (D'Hondt's method).
fn allocate(strata: &mut [Stratum], n_flips: u64) -> Result<(), CensusError> {
    let least: u64 = strata.iter().map(|stratum| stratum.n_flips).sum();
    let most: u64 = strata.iter().map(|stratum| stratum.n_pairs).sum();
    if !(least..=most).contains(&n_flips) {
        return Err(CensusError::FlipCount { least, most, got: n_flips, n_strata: strata.len() });
    }
    for _ in least..n_flips {
        let quotient = |stratum: &Stratum| libm::sqrt(stratum.n_pairs as f64) / (stratum.n_flips + 1) as f64;
        let open = strata.iter_mut().filter(|stratum| stratum.n_flips < stratum.n_pairs);
        // The first of equals, as `max_by` would take the last.
        let next = open.reduce(|best, stratum| if quotient(stratum) > quotient(best) { stratum } else { best });
        if let Some(stratum) = next {
            stratum.n_flips += 1;
        }
    }
    Ok(())
}

/// Different pairs of a stratum, by their number.
fn draw_pairs(stratum: &Stratum, stratum_idx: usize, seed: Seed) -> BTreeSet<u64> {
    let stream = seed.stream_at("census", "pairs", stratum_idx as u64);
    let mut drawn = BTreeSet::new();
    let mut draw = 0;
    while (drawn.len() as u64) < stratum.n_flips {
        drawn.insert(stream.below_at(draw, stratum.n_pairs));
        draw += 1;
    }
    drawn
}

/// The weight with this number over all tensors.
fn weight_at(members: &[(ParameterPath, Vec<usize>)], mut number: u64, bit: u32) -> (ParameterPath, WeightBit) {
    for (path, shape) in members {
        if number < n_values(shape) {
            return (*path, WeightBit::at(number as usize, shape, bit));
        }
        number -= n_values(shape);
    }
    unreachable!("a pair is drawn from those that there are")
}

fn n_values(shape: &[usize]) -> u64 {
    shape.iter().product::<usize>() as u64
}

impl BitClass {
    /// From the sign down.
    pub const ALL: [Self; 11] = [
        Self::Sign,
        Self::Exponent(30),
        Self::Exponent(29),
        Self::Exponent(28),
        Self::Exponent(27),
        Self::Exponent(26),
        Self::Exponent(25),
        Self::Exponent(24),
        Self::Exponent(23),
        Self::HighMantissa,
        Self::LowMantissa,
    ];

    /// The number of bits.
    fn n(self) -> u32 {
        match self {
            Self::Sign | Self::Exponent(_) => 1,
            Self::HighMantissa => 7,
            Self::LowMantissa => 16,
        }
    }

    fn lowest(self) -> u32 {
        match self {
            Self::Sign => 31,
            Self::Exponent(bit) => bit,
            Self::HighMantissa => 16,
            Self::LowMantissa => 0,
        }
    }
}

impl fmt::Display for BitClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sign => f.write_str("sign (31)"),
            Self::Exponent(bit) => write!(f, "exponent {bit}"),
            Self::HighMantissa => f.write_str("mantissa 22-16"),
            Self::LowMantissa => f.write_str("mantissa 15-0"),
        }
    }
}

impl Component {
    /// In the order of a forward pass.
    pub const ALL: [Self; 12] = [
        Self::Word,
        Self::Position,
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::FfnIn,
        Self::FfnOut,
        Self::LayerNorm,
        Self::Bias,
        Self::Pooler,
        Self::Classifier,
    ];

    /// The component that a parameter belongs to.
    #[must_use]
    pub fn of(path: ParameterPath) -> Self {
        match (path.module, path.kind) {
            (Module::WordEmbeddings, _) => Self::Word,
            (Module::PositionEmbeddings | Module::TokenTypeEmbeddings, _) => Self::Position,
            (Module::Pooler, _) => Self::Pooler,
            (Module::Classifier, _) => Self::Classifier,
            (module, _) if module.is_layer_norm() => Self::LayerNorm,
            (_, Kind::Bias) => Self::Bias,
            (Module::Layer(_, LayerModule::Query), _) => Self::Query,
            (Module::Layer(_, LayerModule::Key), _) => Self::Key,
            (Module::Layer(_, LayerModule::Value), _) => Self::Value,
            (Module::Layer(_, LayerModule::AttentionOutput), _) => Self::AttentionOutput,
            (Module::Layer(_, LayerModule::FfnIn), _) => Self::FfnIn,
            (Module::Layer(_, LayerModule::FfnOut), _) => Self::FfnOut,
            (Module::Layer(..) | Module::EmbeddingsLayerNorm, _) => Self::LayerNorm,
        }
    }
}

impl fmt::Display for Component {
    /// In the words of plans.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word => "word",
            Self::Position => "position, type",
            Self::Query => "attention.query",
            Self::Key => "attention.key",
            Self::Value => "attention.value",
            Self::AttentionOutput => "attention.output",
            Self::FfnIn => "ffn.in",
            Self::FfnOut => "ffn.out",
            Self::LayerNorm => "layernorm",
            Self::Bias => "bias",
            Self::Pooler => "pooler",
            Self::Classifier => "classifier",
        })
    }
}

impl Place {
    /// Where a parameter is.
    #[must_use]
    pub fn of(path: ParameterPath) -> Self {
        match path.module {
            Module::Layer(layer_idx, _) => Self::Layer(layer_idx),
            Module::Pooler | Module::Classifier => Self::Head,
            _ => Self::Embeddings,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embeddings => f.write_str("embeddings"),
            Self::Layer(layer_idx) => write!(f, "layer {layer_idx}"),
            Self::Head => f.write_str("head"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ModelConfig {
        ModelConfig::from_json(
            br#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 3,
                 "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 12, "num_labels": 2}"#,
        )
        .unwrap()
    }

    #[test]
    fn every_pair_is_in_one_stratum_and_every_flip_in_its_own() {
        let config = config();
        let sample = Sample::draw(&config, 400, Seed(1)).unwrap();
        assert_eq!(sample.flips.len(), 400);
        let n_pairs: u64 = sample.strata.iter().map(|stratum| stratum.n_pairs).sum();
        assert_eq!(n_pairs, 32 * config.n_parameters() as u64);
        let mut counts = vec![0; sample.strata.len()];
        let mut seen = BTreeSet::new();
        for Flip { path, weight, stratum_idx } in &sample.flips {
            counts[*stratum_idx] += 1;
            let stratum = sample.strata[*stratum_idx];
            assert_eq!(stratum.component, Component::of(*path));
            assert!((stratum.bits.lowest()..stratum.bits.lowest() + stratum.bits.n()).contains(&weight.bit));
            let offset = weight.offset(&config.shape_of(*path)).expect("a weight that is there");
            assert!(seen.insert((*path, offset, weight.bit)), "{path} {weight} twice");
        }
        for (stratum, count) in sample.strata.iter().zip(counts) {
            assert!(stratum.n_flips == count && count >= 2, "{stratum:?}: {count}");
        }
    }

    #[test]
    fn the_larger_the_stratum_the_more_flips_by_the_root() {
        let sample = Sample::draw(&config(), 4000, Seed(1)).unwrap();
        let of = |bits, component| {
            sample.strata.iter().find(|stratum| (stratum.bits, stratum.component) == (bits, component)).unwrap()
        };
        let (low, sign) = (of(BitClass::LowMantissa, Component::Word), of(BitClass::Sign, Component::Word));
        assert_eq!(low.n_pairs, 16 * sign.n_pairs);
        let ratio = low.n_flips as f64 / sign.n_flips as f64;
        assert!((ratio - 4.0).abs() < 0.3, "{low:?} {sign:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_does_not() {
        let draw = |seed| Sample::draw(&config(), 300, Seed(seed)).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).flips, draw(2).flips);
    }

    #[test]
    fn too_few_and_too_many_flips_are_refused() {
        let error = Sample::draw(&config(), 263, Seed(1)).unwrap_err().to_string();
        assert!(error.starts_with("expected 264 to ") && error.ends_with("flips for 132 strata, got 263"), "{error}");
        assert_eq!(Sample::draw(&config(), 264, Seed(1)).unwrap().flips.len(), 264);
        assert!(Sample::draw(&config(), 10_000_000, Seed(1)).is_err());
    }
}
