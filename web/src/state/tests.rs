//! The round trip of a state through the address, and what the address refuses.

use super::super::{Given, Graft, Healing, Panel, State, Theme, Trained, View, Word, parse_seed};
use super::{Fields, encode};
use crate::failure::Failure;
use shared::random::Seed;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::UrlSearchParams;

fn state(plan: &str, seed: u64) -> State {
    State { plan: plan.to_owned(), seed: Seed(seed), ..State::default() }
}

#[wasm_bindgen_test]
fn address_reads_back_every_field() {
    let healing = Healing { learning_rate: 3e-5, steps: 77, batch_size: 8, trained: Trained::All };
    let everything = State {
        plan: "gaussian:0.3@all;zero:0.1@top:0.5/ffn".to_owned(),
        seed: Seed(u64::MAX),
        text: "Ümläute & \"quotes\" = 100 % + <b>#!</b> 😀".to_owned(),
        graft: Graft::parse("corrupted:healthy:layers:0-1/attention.head:2,pooler"),
        bundle: "minilm-l6_trec.2".to_owned(),
        view: View::Inside,
        lesson: Some(3),
        hide: [Panel::Plan, Panel::Healing].into(),
        more: true,
        layer: 2,
        head: 11,
        tensor: "bert.encoder.layer.0.attention.self.query.weight".to_owned(),
        healing,
        theme: Theme::Dark,
    };
    for state in [everything, state("a&b=c +%40#", 0), State::default()] {
        assert_eq!(State::from_hash(&state.to_hash()), (state, vec![]));
    }
}

#[wasm_bindgen_test]
fn every_word_reads_back_as_its_value() {
    fn check<T: Word + std::fmt::Debug>() {
        for (value, word) in T::WORDS {
            assert_eq!((T::from_word(word), value.word()), (Some(*value), *word));
        }
    }
    check::<View>();
    check::<Panel>();
    check::<Trained>();
    check::<Theme>();
}

#[wasm_bindgen_test]
fn plan_stays_readable_in_the_address() {
    let plan = "bitflip:1e-6,exponent@layers:0-2/attention.query";
    let hash = State { text: "a b".to_owned(), ..state(plan, 7) }.to_hash();
    assert_eq!(hash, format!("#plan={plan}&seed=7&text=a%20b"));
}

#[wasm_bindgen_test]
fn address_says_the_sentence_also_when_it_is_the_default() {
    let given = |hash: &str| ["plan", "seed", "text", "view", "hide"].map(|word| Given::by_hash(hash).has(word));
    assert_eq!(given(&State::default().to_hash()), [true, true, true, false, false]);
    assert_eq!(given("#seed=7"), [false, true, false, false, false]);
    assert_eq!(given("#unplan=1&text=&hide=plan&view="), [false, false, true, true, true]);
}

#[wasm_bindgen_test]
fn what_the_address_leaves_out_takes_its_default_and_unknown_fields_are_left_alone() {
    for hash in ["", "#", "#colour=red", "#seedling=4"] {
        assert_eq!(State::from_hash(hash), (State::default(), vec![]), "{hash}");
    }
    assert_eq!(State::from_hash("#colour=red&seed=4").0, state(&State::default().plan, 4));
}

#[wasm_bindgen_test]
fn an_address_without_a_plan_is_a_whole_model_and_the_page_always_writes_the_plan() {
    assert_eq!(State::from_hash("#seed=7&text=mine").0.plan, "");
    assert!(State::default().to_hash().starts_with("#plan=&seed=1&"));
    assert_eq!(State::from_hash("#plan=kaiming@bottom:0.67").0.plan, "kaiming@bottom:0.67");
}

