//! The main line of a first visit: whole, broken by one press, healed by another, and whole again.

use super::healing::{moment, told};
use super::*;
use crate::components::damage_panel::DamagePanel;
use crate::components::lead::Lead;
use crate::components::main_line::Tale;
use crate::components::model_card::ModelCard;
use crate::protocol::{Accuracy, HealProgress, HealState, HealSummary, SteerHealing};
use crate::store::{FIRST_HEALING, FIRST_PLAN, FIRST_SEED};

fn first_view() -> impl IntoView {
    view! {
        <Lead />
        <ModelCard model=Condition::Healthy />
        <ModelCard model=Condition::Corrupted />
        <ModelCard model=Condition::Healed />
        <Tale />
        <DamagePanel />
    }
}

fn tale(page: &Mounted) -> String {
    page.text(&test_id("tale"))
}

/// Opens the page whole, with its model.
async fn opened() -> Mounted {
    let page = mounted(first_view).await;
    page.store.choose(|state| state.plan = String::new());
    page.store.loaded.set(Some(Arc::new(loaded())));
    page.settled().await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &Corrupted { totals: Totals::default(), tensors: Vec::new(), ..corrupted("", 0) }).await;
    page
}

/// Answers for the worker what the models on show say of the sentence.
async fn answered(page: &Mounted, labels: [Option<u32>; 3]) {
    let asked = asked!(page, Classify).pop().unwrap();
    let mut said = classification(&asked.1.texts[0], labels);
    said.models.retain(|answer| asked.1.models.contains(&answer.model));
    page.answer(&asked, &vec![said]).await;
}

#[wasm_bindgen_test]
async fn it_opens_whole_and_two_presses_break_and_heal_it() {
    let page = opened().await;
    let label = |model: &str| page.attribute(&test_id(&format!("prediction-{model}")), "data-label");
    answered(&page, [Some(1), Some(1), Some(1)]).await;
    assert_eq!([label("healthy"), label("corrupted"), label("healed")], [Some("1".to_owned()), None, None]);
    assert!(tale(&page).starts_with("Nothing is broken yet.") && !page.has(&test_id("heal-it")), "{}", tale(&page));
    assert!(page.text(".lead").contains("whether it is negative or positive"), "{}", page.text(".lead"));

    page.click(&test_id("break-it")).await;
    assert_eq!(page.plan(), FIRST_PLAN);
    assert!(!page.has(&test_id("break-it")));
    let asked = asked!(page, Corrupt).pop().unwrap();
    assert_eq!((asked.1.plan.as_str(), asked.1.seed), (FIRST_PLAN, FIRST_SEED));
    page.answer(&asked, &corrupted(FIRST_PLAN, FIRST_SEED.0)).await;
    answered(&page, [Some(1), Some(0), None]).await;
    assert_eq!([label("corrupted"), label("healed")], [Some("0".to_owned()), None]);
    assert!(
        tale(&page).contains("Broken: layer 0.") && tale(&page).contains("72 labelled sentences"),
        "{}",
        tale(&page)
    );

    page.click(&test_id("heal-it")).await;
    let healing = asked!(page, Heal).remove(0);
    let settings = (healing.1.n_steps, healing.1.learning_rate);
    assert_eq!(settings, (FIRST_HEALING.steps, FIRST_HEALING.learning_rate));
    assert!(!page.has(&test_id("heal-it")) && !page.has(&test_id("break-again")));
    // Nothing gets worse without a word.
    page.progress(&healing, &told(0, HealState::Running)).await;
    assert!(tale(&page).contains("still the broken model"), "{}", tale(&page));
    assert!(page.text(&test_id("prediction-healed")).contains("still the broken model"));
    let held_out = |n| Some(Accuracy { n, n_non_finite: 0, value: 0.5, low: 0.1, high: 0.9 });
    let text = page.sentence();
    let pinned = Some(vec![classification(&text, [None, None, Some(1)])]);
    page.progress(&healing, &HealProgress { pinned, held_out: held_out(10), ..told(10, HealState::Running) }).await;
    assert!(tale(&page).contains("50.0 % right on the first 10 of 18 held-out sentences"), "{}", tale(&page));
    assert_eq!(label("healed").as_deref(), Some("1"));

    let ended = Some(moment("7", 40));
    let summary = HealSummary { step: 40, n_steps: 40, median_step_secs: None, held_out: held_out(18), moment: ended };
    // A healing is of a damage whose plan is canonical.
    page.answer(&healing, &summary).await;
    assert!(tale(&page).contains("Healed: 50.0 % right on all 18 held-out sentences"), "{}", tale(&page));

    page.click(&test_id("start-again")).await;
    assert_eq!(page.plan(), "");
    assert_eq!(asked!(page, SteerHealing).pop().map(|(_, steer)| steer), Some(SteerHealing::Reset));
    page.answer(&asked!(page, SteerHealing).pop().unwrap(), &()).await;
    assert!(page.has(&test_id("break-it")));
}

