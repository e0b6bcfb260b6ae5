//! Parsers of single values; clap puts the flag and the value before what they say was expected.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use shared::Condition;
use shared::bundle::{BitMix, Encoding, MAX_BITS, MIN_BITS};
use shared::dataset::{Delimiter, Split};
use shared::record::Protocol;
use shared::surgery::Rest;
use shared::training::Precision;
use shared::words::listed;

use crate::device::DtypeChoice;

/// A whole number from 1 up.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

/// A whole even number from 4 up: pairs, of which an interval needs two.
pub(super) fn even_count(text: &str) -> Result<usize, String> {
    let is_even = |n: &usize| *n >= 4 && n.is_multiple_of(2);
    text.parse().ok().filter(is_even).ok_or_else(|| "expected a whole even number, 4 or more".to_owned())
}

/// A finite number above 0.
pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    number(text, "expected a number above 0, such as 5e-5", |x| x > 0.0)
}

/// A finite number from 0 up.
pub(super) fn zero_or_more(text: &str) -> Result<f64, String> {
    number(text, "expected a number, 0 or more", |x| x >= 0.0)
}

/// A number from 0 to 1.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    number(text, "expected a fraction from 0 to 1", |x| (0.0..=1.0).contains(&x))
}

/// A probability of dropping: from 0 up, below 1.
pub(super) fn dropout(text: &str) -> Result<f64, String> {
    number(text, "expected a fraction of at least 0 and below 1", |x| (0.0..1.0).contains(&x))
}

/// The name of one of an experiment's models.
pub(super) fn condition() -> impl TypedValueParser<Value = Condition> {
    one_of([
        (Condition::Healthy, "healthy", "Fine-tuned without corruption"),
        (
            Condition::Control,
            "control",
            "The healthy model fine-tuned once more with the healing's budget, without damage",
        ),
        (Condition::Corrupted, "corrupted", "After corruption, before healing"),
        (Condition::Healed, "healed", "Corrupted, then fine-tuned"),
    ])
}

/// When the damage is done.
pub(super) fn protocol() -> impl TypedValueParser<Value = Protocol> {
    one_of([
        (Protocol::Pretrained, "pretrained", "Pre-trained → corrupt → fine-tune"),
        (Protocol::Finetuned, "finetuned", "Pre-trained → fine-tune → corrupt → fine-tune again"),
    ])
}

/// What becomes of embeddings, pooler and classifier when layers are mixed.
pub(super) fn rest() -> impl TypedValueParser<Value = Rest> {
    one_of([
        (Rest::Player, "player", "They are one more part that can be to blame, the rest"),
        (Rest::FixedHealthy, "fixed-healthy", "They are the healthy model's in every mix"),
        (Rest::FixedDamaged, "fixed-damaged", "They are the damaged model's in every mix"),
    ])
}

/// A number format.
pub(super) fn dtype() -> impl TypedValueParser<Value = DtypeChoice> {
    one_of([
        (DtypeChoice::Auto, "auto", "f32, and a note of what bf16 would give on this machine"),
        (DtypeChoice::Is(Precision::F32), "f32", "Single precision throughout"),
        (
            DtypeChoice::Is(Precision::Bf16),
            "bf16",
            "Factors of products rounded to bf16, sums, weights and loss in f32: CUDA, or a CPU with AVX512-BF16",
        ),
    ])
}

/// A split of a dataset.
pub(super) fn split() -> impl TypedValueParser<Value = Split> {
    one_of([
        (Split::Train, "train", "The training split"),
        (Split::Validation, "validation", "The validation split"),
        (Split::Test, "test", "The test split"),
    ])
}

/// What separates columns: its name, or the character itself.
pub(super) fn delimiter() -> impl TypedValueParser<Value = Delimiter> {
    clap::builder::StringValueParser::new().try_map(|given: String| {
        let is_it = |delimiter: &Delimiter| {
            let written = char::from(delimiter.byte()).to_string();
            given == delimiter.name() || given == written || (*delimiter == Delimiter::Tab && given == "\\t")
        };
        let names = Delimiter::ALL.map(Delimiter::name);
        let found = Delimiter::ALL.into_iter().find(is_it);
        found.ok_or_else(|| format!("expected {}, or the character itself", listed(&names, "or")))
    })
}

