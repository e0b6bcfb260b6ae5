//! What stands beside a model: whose answers and data these are, what a healing is called, and what a change would end.

use crate::fixture::{NAME, PLAN, SEED};
use crate::session::with_page;
use crate::{TEXT, address};
use std::path::Path;

#[test]
fn facts_and_answers_are_those_of_the_model_on_show() {
    with_page(&address("kaiming@layers:2", SEED, "&view=model"), async |page| {
        page.model_is_ready().await;
        page.text_with("model-facts", "good and bad").await;
        let bundle = format!("bundle-{NAME}");
        page.attribute_becomes(&bundle, "aria-pressed", "true").await;

        // A model of two layers, which the plan does not fit.
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tiny-bert");
        let files = ["config.json", "model.safetensors", "tokenizer.json"];
        page.choose_files("load-files", &files.map(|file| golden.join(file).to_str().unwrap().to_owned())).await;
        page.attribute_becomes("model", "data-name", "own model").await;
        let facts = page.text_with("model-facts", "of which this page knows nothing").await;
        assert!(!facts.contains("good and bad") && !facts.contains("MIT"), "{facts}");
        page.attribute_becomes(&bundle, "aria-pressed", "false").await;
        page.go_to(&address("kaiming@layers:2", SEED, "")).await;
        let (label, probability) = page.prediction("healthy", TEXT).await;
        assert!(label.parse::<u32>().is_ok() && probability > 1.0 / 3.0, "{label} {probability}");
        page.text_with("prediction-corrupted", "does not fit this model").await;

        page.go_to("#view=model").await;
        page.click(&bundle).await;
        page.text_with("model-facts", "good and bad").await;
    });
}

#[test]
fn a_whole_model_gives_one_answer_and_says_why_there_is_nothing_to_heal() {
    with_page(&address(PLAN, SEED, ""), async |page| {
        page.damage_is(PLAN, SEED).await;
        page.click("clear").await;
        page.text_with("prediction-corrupted", "Nothing is broken yet").await;
        page.text_with("prediction-healed", "Nothing to heal yet").await;
        page.prediction("healthy", TEXT).await;
        assert_eq!(page.attribute("prediction-corrupted", "data-label").await, None);
        page.text_with("heal-obstacle", "nothing to heal").await;
        assert!(page.attribute("heal-start", "disabled").await.is_some());
        // What goes on inside the undamaged model can be looked at as well.
        page.go_to(&address("", SEED, "&view=inside")).await;
        page.text_with("attention", "[CLS]").await;
        assert_eq!(page.failure().await, "");
    });
}

#[test]
fn a_change_of_the_damage_waits_for_the_healing_which_is_called_by_its_own() {
    with_page(&address("kaiming@all", 3, "&steps=5000&more=1"), async |page| {
        page.damage_is("kaiming@all", 3).await;
        page.text_with("prediction-healed", "Not healed yet").await;
        page.click("heal-start").await;
        page.heal_reaches(1).await;
        let said = page.text_with("prediction-healed", "kaiming@all · seed 3 · healing here, step").await;
        assert!(!said.contains("healed by bert-heal") && !said.contains("different damage"), "{said}");

        page.click_on("[data-testid=layer-0]").await;
        page.text_with("waiting-change", "waits until it has ended").await;
        let step = page.heal_step().await;
        page.heal_reaches(step + 2).await;
        page.damage_is("kaiming@all", 3).await;
        page.click_on("[data-testid=change-back]").await;
        page.attribute_becomes("layer-0", "aria-pressed", "true").await;

        page.click("roll-seed").await;
        page.click_on("[data-testid=change-now]").await;
        page.damage_leaves_seed(3).await;
        page.text_with("prediction-healed", "kaiming@all · seed 3 ·").await;
        page.text_with("prediction-healed", "steps here").await;
        page.text_with("heal", "Time-lapse").await;
        // The snapshot of the step at which it was stopped brings its damage back, too.
        let last: usize = page.attribute("moments", "data-count").await.unwrap().parse().unwrap();
        page.slide("moments", last - 1).await;
        page.damage_is("kaiming@all", 3).await;
        assert_eq!(page.failure().await, "");
    });
}

#[test]
fn words_follow_in_a_page_that_the_browser_translates() {
    with_page(&address(PLAN, SEED, "&lesson=1"), async |page| {
        page.model_is_ready().await;
        page.prediction("corrupted", TEXT).await;
        page.translate().await;
        page.text_with("lesson", "«Step 1 of 8»").await;
        page.click("next-lesson").await;
        let lesson = page.text_with("lesson", "«Step 2 of 8»").await;
        assert!(!lesson.contains("Step 1 of 8") && !lesson.contains("What is a layer?"), "{lesson}");
        page.text_with("prediction-corrupted", "«broken: layer 0»").await;
        // Plans, classes and numbers are not to be translated.
        page.click_on("[data-testid=more] > summary").await;
        page.text_with("prediction-corrupted", "kaiming@bottom:1L · seed 1").await;
        page.click("roll-seed").await;
        page.damage_leaves_seed(1).await;
        let seed = page.attribute("damage", "data-seed").await.unwrap();
        page.text_with("prediction-corrupted", &format!("seed {seed}")).await;
        page.click("clear").await;
        page.text_with("prediction-corrupted", "«Nothing is broken yet.»").await;
        page.text_with("damage", "«No value is changed.»").await;
    });
}
