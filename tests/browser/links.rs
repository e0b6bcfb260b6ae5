//! Links: what an address opens, what a link holds, how it is copied, and the steps of the browser's history.

use crate::fixture::{Fixture, PLAN, SAMPLE, SEED};
use crate::session::{Visit, with_page};
use crate::{TEXT, address};
use fantoccini::key::Key;
use shared::corruption::Plan;

/// Notes what is copied, in the place of the machine's clipboard.
const NOTE_COPIES: &str =
    "navigator.clipboard.writeText = text => { window.__copied = text; return Promise.resolve(); };";

/// Refuses to copy, as browsers do when the visitor forbids it.
const REFUSE_COPIES: &str = "navigator.clipboard.writeText = () =>
    Promise.reject(new DOMException('Write permission denied.', 'NotAllowedError'));";

/// The page's sentence where no model brings another.
const DEFAULT_TEXT: &str = "A warm, funny and quietly moving film.";

fn canonical(plan: &str) -> String {
    Plan::parse(plan).unwrap().to_string()
}

#[test]
fn link_to_a_lesson_shows_the_lessons_own_damage() {
    for (lesson, plan, seed) in [(2, "kaiming@bottom:1L", 1), (7, "bitflip:0.001,exponent@all", 1), (8, PLAN, 2)] {
        with_page(&format!("#lesson={lesson}"), async move |page| {
            page.damage_is(&canonical(plan), seed).await;
            page.text_with("lesson", &format!("Step {lesson} of 8")).await;
        });
    }
    // And what it hides: the lesson is about the damage, not about healing.
    with_page("#lesson=2&seed=9", async |page| {
        page.damage_is(&canonical("kaiming@bottom:1L"), 9).await;
        assert_eq!(page.attribute("heal", "data-state").await, None);
    });
}

#[test]
fn an_address_without_a_plan_is_a_whole_model_and_one_with_a_plan_has_its_damage() {
    with_page("#seed=7", async |page| {
        page.model_is_ready().await;
        page.attribute_becomes("damage", "data-plan", "").await;
        page.text_with("prediction-corrupted", "Nothing is broken yet").await;
        // The page itself always writes the plan, so that its links mean the same in every version.
        assert!(page.address().await.contains("#plan=&seed=7&"), "{}", page.address().await);
        page.go_to(&format!("#plan={PLAN}&seed=7")).await;
        page.damage_is(PLAN, 7).await;
    });
}

#[test]
fn a_teachers_link_opens_what_waits_under_more() {
    with_page(&address(PLAN, SEED, "&more=1"), async |page| {
        page.damage_is(PLAN, SEED).await;
        page.press("roll-seed").await;
        page.damage_leaves_seed(SEED).await;
        page.click_on("[data-testid=more] > summary").await;
        page.attribute_is_gone("more", "open").await;
        assert!(!page.address().await.contains("more="), "{}", page.address().await);
        page.go_back().await;
        page.damage_is(PLAN, SEED).await;
        page.attribute_becomes("more", "open", "").await;
    });
}

#[test]
fn sentence_of_a_link_is_shown_also_where_it_is_the_pages_own() {
    let link = format!("#text={}", DEFAULT_TEXT.replace(' ', "%20"));
    Visit::to(&link).after_script(NOTE_COPIES).run(async |page| {
        page.model_is_ready().await;
        page.prediction("healthy", DEFAULT_TEXT).await;
        page.press("copy-link").await;
        let link = page.copied().await;
        assert!(link.contains("&text=A%20warm,%20funny"), "{link}");
        page.open(&link).await;
        page.reload().await;
        page.model_is_ready().await;
        page.prediction("healthy", DEFAULT_TEXT).await;
    });
    // Without a sentence the model brings one.
    with_page("#seed=1", async |page| {
        page.model_is_ready().await;
        page.prediction("healthy", SAMPLE).await;
    });
}

#[test]
fn link_is_offered_by_hand_where_the_browser_has_no_clipboard() {
    Visit::to(&address(PLAN, 5, "&more=1")).at_insecure_host().run(async |page| {
        page.model_is_ready().await;
        // Again and again: nothing may be left in a state that the next click falls over.
        for _ in 0..3 {
            page.press("copy-link").await;
            page.text_with("link-note", "did not copy").await;
        }
        let (link, is_selected) = page.offered_link().await;
        assert!(is_selected && link.ends_with(&address(PLAN, 5, "&more=1")), "{link}, selected: {is_selected}");
        page.press("roll-seed").await;
        page.damage_leaves_seed(5).await;
    });
}

