//! What is said: of the model on show, of no damage, of a healing, and to a visitor whose browser translates.

use super::healing::{moment, told};
use super::*;
use crate::components::damage_panel::DamagePanel;
use crate::components::dialogue::Failures;
use crate::components::heal_panel::HealPanel;
use crate::components::lesson_card::LessonCard;
use crate::components::measure_view::MeasureView;
use crate::components::model_card::ModelCard;
use crate::components::model_status::ModelStatus;
use crate::components::model_view::ModelView;
use crate::lessons::LESSONS;
use crate::protocol::{HealState, HealSummary, SteerHealing};
use crate::translation::follow_translation;

fn card(page: &Mounted, model: &str) -> String {
    page.text(&test_id(&format!("prediction-{model}")))
}

fn healthy_and_facts() -> impl IntoView {
    view! {
        <ModelCard model=Condition::Healthy />
        <ModelView />
    }
}

#[wasm_bindgen_test]
async fn what_a_bundle_tells_is_told_of_its_own_model_only() {
    let page = mounted(healthy_and_facts).await;
    let text = page.sentence();
    page.store.preview.update(|preview| {
        let preview = Arc::make_mut(preview.as_mut().unwrap());
        preview.samples = vec![classification(&text, [Some(1), Some(0), Some(1)])];
        (preview.dataset, preview.notice) = ("films (terms)".to_owned(), "a base model".to_owned());
    });
    page.settled().await;
    let facts = || page.text(&test_id("model-facts"));
    assert!(card(&page, "healthy").contains("Computed when this page was built"), "{}", card(&page, "healthy"));
    assert!(facts().contains("films (terms)") && facts().contains("a base model"), "{}", facts());

    let source = ModelSource::Files { name: "mine".to_owned() };
    page.store.loaded.set(Some(Arc::new(Loaded { source, ..loaded() })));
    page.settled().await;
    assert!(card(&page, "healthy").contains("Waiting for the model…"), "{}", card(&page, "healthy"));
    assert!(!facts().contains("films") && !facts().contains("a base model"), "{}", facts());
    assert!(facts().contains("of which this page knows nothing"), "{}", facts());
    page.store.loaded.set(Some(Arc::new(loaded())));
    page.settled().await;
    assert!(card(&page, "healthy").contains("positive90.0 %") && facts().contains("a base model"));
}

/// What speaks of a model before it is there.
fn waiting() -> impl IntoView {
    view! {
        <ModelStatus />
        <HealPanel />
        <MeasureView />
    }
}

#[wasm_bindgen_test]
async fn a_model_on_its_way_is_not_said_to_be_missing_or_to_lack_anything() {
    let page = mounted(waiting).await;
    let state = || page.attribute(&test_id("model"), "data-state").unwrap();
    // Until it is known that no bundle lies beside the page of these tests.
    while page.store.is_opening.get_untracked() {
        page.settled().await;
    }
    page.settled().await;
    assert_eq!(state(), "none");
    assert!(page.text(&test_id("heal-obstacle")).contains("No model is loaded yet"));
    page.store.is_opening.set(true);
    page.settled().await;
    assert_eq!(state(), "loading");
    let said = page.root.text_content().unwrap();
    assert_eq!(said.matches("The model is on its way…").count(), 3, "{said}");
    assert!(!said.contains("came without") && !said.contains("No model is loaded"), "{said}");
}

fn cards_and_healing() -> impl IntoView {
    view! {
        <ModelCard model=Condition::Healthy />
        <ModelCard model=Condition::Corrupted />
        <ModelCard model=Condition::Healed />
        <DamagePanel />
        <HealPanel />
        <Failures />
    }
}

#[wasm_bindgen_test]
async fn without_damage_there_is_one_model_and_healing_says_why_it_waits() {
    let page = mounted(cards_and_healing).await;
    page.model_arrives().await;
    // A sentence is asked about once the answer before has come.
    let asked = asked!(page, Classify).pop().unwrap();
    page.answer(&asked, &vec![classification(&asked.1.texts[0], [Some(1), Some(1), None])]).await;
    page.click(&test_id("clear")).await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    assert_eq!(asked.1.plan, "");
    page.answer(&asked, &Corrupted { totals: Totals::default(), tensors: Vec::new(), ..corrupted("", 0) }).await;
    assert!(card(&page, "corrupted").contains("Nothing is broken yet."), "{}", card(&page, "corrupted"));
    assert!(card(&page, "healed").contains("Nothing to heal yet."), "{}", card(&page, "healed"));
    assert_eq!(asked!(page, Classify).pop().map(|(_, asked)| asked.models), Some(vec![Condition::Healthy]));
    assert!(page.text(&test_id("heal-obstacle")).contains("nothing to heal"));
    assert!(page.find(&test_id("heal-start")).has_attribute("disabled"));
    // A plan that cannot be used is another reason.
    page.enter(&test_id("plan"), "kaiming@layers:0-9").await;
    assert!(page.text(&test_id("heal-obstacle")).contains("correct it first"));
}

