//! The plan by its drawing, its sliders, its scheme and its text, and what the worker says it did.

use super::*;
use crate::components::damage_panel::DamagePanel;
use crate::state::Panel;
use shared::corruption::Scheme;

#[wasm_bindgen_test]
async fn sliders_the_drawing_and_the_text_show_one_plan_whichever_is_changed() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (bottom, top, plan) = (test_id("bottom"), test_id("top"), test_id("plan"));
    let pressed = |layer: usize| page.find(&test_id(&format!("layer-{layer}"))).get_attribute("aria-pressed").unwrap();
    assert_eq!((page.value(&bottom), page.value(&top), page.value(&plan)), ("3".into(), "0".into(), page.plan()));
    assert_eq!([pressed(0), pressed(2), pressed(3)], ["true", "true", "false"]);

    page.enter(&bottom, "1").await;
    page.enter(&top, "2").await;
    assert_eq!(page.plan(), "kaiming@layers:0.4-5");
    assert_eq!(page.value(&plan), page.plan());
    assert_eq!([pressed(0), pressed(1), pressed(4), pressed(5)], ["true", "false", "true", "true"]);
    assert!(page.text("output[for=top]").starts_with("2 of 6 (33 %)"), "{}", page.text("output[for=top]"));

    page.click(&test_id("layer-3")).await;
    assert_eq!((page.plan().as_str(), page.value(&top)), ("kaiming@layers:0.3-5", "3".to_owned()));
    page.enter(&plan, "zero:0.5@top:1L").await;
    assert_eq!((page.value(&bottom), page.value(&top), pressed(0)), ("0".into(), "1".into(), "false".into()));
}

#[wasm_bindgen_test]
async fn a_wrong_plan_is_pointed_at_while_it_is_typed_and_one_that_is_right_again_is_not() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (plan, problem) = (test_id("plan"), test_id("plan-error"));
    assert_eq!(page.text(&problem), "");
    page.enter(&plan, "kaiming@layers:0-9").await;
    let caret = page.text(&format!("{problem} pre"));
    let (text, place) = caret.split_once('\n').unwrap();
    assert_eq!((text.trim(), place.find('^')), ("kaiming@layers:0-9", text.find("0-9")));
    assert_eq!(page.find(&plan).get_attribute("aria-invalid").as_deref(), Some("true"));
    page.enter(&plan, "kaiming@layers:0-5").await;
    assert_eq!((page.text(&problem), page.find(&plan).get_attribute("aria-invalid")), (String::new(), None));
    assert_eq!(page.plan(), "kaiming@layers:0-5");
}

#[wasm_bindgen_test]
async fn a_scheme_is_chosen_for_what_is_damaged_and_its_number_stays_in_its_range() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (scheme, strength) = (test_id("scheme"), test_id("strength"));
    assert_eq!((page.value(&scheme), page.has(&strength)), ("kaiming".into(), false));
    page.enter(&scheme, "zero").await;
    assert_eq!(page.plan(), format!("zero:{}@bottom:0.5", page.value(&strength)));
    page.enter(&strength, "7").await;
    assert_eq!(page.plan(), "zero:1@bottom:0.5");
    page.enter(&strength, "many").await;
    assert_eq!(page.plan(), "zero:1@bottom:0.5");
    page.enter(&scheme, "bitflip").await;
    page.enter("#bits", "sign").await;
    assert!(page.plan().ends_with(",sign@bottom:0.5"), "{}", page.plan());
    // The text decides as well.
    page.enter(&test_id("plan"), "quantize:3@all").await;
    assert_eq!((page.value(&scheme), page.value(&strength)), ("quantize".into(), "3".into()));
}

#[wasm_bindgen_test]
async fn a_seed_is_a_whole_number_or_a_sentence_at_its_field() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let seed = test_id("seed");
    page.enter(&seed, &u64::MAX.to_string()).await;
    page.enter(&seed, "1.5").await;
    assert_eq!(page.store.state.with_untracked(|state| state.seed), Seed(u64::MAX));
    assert!(page.text("#seed-problem").contains("“1.5” is not a seed"));
    page.enter(&seed, "7").await;
    assert_eq!(
        (page.store.state.with_untracked(|state| state.seed), page.text("#seed-problem")),
        (Seed(7), String::new())
    );
}

#[wasm_bindgen_test]
async fn a_dice_roll_is_another_seed_of_six_digits_and_ends_what_was_said_of_a_wrong_one() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    page.enter(&test_id("seed"), "one").await;
    assert!(page.text("#seed-problem").contains("“one” is not a seed"));
    let mut seeds = std::collections::BTreeSet::new();
    for _ in 0..4 {
        page.click(&test_id("roll-seed")).await;
        seeds.insert(page.store.state.with_untracked(|state| state.seed.0));
        assert_eq!(page.value(&test_id("seed")), seeds_text(&page));
    }
    assert!(seeds.len() > 1 && seeds.iter().all(|seed| *seed < 1_000_000), "{seeds:?}");
    assert_eq!(page.text("#seed-problem"), "");
}

fn seeds_text(page: &Mounted) -> String {
    page.store.state.with_untracked(|state| state.seed.0.to_string())
}