#[wasm_bindgen_test]
fn fields_are_read_and_written_as_the_browser_does() {
    for text in [
        "a=1&b=2&a=3",
        "?a=1",
        "??a=1",
        "a",
        "a=b=c",
        "&&a=1&",
        "=1&a",
        "%61=%3D%26%2B",
        "a=%ff%c3%28&b=%C3%9C",
        "a=%&b=%4&c=%zz",
        "a=%EF%BB%BFx",
        "a=b c;d\u{0}",
    ] {
        let (ours, browsers) = (Fields::new(text), UrlSearchParams::new_with_str(text).unwrap());
        for field in ["a", "b", "c", "?a", ""] {
            assert_eq!(ours.get(field), browsers.get(field), "{field} of {text}");
        }
    }
    let every_character: String = (0..0x250).chain([0xFFFD, 0x1F600]).filter_map(char::from_u32).collect();
    let browsers = String::from(js_sys::encode_uri_component(&every_character));
    let readable = [("%40", "@"), ("%3A", ":"), ("%3B", ";"), ("%2C", ","), ("%2F", "/")];
    let expected = readable.iter().fold(browsers, |text, (code, character)| text.replace(code, character));
    assert_eq!(encode(&every_character), expected);
}

#[wasm_bindgen_test]
fn plus_sign_typed_into_the_address_stays_a_plus_sign() {
    assert_eq!(State::from_hash("#plan=zero:1e+0@all&seed=1").0, state("zero:1e+0@all", 1));
}

#[wasm_bindgen_test]
fn numbers_out_of_range_are_clamped_and_said() {
    let (state, refusals) = State::from_hash("#rate=7&steps=0&batch=1000&lesson=99");
    assert_eq!(state.healing, Healing { learning_rate: 1e-2, steps: 1, batch_size: 64, ..Healing::default() });
    assert_eq!(state.lesson, Some(crate::lessons::LESSONS.len()));
    assert_eq!(refusals.len(), 4, "{refusals:?}");
    assert_eq!(refusals[1], "rate=7 in the address lies outside 0.000001 to 0.01: taken as 0.01.");
}

#[wasm_bindgen_test]
fn what_cannot_be_read_is_refused_with_a_sentence_and_takes_its_default() {
    for (hash, start) in [
        ("#seed=-1", "seed=“-1” in the address is not a whole number"),
        ("#view=upside-down", "view=“upside-down” in the address is none of operate, inside"),
        ("#hide=plan,everything", "“everything” in the address cannot be hidden"),
        ("#rate=NaN", "rate=“NaN” in the address is not a number"),
        ("#bundle=../../etc", "bundle=“../../etc” in the address is no name"),
        ("#tensor=a/b", "tensor=“a/b” in the address is no name"),
        ("#more=yes", "more=“yes” in the address is not a number from 0 to 1"),
    ] {
        let (state, refusals) = State::from_hash(hash);
        assert!(refusals.len() == 1 && refusals[0].starts_with(start), "{hash}: {refusals:?}");
        assert_eq!(State { hide: State::default().hide, ..state }, State::default(), "{hash}");
    }
}

#[wasm_bindgen_test]
fn text_that_is_too_long_is_cut() {
    let (state, refusals) = State::from_hash(&format!("#text={}", "x".repeat(3000)));
    assert_eq!((state.text.len(), refusals.len()), (super::super::MAX_TEXT_CHARS, 1));
}

#[wasm_bindgen_test]
fn seed_that_is_no_whole_number_is_named_as_it_was_typed() {
    for text in ["-1", "1.5", "", "18446744073709551616", "a b"] {
        assert_eq!(parse_seed(text), Err(Failure::BadSeed { text: text.to_owned() }));
    }
    assert_eq!(parse_seed(" 12 "), Ok(Seed(12)));
}

#[wasm_bindgen_test]
fn a_graft_of_a_model_in_itself_or_of_nothing_is_refused() {
    for wrong in ["corrupted:corrupted:layers:0", "corrupted:healthy:", "corrupted:control:pooler", "corrupted", ""] {
        let (state, refusals) = State::from_hash(&format!("#graft={wrong}"));
        assert!(state.graft.is_none() && refusals.len() == 1, "{wrong}: {refusals:?}");
    }
}
