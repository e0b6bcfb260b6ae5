//! Parsers of single values; clap puts the flag and the value before what they say was expected.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use shared::Condition;

/// A whole number from 1 up.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| "expected a whole number, 1 or more".to_owned())
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
    number(text, "expected a fraction from 0 up, below 1", |x| (0.0..1.0).contains(&x))
}

/// The name of one of an experiment's models.
pub(super) fn condition() -> impl TypedValueParser<Value = Condition> {
    PossibleValuesParser::new([
        PossibleValue::new("healthy").help("Fine-tuned without corruption"),
        PossibleValue::new("control")
            .help("The healthy model fine-tuned once more with the healing's budget, undamaged"),
        PossibleValue::new("corrupted").help("After corruption, before healing"),
        PossibleValue::new("healed").help("Corrupted, then fine-tuned"),
    ])
    .try_map(|name| name.parse::<Condition>())
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
}