#[wasm_bindgen_test]
async fn a_component_is_damaged_alone_and_a_second_click_restores_it() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    page.press_button("Make it whole").await;
    assert_eq!(page.plan(), "");
    let query = "[data-testid=\"component-2-attention.query\"]";
    let pressed = |selector: &str| page.attribute(selector, "aria-pressed").unwrap();
    page.click(query).await;
    assert_eq!(page.plan(), "kaiming@layers:2/attention.query");
    assert_eq!(
        [pressed(query), pressed(&test_id("layer-2")), pressed(&test_id("layer-1"))],
        ["true", "mixed", "false"]
    );
    page.click(query).await;
    assert_eq!((page.plan(), pressed(&test_id("layer-2"))), (String::new(), "false".to_owned()));
}

#[wasm_bindgen_test]
async fn a_cleared_plan_comes_back_with_the_scheme_that_was_chosen_last() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    page.enter(&test_id("plan"), "signflip:0.25@top:1L").await;
    page.press_button("Make it whole").await;
    assert_eq!(page.value(&test_id("scheme")), Scheme::SignFlip { fraction: 0.25 }.keyword());
    page.click(&test_id("layer-1")).await;
    assert_eq!(page.plan(), "signflip:0.25@layers:1");
}

#[wasm_bindgen_test]
async fn one_stop_of_tab_leads_into_the_drawing_and_arrow_keys_lead_around_in_it() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let stops = || page.all(".network button[tabindex=\"0\"]").len();
    let focused = || {
        let element = document().active_element().unwrap();
        [element.get_attribute("data-row"), element.get_attribute("data-column")].map(Option::unwrap_or_default)
    };
    let here = || format!("[data-row=\"{}\"][data-column=\"{}\"]", focused()[0], focused()[1]);
    assert_eq!(stops(), 1);
    page.find(".network button[tabindex=\"0\"]").focus().unwrap();
    // Classifier, pooler, the top layer; then to its first component, and down to the embeddings, which have none.
    for (key, place) in [
        ("ArrowUp", ["0", "0"]),
        ("ArrowDown", ["1", "0"]),
        ("ArrowDown", ["2", "0"]),
        ("ArrowRight", ["2", "1"]),
        ("ArrowDown", ["3", "1"]),
        ("Home", ["3", "0"]),
    ] {
        page.press_key(&here(), key).await;
        assert_eq!((focused(), stops()), (place.map(str::to_owned), 1), "{key}");
    }
    assert_eq!(document().active_element().unwrap().get_attribute("data-testid").as_deref(), Some("layer-4"));
}

#[wasm_bindgen_test]
async fn what_a_link_hides_is_off_the_page_and_nothing_else_is() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let parts = [
        (Panel::Network, test_id("network")),
        (Panel::Sliders, test_id("bottom")),
        (Panel::Scheme, test_id("scheme")),
        (Panel::Plan, test_id("plan")),
        (Panel::Seed, test_id("seed")),
    ];
    for (hidden, _) in &parts {
        page.store.choose(|state| state.hide = [*hidden].into());
        page.settled().await;
        for (panel, selector) in &parts {
            assert_eq!(page.has(selector), panel != hidden, "{selector} while {hidden:?} is hidden");
        }
    }
}

#[wasm_bindgen_test]
async fn of_a_slider_that_is_dragged_the_worker_hears_the_first_place_and_the_last() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    page.model_arrives().await;
    let asked = || asked!(page, Corrupt).into_iter().map(|(_, asked)| asked.plan).collect::<Vec<_>>();
    assert_eq!(asked(), ["kaiming@bottom:0.5"]);
    for n in ["1", "2", "4", "5"] {
        page.enter(&test_id("bottom"), n).await;
    }
    assert_eq!(asked(), ["kaiming@bottom:0.5", "kaiming@bottom:0.17"]);
    let first = asked!(page, Corrupt).remove(1);
    page.answer(&first, &corrupted(&first.1.plan, 1)).await;
    assert_eq!(asked(), ["kaiming@bottom:0.5", "kaiming@bottom:0.17", "kaiming@bottom:0.83"]);
    // A plan that cannot be used is asked of nobody.
    page.enter(&test_id("plan"), "kaiming@layers:0-9").await;
    let last = asked!(page, Corrupt).pop().unwrap();
    page.answer(&last, &corrupted(&last.1.plan, 1)).await;
    assert_eq!(asked().len(), 3);
}

#[wasm_bindgen_test]
async fn what_the_plan_did_is_told_with_what_is_no_longer_finite() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    page.model_arrives().await;
    let report = test_id("damage");
    assert!(page.text(&report).contains("What kaiming@bottom:0.5 does."), "{}", page.text(&report));
    // Each tensor once, whatever the number of steps on it.
    assert!(page.text(&report).contains("10 values changed"), "{}", page.text(&report));
    assert!(!page.text(&report).contains("no longer finite"));

    page.enter(&test_id("plan"), "bitflip:0.001,exponent@all").await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    let totals = Totals { n_tensors: 2, n_selected: 3_000, n_changed: 2_000, n_non_finite: 7 };
    page.answer(&asked, &Corrupted { totals, ..corrupted(&asked.1.plan, 1) }).await;
    assert!(page.text(&report).contains("7 values are no longer finite"), "{}", page.text(&report));
    assert_eq!(page.attribute(&report, "data-plan").as_deref(), Some("bitflip:0.001,exponent@all"));

    // The fingerprint belongs to one damage.
    page.click(&test_id("fingerprint")).await;
    page.answer(&asked!(page, Fingerprint)[0], &"c0ffee".to_owned()).await;
    assert_eq!(page.text(&test_id("fingerprint-value")), "c0ffee");
    page.enter(&test_id("seed"), "2").await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &corrupted(&asked.1.plan, 2)).await;
    assert!(!page.has(&test_id("fingerprint-value")));
}
