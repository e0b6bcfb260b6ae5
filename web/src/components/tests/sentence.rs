//! The sentence, and what each model says of it.

use super::*;
use crate::components::model_card::ModelCard;
use crate::components::sentence::SentencePanel;

/// Longer than typing has to rest.
const REST_MS: u32 = 350;

/// What the first view has of the sentence.
fn sentence_and_models() -> impl IntoView {
    view! {
        <SentencePanel />
        <ModelCard model=Condition::Healthy />
        <ModelCard model=Condition::Corrupted />
        <ModelCard model=Condition::Healed />
    }
}

fn texts(page: &Mounted) -> Vec<String> {
    asked!(page, Classify).into_iter().flat_map(|(_, classify)| classify.texts).collect()
}

#[wasm_bindgen_test]
async fn a_sentence_is_asked_when_typing_rests_and_with_enter_at_once_and_is_remembered() {
    let page = mounted(|| view! { <SentencePanel /> }).await;
    page.model_arrives().await;
    // What stood there is asked with the model's arrival.
    let first = asked!(page, Classify).remove(0);
    page.answer(&first, &vec![classification(&first.1.texts[0], [Some(1); 3])]).await;
    assert_eq!(texts(&page).len(), 1);

    for typed in ["a", "a fi", "a fine film"] {
        page.enter(&test_id("text"), typed).await;
    }
    assert_eq!(texts(&page).len(), 1, "typing has not rested yet");
    TimeoutFuture::new(REST_MS).await;
    assert_eq!(texts(&page)[1..], ["a fine film"]);
    assert!(
        page.store.history.with_untracked(|history| history.entries.is_empty()),
        "it was not asked to be remembered"
    );

    page.enter(&test_id("text"), "a dull film").await;
    page.press_key(&test_id("text"), "Enter").await;
    let remembered = page.store.history.with_untracked(|history| history.entries[0].text.clone());
    assert_eq!((page.sentence().as_str(), remembered.as_str()), ("a dull film", "a dull film"));
}

#[wasm_bindgen_test]
async fn each_models_answer_stands_in_its_card_and_only_another_class_than_the_healthy_ones_is_marked() {
    let page = mounted(sentence_and_models).await;
    page.model_arrives().await;
    page.store.healed.set(Some(HealedOrigin::Native { plan: "kaiming@bottom:0.5".to_owned(), seed: Seed(1) }));
    let asked = asked!(page, Classify).pop().unwrap();
    let text = asked.1.texts[0].clone();
    page.answer(&asked, &vec![classification(&text, [Some(1), Some(0), None])]).await;
    let card = |model: &str| page.text(&test_id(&format!("prediction-{model}")));
    let label = |model: &str| page.attribute(&test_id(&format!("prediction-{model}")), "data-label").unwrap();
    assert_eq!(["healthy", "corrupted", "healed"].map(label), ["1", "0", "none"]);
    assert!(card("healthy").contains("positive90.0 %") && !card("healthy").contains("differs"), "{}", card("healthy"));
    assert!(card("corrupted").contains("negative90.0 %differs from healthy"), "{}", card("corrupted"));
    assert!(card("healed").contains("no answerits scores are not finite"), "{}", card("healed"));

    // An answer to another sentence is none to this one.
    page.store.choose(|state| state.text = "something else".to_owned());
    page.settled().await;
    assert!(card("healthy").contains("Waiting for the model…"), "{}", card("healthy"));
}

#[wasm_bindgen_test]
async fn an_answer_that_came_with_the_page_is_shown_for_its_damage_alone_until_the_model_gives_one() {
    let page = mounted(sentence_and_models).await;
    let sample = classification("came along", [Some(1), Some(0), Some(1)]);
    page.store.preview.update(|preview| {
        let preview = Arc::make_mut(preview.as_mut().unwrap());
        preview.samples = vec![sample];
        preview.damage = Some(("kaiming@bottom:0.5".to_owned(), Seed(1)));
    });
    page.settled().await;
    // The samples are those of the bundle now, and one is chosen by a click.
    page.press_button("came along").await;
    assert_eq!(page.sentence(), "came along");
    let answer = |model: &str| page.attribute(&test_id(&format!("prediction-{model}")), "data-label");
    let models = ["healthy", "corrupted", "healed"];
    assert_eq!(models.map(answer), [Some("1"), Some("0"), Some("1")].map(|label| label.map(str::to_owned)));
    assert!(page.text(&test_id("prediction-healthy")).contains("Computed when this page was built"));
    page.store.choose(|state| state.seed = Seed(2));
    page.settled().await;
    assert_eq!(models.map(answer), [Some("1".to_owned()), None, None]);
}

#[wasm_bindgen_test]
async fn an_enter_that_ends_a_composition_belongs_to_the_input_method() {
    let page = mounted(|| view! { <SentencePanel /> }).await;
    let n_remembered = || page.store.history.with_untracked(|history| history.entries.len());
    page.enter(&test_id("text"), "映画").await;
    // Safari has ended the composition by then, and tells by the code alone.
    page.press_key_with_code(&test_id("text"), "Enter", 229).await;
    assert_eq!(n_remembered(), 0);
    page.press_key_with_code(&test_id("text"), "Enter", 13).await;
    assert_eq!((n_remembered(), page.sentence().as_str()), (1, "映画"));
}
