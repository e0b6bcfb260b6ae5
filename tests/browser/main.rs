//! The page that Trunk built, in a real browser.
//!
//! Needs `dist/` (`trunk build --release`), Chromium and chromedriver. Without them each test prints "skipped: why"
//! and passes, unless `CI` is set, as every continuous integration sets it: then it fails and says what is missing.
//! `BERT_HEAL_REQUIRE_BROWSER=1` makes it fail anywhere; with `BERT_HEAL_REQUIRE_BROWSER=0` it always skips.
//! `cargo xtask test` builds the page first and then requires these tests. The model that the page opens in them is made
//! by [`fixture`], so they need no download.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod accessibility;
mod bench;
mod class_zip;
mod deploy;
mod driver;
mod everybody;
mod files;
mod first_minute;
mod fixture;
mod links;
mod page;
mod runs;
mod server;
mod session;
mod site;
mod surgery;
mod team;
mod words;

use fixture::{CONTROL_BUDGET, Fixture, PLAN, SEED};
use session::with_page;
use shared::Condition;

/// A text that the tiny model was not trained on, but whose words it knows.
const TEXT: &str = "what a lovely great film";

/// Predictions here and in the page: another order of additions, and another exponential.
const TOLERANCE: f64 = 1e-4;

/// An address with [`TEXT`] and a damage.
fn address(plan: &str, seed: u64, more: &str) -> String {
    format!("#plan={plan}&seed={seed}&text={}{more}", TEXT.replace(' ', "%20"))
}

/// The class that the probabilities speak for, and its probability.
fn best(probabilities: &[f64]) -> (String, f64) {
    let (label, probability) = probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    (label.to_string(), *probability)
}

#[test]
fn model_arrives_with_its_bytes_told_and_all_three_answer_as_the_native_code_does() {
    with_page(&address(PLAN, SEED, ""), async |page| {
        assert!(page.title().await.starts_with("bert-heal"));
        page.model_is_ready().await;
        let total = Fixture::get().transfer_bytes;
        assert_eq!(page.told_transfer().await, (total, total));
        for model in [Condition::Healthy, Condition::Corrupted, Condition::Healed] {
            let (label, probability) = page.prediction(model.as_str(), TEXT).await;
            let (expected_label, expected) = best(&Fixture::get().probabilities(model, PLAN, SEED, TEXT));
            assert_eq!(label, expected_label, "{model:?}");
            assert!((probability - expected).abs() < TOLERANCE, "{model:?}: {probability}, natively {expected}");
        }
        page.save_screenshot("desktop").await;
    });
}

#[test]
fn link_rebuilds_the_bits_that_the_native_code_gives() {
    let seed = u64::MAX;
    for plan in ["kaiming@bottom:0.5", "bitflip:0.001,sign@all;gaussian:0.3@top:1L/ffn"] {
        with_page(&address(plan, seed, ""), async move |page| {
            page.damage_is(plan, seed).await;
            assert_eq!(page.fingerprint().await, Fixture::get().fingerprint(plan, seed));
        });
    }
}

#[test]
fn seed_can_be_rolled_and_taken_back() {
    with_page(&address(PLAN, SEED, ""), async |page| {
        page.damage_is(PLAN, SEED).await;
        page.click("roll-seed").await;
        page.damage_leaves_seed(SEED).await;
        assert!(!page.address().await.contains(&format!("seed={SEED}&")), "{}", page.address().await);
        page.go_back().await;
        page.damage_is(PLAN, SEED).await;
    });
}

#[test]
fn typed_damage_changes_the_answer_and_wrong_damage_is_pointed_at() {
    with_page(&address("kaiming@none", 1, "&more=1"), async |page| {
        page.damage_is("kaiming@none", 1).await;
        let healthy = page.prediction("healthy", TEXT).await;
        page.text_with("prediction-corrupted", "Nothing is broken yet").await;
        page.type_into("plan", "Zero: 100% @ all").await;
        page.damage_is("zero:1@all", 1).await;
        let expected = best(&Fixture::get().probabilities(Condition::Corrupted, "zero:1@all", 1, TEXT));
        page.prediction_becomes("corrupted", expected.1, TOLERANCE).await;
        assert!((expected.1 - healthy.1).abs() > 1e-3, "the damage is one that shows: {expected:?} {healthy:?}");

        page.type_into("plan", "kaiming@bottom:1.5").await;
        let problem = page.text_with("plan-error", "^").await;
        assert!(problem.contains("kaiming@bottom:1.5"), "{problem}");
        page.damage_is("zero:1@all", 1).await;
    });
}