#[wasm_bindgen_test]
async fn a_healing_is_called_by_its_own_damage_and_a_change_waits_until_it_has_ended() {
    let page = mounted(cards_and_healing).await;
    page.model_arrives().await;
    page.store.healed.set(Some(HealedOrigin::Native { plan: "kaiming@all".to_owned(), seed: Seed(1) }));
    page.store.choose(|state| state.more = true);
    page.settled().await;
    // A healed model that came along belongs to its own damage.
    assert!(card(&page, "healed").contains("Not healed yet."), "{}", card(&page, "healed"));
    assert!(!card(&page, "healed").contains("healed by bert-heal"), "{}", card(&page, "healed"));
    page.click(&test_id("heal-start")).await;
    let healing = asked!(page, Heal).remove(0);
    page.progress(&healing, &told(3, HealState::Running)).await;
    let said = card(&page, "healed");
    assert!(said.contains("kaiming@bottom:0.5 · seed 1 · healing here, step 3 of 40"), "{said}");
    assert!(!said.contains("healed by bert-heal") && !said.contains("different damage"), "{said}");

    let (n_made, waiting) = (asked!(page, Corrupt).len(), test_id("waiting-change"));
    page.click(&test_id("layer-3")).await;
    assert!(page.text(&waiting).contains("at step 3 of 40"), "{}", page.text(&waiting));
    page.click(&test_id("change-back")).await;
    assert_eq!((page.plan().as_str(), page.has(&waiting)), ("kaiming@bottom:0.5", false));
    page.click(&test_id("layer-3")).await;
    page.click(&test_id("change-now")).await;
    assert_eq!(asked!(page, Corrupt).len(), n_made, "it waits");
    assert_eq!(asked!(page, SteerHealing).pop().map(|(_, steer)| steer), Some(SteerHealing::Stop));
    let summary =
        HealSummary { step: 4, n_steps: 40, median_step_secs: None, held_out: None, moment: Some(moment("7", 4)) };
    page.answer(&healing, &summary).await;
    assert_eq!(asked!(page, Corrupt).pop().map(|(_, asked)| asked.plan), Some(page.plan()));
    assert!(!page.has(&waiting) && card(&page, "healed").contains("kaiming@bottom:0.5 · seed 1 · 4 steps here"));

    // One that ends by itself leaves its damage as it is.
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &corrupted(&asked.1.plan, 1)).await;
    page.click(&test_id("heal-start")).await;
    let n_made = asked!(page, Corrupt).len();
    page.answer(&asked!(page, Heal).pop().unwrap(), &summary).await;
    assert_eq!(asked!(page, Corrupt).len(), n_made);
}

/// A function of the element whose texts it translates; the page's journeys have it, too.
const TRANSLATOR: &str = include_str!("../../../../tests/browser/translator.js");

#[wasm_bindgen_test]
async fn translated_words_follow_the_page() {
    follow_translation();
    let page = mounted(|| view! { <LessonCard /><HealPanel /> }).await;
    page.model_arrives().await;
    let translator: Function = js_sys::eval(TRANSLATOR).unwrap().unchecked_into();
    let observer = translator.call1(&JsValue::NULL, &page.root).unwrap();
    page.settled().await;
    let translated = |words: &str| format!("«{words}»");
    assert_eq!(page.text("h2"), translated(LESSONS[0].title));
    for number in [2, 3] {
        page.click(&test_id("next-lesson")).await;
        let title = LESSONS[number - 1].title;
        assert_eq!(page.text("h2"), translated(title));
        assert_eq!(page.text(".lesson .small"), translated(&format!("Step {number} of 8")));
        let story: Vec<String> = page.all(".story p").iter().map(|p| p.text_content().unwrap()).collect();
        assert_eq!(story, LESSONS[number - 1].story.iter().map(|words| translated(words)).collect::<Vec<_>>());
    }
    // Words that come and go.
    let obstacle = test_id("heal-obstacle");
    page.store.loaded.update(|loaded| Arc::make_mut(loaded.as_mut().unwrap()).rows = None);
    page.settled().await;
    assert!(page.text(&obstacle).starts_with("«Healing needs labelled sentences"), "{}", page.text(&obstacle));
    page.store.loaded.set(Some(Arc::new(loaded())));
    page.settled().await;
    // Those of the lessons on the way, too: one is under way at a time.
    for _ in 0..3 {
        let asked = asked!(page, Corrupt).pop().unwrap();
        page.answer(&asked, &corrupted(&asked.1.plan, asked.1.seed.0)).await;
    }
    assert_eq!(page.text(&obstacle), "");
    call(&observer, "disconnect", &Array::new());
}
