//! Reading and printing are each other's inverse, for every plan there is.

use proptest::prelude::*;

use super::super::cursor::Typed;
use super::super::parameter::Number;
use super::super::plan::{Plan, Step};
use super::super::selection::{Amount, Component, IndexRange, Modules, Part, Place, Selection};
use super::super::{BitField, Scheme, WeightBit};
use crate::model::Kind;

fn fraction() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..1.0, (-12.0..0.0).prop_map(|exponent: f64| 10_f64.powf(exponent))]
}

fn magnitude() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(0.02), 0.0..10.0, (-30.0..30.0).prop_map(|exponent: f64| 10_f64.powf(exponent))]
}

fn scheme() -> impl Strategy<Value = Scheme> {
    let field = prop_oneof![prop::sample::select(BitField::GROUPS.to_vec()), (0..32_u32).prop_map(BitField::Bit),];
    let of_all = (prop::sample::select(Scheme::ALL.to_vec()), fraction(), magnitude(), 1..=16_u32, field).prop_map(
        |(scheme, fraction, magnitude, whole, field)| {
            let value = scheme.entry().parameter.map_or(0.0, |parameter| match parameter.kind.number {
                Number::Fraction => fraction,
                Number::Magnitude | Number::RelativeMagnitude => magnitude,
                Number::Whole => f64::from(whole),
            });
            scheme.with_value(value).with_field(field)
        },
    );
    prop_oneof![9 => of_all, 1 => weight_bit().prop_map(Scheme::Flip)]
}

fn weight_bit() -> impl Strategy<Value = WeightBit> {
    let index = || prop_oneof![9 => 0..3000_usize, 1 => Just(usize::MAX)];
    (index(), prop::option::of(index()), 0..32_u32).prop_map(|(row, column, bit)| WeightBit { row, column, bit })
}

fn range() -> impl Strategy<Value = IndexRange> {
    let index = || prop_oneof![9 => 0..30_usize, 1 => Just(usize::MAX)];
    (index(), index()).prop_map(|(a, b)| IndexRange { first: a.min(b), last: a.max(b), at: Typed(0) })
}

fn place() -> impl Strategy<Value = Place> {
    let amount =
        || prop_oneof![fraction().prop_map(Amount::Fraction), (0..40_usize).prop_map(|n| Amount::Layers(n, Typed(0)))];
    prop_oneof![
        Just(Place::None),
        Just(Place::All),
        Just(Place::Alternate),
        amount().prop_map(Place::Bottom),
        amount().prop_map(Place::Top),
        proptest::collection::vec(range(), 1..4).prop_map(Place::Layers),
        Just(Place::Embeddings),
        Just(Place::Pooler),
        Just(Place::Classifier),
    ]
}

fn component() -> impl Strategy<Value = Component> {
    let kind = || prop::sample::select(vec![Kind::Weight, Kind::Bias]);
    let group = prop::sample::select(vec![
        Modules::Attention,
        Modules::Query,
        Modules::Key,
        Modules::Value,
        Modules::Output,
        Modules::Ffn,
        Modules::FfnIn,
        Modules::FfnOut,
        Modules::LayerNorm,
        Modules::AttentionLayerNorm,
        Modules::FfnLayerNorm,
    ]);
    let tables = prop::sample::select(vec![Modules::Word, Modules::Position, Modules::TokenType]);
    prop_oneof![
        4 => (group, prop::option::of(kind())).prop_map(|(modules, kind)| Component { modules, kind }),
        1 => range().prop_map(|range| Component::of(Modules::Heads(range))),
        1 => tables.prop_map(Component::of),
        1 => kind().prop_map(|kind| Component { modules: Modules::All, kind: Some(kind) }),
    ]
}

fn selection() -> impl Strategy<Value = Selection> {
    let part = (any::<bool>(), place()).prop_map(|(is_negated, place)| Part { is_negated, place, at: Typed(0) });
    (proptest::collection::vec(part, 1..5), proptest::collection::vec(component(), 0..4))
        .prop_map(|(parts, components)| Selection::new(parts, components, String::new()))
        // What no text says: components of layers or embeddings without these, which the grammar refuses.
        .prop_filter("refused by the grammar", |selection| {
            let is_outside = |part: &Part| part.is_negated || part.place.is_outside_layers();
            let is_embeddings = |part: &Part| !part.is_negated && part.place == Place::Embeddings;
            selection.components.is_empty()
                || (!selection.parts.iter().all(is_outside)
                    || !selection.components.iter().all(Component::is_of_layers))
                    && (selection.parts.iter().any(is_embeddings)
                        || !selection.components.iter().all(Component::is_of_embeddings))
        })
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = (scheme(), selection()).prop_filter("refused by the grammar", |(scheme, selection)| {
        let is_plain = |part: &Part| part.is_negated || !part.place.is_outside_layers();
        match scheme {
            Scheme::Permute => selection.heads().next().is_none() && selection.parts.iter().all(is_plain),
            Scheme::Skip => selection.components.is_empty() && selection.parts.iter().all(is_plain),
            _ => true,
        }
    });
    let step = step.prop_map(|(scheme, selection)| Step { scheme, selection, at: Typed(0) });
    proptest::collection::vec(step, 1..4).prop_map(|steps| Plan { steps, input: Typed(String::new()) })
}

/// The same plan as a person might type it: with spaces around the signs, and in capitals.
fn spaced(canonical: &str) -> String {
    let mut text = String::new();
    for c in canonical.chars() {
        if ";@,/:".contains(c) {
            text.extend([' ', c, '\t']);
        } else {
            text.push(c.to_ascii_uppercase());
        }
    }
    text
}

proptest! {
    #[test]
    fn reading_what_was_printed_gives_the_same_plan(plan in plan()) {
        let printed = plan.to_string();
        let read = Plan::parse(&printed).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &plan);
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn spaces_and_capitals_do_not_matter(plan in plan()) {
        let printed = plan.to_string();
        let typed = spaced(&printed);
        let read = Plan::parse(&typed).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read, plan);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[ a-z0-9@:;,./%L\u{e9}-]{0,40}") {
        if let Err(error) = Plan::parse(&text) {
            prop_assert!(error.position <= text.len());
            prop_assert!(text.is_char_boundary(error.position));
            prop_assert!(error.to_string().ends_with('^'));
        }
    }

    #[test]
    fn damaged_plans_give_errors_and_no_panic(plan in plan(), at in 0..60_usize, c in any::<char>()) {
        let mut characters: Vec<char> = plan.to_string().chars().collect();
        let at = at.min(characters.len() - 1);
        characters[at] = c;
        let text: String = characters.into_iter().collect();
        if let Ok(read) = Plan::parse(&text) {
            let printed = read.to_string();
            prop_assert_eq!(Plan::parse(&printed).unwrap(), read);
        }
    }
}