#[test]
fn damage_without_finite_numbers_gives_no_answer_and_breaks_nothing() {
    // Queries so large that attention's scores are no numbers.
    let plan = "bitflip:0.3,exponent@all/attention.query";
    let native = Fixture::get().probabilities(Condition::Corrupted, plan, 1, TEXT);
    assert!(native.iter().all(|probability| probability.is_nan()), "{native:?}");
    with_page(&address(plan, 1, ""), async move |page| {
        page.damage_is(plan, 1).await;
        assert_eq!(page.prediction("corrupted", TEXT).await.0, "none");
        page.click("heal-start").await;
        page.failure_with("The healing cannot go on").await;
        assert_eq!(page.prediction("healthy", TEXT).await.0, "1");
    });
}

#[test]
fn healing_improves_what_was_never_trained_on_and_moments_can_be_gone_back_to() {
    with_page(&address("kaiming@all", 3, "&steps=80&rate=0.003&batch=16"), async |page| {
        page.damage_is("kaiming@all", 3).await;
        let corrupted = page.accuracy("corrupted").await;
        page.go_to(&address("kaiming@all", 3, "&steps=80&rate=0.003&batch=16")).await;
        page.click("heal-start").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        assert_eq!(page.heal_step().await, 80);
        page.attribute_becomes("moments", "data-count", "4").await;
        let late = page.prediction("healed", TEXT).await;
        page.slide("moments", 0).await;
        page.attribute_becomes("moments", "data-step", "20").await;
        page.prediction_leaves("healed", late.1).await;
        page.slide("moments", 3).await;
        page.prediction_becomes("healed", late.1, 1e-9).await;
        page.save_screenshot("healed").await;
        let healed = page.accuracy("healed").await;
        assert!(healed > corrupted + 0.2, "{healed} healed, {corrupted} corrupted");
    });
}

#[test]
fn healing_can_be_paused_stepped_stopped_and_thrown_away() {
    with_page(&address("kaiming@all", 3, "&steps=5000"), async |page| {
        page.damage_is("kaiming@all", 3).await;
        page.click("heal-start").await;
        page.heal_reaches(2).await;
        page.click("heal-pause").await;
        page.attribute_becomes("heal", "data-state", "paused").await;
        let step = page.settled_heal_step().await;
        page.click("heal-step").await;
        page.heal_reaches(step + 1).await;
        assert_eq!(page.settled_heal_step().await, step + 1);
        page.click("heal-resume").await;
        page.heal_reaches(step + 4).await;
        page.click("heal-stop").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        page.click("heal-reset").await;
        page.attribute_becomes("heal", "data-state", "idle").await;
        // The healed model that came with the bundle is shown for its own damage only.
        page.text_with("prediction-healed", "Not healed yet").await;
        page.click("known-healing").await;
        page.damage_is(PLAN, SEED).await;
        let expected = best(&Fixture::get().probabilities(Condition::Healed, PLAN, SEED, TEXT));
        page.prediction_becomes("healed", expected.1, TOLERANCE).await;
    });
}