#[wasm_bindgen_test]
async fn an_answer_that_stays_the_same_is_said_to_and_other_numbers_are_a_press_away() {
    let page = opened().await;
    answered(&page, [Some(1), Some(1), None]).await;
    page.click(&test_id("break-it")).await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &corrupted(FIRST_PLAN, FIRST_SEED.0)).await;
    answered(&page, [Some(1), Some(1), None]).await;
    assert!(tale(&page).contains("happens to say the same"), "{}", tale(&page));
    page.click(&test_id("break-again")).await;
    let seed = page.store.state.with_untracked(|state| state.seed);
    assert_eq!((page.plan().as_str(), seed == FIRST_SEED), (FIRST_PLAN, false));
}

#[wasm_bindgen_test]
async fn a_model_without_labelled_sentences_offers_the_healed_one_that_came_along() {
    let page = opened().await;
    let native = HealedOrigin::Native { plan: "kaiming@all".to_owned(), seed: Seed(4) };
    page.store.loaded.set(Some(Arc::new(Loaded { rows: None, healed: Some(native), ..loaded() })));
    page.click(&test_id("break-it")).await;
    assert!(tale(&page).contains("Healing needs labelled sentences"), "{}", tale(&page));
    assert!(!page.has(&test_id("heal-it")));
    page.click(&test_id("known-healing")).await;
    let chosen = page.store.state.with_untracked(|state| (state.plan.clone(), state.seed));
    assert_eq!(chosen, ("kaiming@all".to_owned(), Seed(4)));
    assert!(!page.has(&test_id("known-healing")));
}

#[wasm_bindgen_test]
async fn every_part_of_the_drawing_says_what_it_does_when_it_is_pointed_at_pressed_or_has_the_focus() {
    let page = opened().await;
    let words = || page.text(&test_id("part-words"));
    let rest = words();
    for (part, said) in [
        ("component-0-attention.query", "looks for in the others"),
        ("component-0-attention.key", "can be found by"),
        ("component-0-attention.value", "hands over"),
        ("component-0-attention.output", "all heads have found"),
        ("component-0-attention.head:2", "one reader of several"),
        ("component-0-ffn.in", "spreads each word piece"),
        ("component-0-ffn.out", "folds"),
        ("component-0-layernorm", "in a range that works"),
        ("layer-0", "look at one another"),
        ("part-embeddings", "list of numbers"),
        ("part-pooler", "summary of the sentence"),
        ("part-classifier", "a score for each class"),
    ] {
        let selector = format!("[data-testid=\"{part}\"]");
        happens(&page.find(".network"), "mouseleave");
        happens(&page.find(".network"), "focusout");
        page.settled().await;
        assert_eq!(words(), rest);
        // A window without the focus hears of none.
        happens(&page.find(&selector), "focus");
        page.settled().await;
        assert!(words().contains(said), "{part}: {}", words());
        happens(&page.find(".network"), "mouseleave");
        happens(&page.find(&selector), "mouseenter");
        page.settled().await;
        assert!(words().contains(said), "{part}: {}", words());
        happens(&page.find(".network"), "mouseleave");
        page.click(&selector).await;
        assert!(words().contains(said), "{part}: {}", words());
        // The drawing may move from under the pointer.
        happens(&page.find(".network"), "mouseleave");
        page.settled().await;
        assert!(words().contains(said), "{part}: {}", words());
    }
}

#[wasm_bindgen_test]
async fn what_waits_under_more_is_opened_by_the_address_and_by_a_plan_that_cannot_be_used() {
    let page = mounted(first_view).await;
    let is_open = || page.find(&test_id("more")).has_attribute("open");
    assert!(!is_open());
    page.store.choose(|state| state.more = true);
    page.settled().await;
    assert!(is_open());
    page.click(&format!("{} > summary", test_id("more"))).await;
    assert!(!is_open() && !page.store.state.with_untracked(|state| state.more));
    page.store.choose(|state| state.plan = "kaiming@layers:0-9".to_owned());
    page.settled().await;
    assert!(is_open() && !page.store.state.with_untracked(|state| state.more));
}