#[test]
fn refused_clipboard_is_told_and_the_link_offered_by_hand() {
    Visit::to(&address(PLAN, SEED, "")).after_script(REFUSE_COPIES).run(async |page| {
        page.model_is_ready().await;
        page.press("copy-link").await;
        page.text_with("link-note", "Write permission denied").await;
        assert!(page.text_with("copy-link", "Copy").await.contains("Copy link"));
        let (link, is_selected) = page.offered_link().await;
        assert!(is_selected && link.contains("#plan="), "{link}, selected: {is_selected}");
    });
}

#[test]
fn link_says_that_an_own_model_is_not_in_it() {
    Visit::to("#view=model").after_script(NOTE_COPIES).run(async |page| {
        page.model_is_ready().await;
        page.press("copy-link").await;
        page.text_with("copy-link", "Link copied").await;
        let fixture = Fixture::get();
        let files = ["config.json", "tokenizer.json", "model.safetensors", "rows.tsv"].map(|name| fixture.file(name));
        page.choose_files("load-files", &files).await;
        page.attribute_becomes("model", "data-name", "own model").await;
        page.model_is_ready().await;
        page.press("copy-link").await;
        page.text_with("link-note", "but not your model").await;
        assert!(page.copied().await.contains("#plan="));
    });
}

#[test]
fn slider_that_is_dragged_there_and_back_is_one_step_of_back() {
    with_page(&address("kaiming@bottom:2L", 1, "&more=1"), async |page| {
        page.damage_is("kaiming@bottom:2L", 1).await;
        let before = page.n_history_entries().await;
        page.drag("bottom", 2.0 / 3.0, &[1.0, 0.0, 1.0, 1.0 / 3.0]).await;
        page.value_becomes("bottom", "1").await;
        assert_eq!(page.n_history_entries().await, before + 1);
        // Another drag is another step, however soon.
        page.drag("bottom", 1.0 / 3.0, &[0.0, 2.0 / 3.0, 1.0]).await;
        page.value_becomes("bottom", "3").await;
        assert_eq!(page.n_history_entries().await, before + 2);
        page.go_back().await;
        page.value_becomes("bottom", "1").await;
        page.go_back().await;
        page.damage_is("kaiming@bottom:2L", 1).await;
        assert!(page.address().await.contains(&TEXT.replace(' ', "%20")));
    });
}

#[test]
fn held_arrow_keys_are_one_step_of_back() {
    with_page(&address("gaussian:0.1@bottom:1L", 1, "&more=1"), async |page| {
        page.damage_is("gaussian:0.1@bottom:1L", 1).await;
        let before = page.n_history_entries().await;
        let strength: f64 = page.value("strength").await.parse().unwrap();
        page.press_key("strength", Key::Up, 15).await;
        assert_eq!(page.n_history_entries().await, before + 1);
        let raised: f64 = page.value("strength").await.parse().unwrap();
        assert!(raised > strength, "{strength} → {raised}");
        page.press_key("top", Key::Right, 1).await;
        page.value_becomes("top", "1").await;
        assert_eq!(page.n_history_entries().await, before + 2);
        page.go_back().await;
        page.value_becomes("top", "0").await;
        page.go_back().await;
        page.damage_is("gaussian:0.1@bottom:1L", 1).await;
    });
}

#[test]
fn back_from_the_first_choice_leads_to_the_page_as_it_opened() {
    with_page("", async |page| {
        page.attribute_becomes("damage", "data-plan", "").await;
        let before = page.n_history_entries().await;
        page.press("break-it").await;
        page.text_with("prediction-corrupted", "layer 0").await;
        assert_eq!(page.n_history_entries().await, before + 1);
        page.go_back().await;
        page.attribute_becomes("damage", "data-plan", "").await;
        page.prediction("healthy", SAMPLE).await;
        // The way forward is still there.
        assert_eq!(page.n_history_entries().await, before + 1);
    });
}