#[test]
fn control_is_shown_on_demand_and_made_for_a_healing_of_the_page() {
    let healing = address(PLAN, 3, "&steps=30&rate=0.003&batch=16");
    with_page(&address(PLAN, SEED, ""), async move |page| {
        page.model_is_ready().await;
        let healed = page.accuracy("healed").await;
        assert!(page.text_with("control-show", "Show").await.contains(CONTROL_BUDGET));
        page.click("control-show").await;
        let control: f64 = page.attribute("control", "data-value").await.unwrap().parse().unwrap();
        assert!((control - Fixture::get().control_accuracy).abs() < 1e-9, "{control}");
        let deficit = format!("{:.1} points", 100.0 * (control - healed));
        page.text_with("control-deficit", &deficit).await;
        page.save_screenshot("control").await;

        // A healing of another length has another control, which is made when it is asked for.
        page.go_to(&healing).await;
        page.damage_is(PLAN, 3).await;
        page.click("heal-start").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        page.go_to(&format!("{healing}&view=measure")).await;
        page.text_with("control-make", "30 steps").await;
        page.click("control-make").await;
        page.text_with("control", "after its own fine-tuning + 30 steps").await;
        page.text_with("control-deficit", "Evaluate all models").await;
    });
}

#[test]
fn killed_worker_is_told_and_can_be_started_again() {
    with_page(&address("kaiming@all", 3, "&steps=5000"), async |page| {
        page.damage_is("kaiming@all", 3).await;
        page.click("heal-start").await;
        page.heal_reaches(1).await;
        page.kill_worker().await;
        let failure = page.failure_with("stopped").await;
        assert!(failure.contains("out of memory"), "{failure}");
        page.click("restart").await;
        page.model_is_ready().await;
        page.damage_is("kaiming@all", 3).await;
        assert_eq!(page.n_workers().await, 2);
        assert_eq!(page.prediction("healthy", TEXT).await.0, "1");
        assert_eq!(page.failure().await, "");
    });
}

#[test]
fn page_works_without_its_server_after_the_first_visit() {
    with_page(&address(PLAN, SEED, ""), async |page| {
        page.model_is_ready().await;
        let before = page.prediction("corrupted", TEXT).await;
        page.go_offline().await;
        page.model_is_ready().await;
        assert_eq!(page.prediction("corrupted", TEXT).await, before);
        page.heals_a_step().await;
        page.forget_expected_console_errors().await;
    });
}

#[test]
fn own_files_are_loaded_and_wrong_ones_get_a_sentence() {
    with_page("#view=model", async |page| {
        page.model_is_ready().await;
        let fixture = Fixture::get();
        page.choose_files("load-files", &[fixture.file("holiday.png")]).await;
        page.failure_with("config.json is missing").await;
        page.choose_files("load-files", &["config.json", "tokenizer.json"].map(|name| fixture.file(name))).await;
        page.failure_with("model.safetensors is missing").await;
        let all = ["config.json", "tokenizer.json", "model.safetensors", "rows.tsv"].map(|name| fixture.file(name));
        page.choose_files("load-files", &all).await;
        page.attribute_becomes("model", "data-name", "own model").await;
        page.model_is_ready().await;
        assert_eq!(page.failure().await, "");
        assert!(page.accuracy("healthy").await > 0.8);
    });
}

#[test]
fn page_fits_a_phone() {
    with_page("", async |page| {
        page.become_a_phone().await;
        page.model_is_ready().await;
        let (content_width, screen_width) = page.widths().await;
        assert!(content_width <= screen_width, "the content is {content_width} wide, the screen {screen_width}");
        page.save_screenshot("phone").await;
    });
}

#[test]
fn page_follows_a_dark_theme() {
    with_page("", async |page| {
        page.become_dark().await;
        page.model_is_ready().await;
        let (ink, ground) = page.brightness_of_ink_and_ground().await;
        assert!(ink > ground, "ink {ink}, ground {ground}");
        page.save_screenshot("dark").await;
    });
}

#[test]
fn every_control_and_picture_has_a_name_for_screen_readers() {
    with_page("", async |page| {
        page.model_is_ready().await;
        let names = page.accessible_names("input, button, select, textarea, svg[role=img], section, nav").await;
        assert!(names.len() > 30, "{names:?}");
        assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    });
}

#[test]
fn page_cannot_reach_another_origin() {
    with_page("", async |page| {
        page.model_is_ready().await;
        assert_eq!(page.try_to_reach_another_origin().await, "connect-src blocked");
        page.forget_expected_console_errors().await;
    });
}
