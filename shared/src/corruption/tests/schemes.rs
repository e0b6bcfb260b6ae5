//! The entries of all schemes fit together.

use std::collections::BTreeSet;

use super::super::{Anatomy, Plan, Reach, Scheme};
use super::EVERY_SCHEME;
use crate::model::Architecture;

#[test]
fn every_scheme_can_be_written_read_and_told_from_the_others() {
    let mut seen = BTreeSet::new();
    for scheme in Scheme::ALL {
        let entry = scheme.entry();
        for words in [entry.keyword, entry.label, entry.help] {
            assert!(!words.is_empty() && seen.insert(words), "{words:?}");
        }
        let plan = Plan::parse(&format!("{scheme}@all")).unwrap();
        assert_eq!(plan.steps()[0].scheme(), scheme);
        assert!(scheme.usage().starts_with(entry.keyword));
    }
}

#[test]
fn a_schemes_own_example_and_default_are_values_it_takes() {
    for scheme in Scheme::ALL {
        let (keyword, parameter) = (scheme.keyword(), scheme.entry().parameter);
        let Some(kind) = parameter.map(|parameter| parameter.kind) else {
            assert_eq!(scheme.with_value(0.3), scheme);
            continue;
        };
        let example: f64 = kind.example.parse().unwrap();
        let of = |plan: &str| Plan::parse(plan).unwrap().steps()[0].scheme();
        assert_eq!(of(&format!("{keyword}:{example}@all")), scheme.with_value(example));
        assert!((kind.least..=kind.most).contains(&example), "{keyword}");
        if let Some(default) = kind.default {
            assert_eq!(of(&format!("{keyword}@all")), scheme.with_value(default));
            assert_eq!(scheme.with_value(default).to_string(), keyword);
        }
    }
}

#[test]
fn every_scheme_is_described_without_a_gap() {
    let anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 6, n_heads: 12 };
    for scheme in Scheme::ALL {
        let is_of_one = scheme.entry().reach == Reach::OneTensor;
        let (selection, expected) =
            if is_of_one { ("pooler", "the pooler") } else { ("bottom:0.5", "layers 0–2 of 6") };
        let sentence = Plan::parse(&format!("{scheme}@{selection}")).unwrap().describe(anatomy).unwrap();
        assert!(sentence.contains(expected) && !sentence.contains(['{', '}']), "{sentence}");
    }
}

#[test]
fn every_scheme_is_among_those_that_are_tested() {
    // Those of one tensor and of no layer have tests of their own.
    let is_apart = |scheme: &Scheme| scheme.entry().reach == Reach::OneTensor || *scheme == Scheme::Skip;
    for scheme in Scheme::ALL.into_iter().filter(|scheme| !is_apart(scheme)) {
        let is_tested = |plan: &&str| Plan::parse(plan).unwrap().steps()[0].scheme().keyword() == scheme.keyword();
        assert!(EVERY_SCHEME.iter().any(is_tested), "{scheme}");
    }
}