/// One of a few values by its name, each with its line of help. For types of crates that do not know clap; a type of a
/// command's own derives `ValueEnum`.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    values: [(T, &'static str, &'static str); N],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(values.map(|(_, name, help)| PossibleValue::new(name).help(help))).try_map(move |given| {
        let value = values.iter().find(|(_, name, _)| *name == given);
        value.map(|(value, ..)| *value).ok_or_else(|| format!("there is no {given}"))
    })
}

/// Bits of a weight by part of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    embeddings: u32,
    attention: u32,
    ffn: u32,
    other: u32,
}

impl Bits {
    /// The encodings, with blocks of so many weights.
    #[must_use]
    pub fn mix(self, block: usize) -> BitMix {
        let encoding = |bits| match bits {
            16 => Encoding::F16,
            32 => Encoding::F32,
            bits => Encoding::Blocks { bits, block },
        };
        BitMix {
            embeddings: encoding(self.embeddings),
            attention: encoding(self.attention),
            ffn: encoding(self.ffn),
            other: encoding(self.other),
        }
    }
}

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = |text: &str| {
            let is_known = |bits: &u32| (MIN_BITS..=MAX_BITS).contains(bits) || [16, 32].contains(bits);
            let expected = || format!("expected {MIN_BITS} to {MAX_BITS}, 16 or 32 bits, got {text:?}");
            text.trim().parse().ok().filter(is_known).ok_or_else(expected)
        };
        if !text.contains('=') {
            let bits = bits(text)?;
            return Ok(Self { embeddings: bits, attention: bits, ffn: bits, other: bits });
        }
        let (mut embeddings, mut attention, mut ffn, mut other) = (None, None, None, None);
        for part in text.split(',') {
            let (name, n) = part.split_once('=').ok_or_else(|| format!("expected PART=BITS, got {part:?}"))?;
            let place = match name.trim() {
                "embeddings" => &mut embeddings,
                "attention" => &mut attention,
                "ffn" => &mut ffn,
                "other" => &mut other,
                name => return Err(format!("expected embeddings, attention, ffn or other, got {name:?}")),
            };
            if place.replace(bits(n)?).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let given = |bits: Option<u32>, name: &str| bits.ok_or_else(|| format!("{name} is missing"));
        Ok(Self {
            embeddings: given(embeddings, "embeddings")?,
            attention: given(attention, "attention")?,
            ffn: given(ffn, "ffn")?,
            other: given(other, "other")?,
        })
    }
}

fn number(text: &str, expected: &str, is_allowed: impl Fn(f64) -> bool) -> Result<f64, String> {
    let x = text.parse().ok().filter(|x: &f64| x.is_finite() && is_allowed(*x)).ok_or_else(|| expected.to_owned())?;
    // Minus zero would be another number in the canonical spec.
    Ok(x + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parser_takes_its_ends_and_refuses_what_lies_beyond() {
        assert_eq!(count("1"), Ok(1));
        assert!(["0", "-1", "1.5", "", "1e3", "99999999999999999999"].iter().all(|text| count(text).is_err()));
        assert_eq!(above_zero("5e-5"), Ok(5e-5));
        assert!(["0", "-1", "nan", "inf", "1e999", "5e-5x", ""].iter().all(|text| above_zero(text).is_err()));
        assert_eq!(zero_or_more("0"), Ok(0.0));
        assert!(["-0.1", "NaN", "infinity"].iter().all(|text| zero_or_more(text).is_err()));
        assert_eq!((fraction("0"), fraction("1")), (Ok(0.0), Ok(1.0)));
        assert!(["1.01", "-0.01", "50%"].iter().all(|text| fraction(text).is_err()));
        assert_eq!(dropout("0.99"), Ok(0.99));
        assert!(dropout("1").is_err());
    }

    #[test]
    fn minus_zero_is_zero() {
        assert!(zero_or_more("-0").unwrap().is_sign_positive());
    }

    #[test]
    fn bits_are_one_number_or_one_for_each_part() {
        assert_eq!("6".parse(), Ok(Bits { embeddings: 6, attention: 6, ffn: 6, other: 6 }));
        let mixed = Ok(Bits { embeddings: 4, attention: 6, ffn: 5, other: 32 });
        assert_eq!("ffn=5, embeddings=4,attention=6,other=32".parse(), mixed);
        for (text, said) in [
            ("9", "2 to 8"),
            ("1", "got \"1\""),
            ("embeddings=4", "attention is missing"),
            ("embeddings=4,embeddings=4", "twice"),
            ("pooler=4", "got \"pooler\""),
            ("embeddings=4,6", "PART=BITS"),
        ] {
            let error = text.parse::<Bits>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
