//! Healing by its fields and buttons, and the time-lapse.

use super::*;
use crate::components::heal_panel::HealPanel;
use crate::components::time_lapse::TimeLapse;
use crate::protocol::{HealProgress, HealState, HealSummary, Moment, MomentId, SteerHealing, Trained};

pub(super) fn moment(healing: &str, step: usize) -> Moment {
    Moment {
        id: MomentId(format!("{healing}-{step}")),
        healing: healing.to_owned(),
        plan: "kaiming@all".to_owned(),
        seed: Seed(1),
        step,
        n_steps: 40,
        loss: None,
        held_out: None,
        kept_at_ms: 0.0,
        size_bytes: 1,
        run: None,
        is_saved: true,
    }
}

pub(super) fn told(step: usize, state: HealState) -> HealProgress {
    HealProgress {
        state,
        step,
        n_steps: 40,
        loss: Some(0.5),
        learning_rate: None,
        gradient_norm: None,
        train_accuracy: None,
        step_secs: None,
        n_workers: None,
        held_out: None,
        pinned: None,
        moment: None,
        n_trained: 1,
        size_bytes: 16,
    }
}

#[wasm_bindgen_test]
async fn a_healing_has_the_settings_of_its_fields_within_their_ranges() {
    let page = mounted(|| view! { <HealPanel /> }).await;
    let is_disabled = |id: &str| page.find(&test_id(id)).has_attribute("disabled");
    assert!(is_disabled("heal-start"), "there is no model yet");
    page.model_arrives().await;
    assert!(!is_disabled("heal-start"));

    page.enter("#rate", "-3").await;
    page.enter("#trained", "head").await;
    page.enter("#batch", "0").await;
    page.enter(&test_id("heal-steps"), "70000").await;
    assert_eq!((page.value(&test_id("heal-steps")), page.value("#batch")), ("5000".into(), "1".into()));
    page.enter(&test_id("heal-steps"), "40").await;
    page.enter("#batch", "8").await;
    page.store.choose(|state| (state.text, state.seed) = ("my sentence".to_owned(), Seed(9)));
    page.settled().await;
    assert!(is_disabled("heal-start"), "the damage of the other seed is not made yet");
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &corrupted(&asked.1.plan, 9)).await;
    page.store.history.update(|history| {
        history.import(vec!["pinned".to_owned(), "not pinned".to_owned()]);
        history.entries[0].is_pinned = true;
    });
    page.click(&test_id("heal-start")).await;
    let (_, settings) = asked!(page, Heal).remove(0);
    assert_eq!((settings.learning_rate, settings.n_steps, settings.batch_size, settings.seed), (1e-3, 40, 8, Seed(9)));
    assert_eq!(settings.trained, Trained::AllBut("all,embeddings".to_owned()));
    assert_eq!((settings.pinned, settings.starts_paused), (vec!["my sentence".to_owned(), "pinned".to_owned()], false));
}

#[wasm_bindgen_test]
async fn the_buttons_of_a_healing_steer_it_and_each_can_be_pressed_when_it_means_something() {
    let page = mounted(|| view! { <HealPanel /> }).await;
    page.model_arrives().await;
    let buttons = ["heal-start", "heal-pause", "heal-resume", "heal-step", "heal-stop", "heal-reset"];
    let enabled = || -> Vec<&str> {
        buttons.into_iter().filter(|id| !page.find(&test_id(id)).has_attribute("disabled")).collect()
    };
    let steered = || asked!(page, SteerHealing).into_iter().map(|(_, steer)| steer).collect::<Vec<_>>();
    let state = || page.attribute(&test_id("heal"), "data-state").unwrap();
    assert_eq!((state().as_str(), enabled()), ("idle", vec!["heal-start", "heal-step"]));

    page.click(&test_id("heal-start")).await;
    let healing = asked!(page, Heal).remove(0);
    assert_eq!((state().as_str(), enabled()), ("running", vec!["heal-pause", "heal-stop", "heal-reset"]));
    page.progress(&healing, &told(3, HealState::Running)).await;
    assert_eq!(page.attribute(&test_id("heal"), "data-step").as_deref(), Some("3"));

    page.click(&test_id("heal-pause")).await;
    page.answer(&asked!(page, SteerHealing).pop().unwrap(), &()).await;
    assert_eq!((state().as_str(), enabled()), ("paused", vec!["heal-resume", "heal-step", "heal-stop", "heal-reset"]));
    page.click(&test_id("heal-step")).await;
    page.click(&test_id("heal-stop")).await;
    assert_eq!(steered(), [SteerHealing::Pause, SteerHealing::Step, SteerHealing::Stop]);

    let summary =
        HealSummary { step: 4, n_steps: 40, median_step_secs: None, held_out: None, moment: Some(moment("7", 4)) };
    page.answer(&healing, &summary).await;
    assert_eq!((state().as_str(), enabled()), ("done", vec!["heal-start", "heal-step", "heal-reset"]));
    let origin = page.store.healed.get_untracked();
    assert!(matches!(&origin, Some(HealedOrigin::Live { healing, step: 4, .. }) if healing == "7"), "{origin:?}");

    page.click(&test_id("heal-reset")).await;
    page.answer(&asked!(page, SteerHealing).pop().unwrap(), &()).await;
    assert_eq!((state().as_str(), page.store.healed.get_untracked()), ("idle", None));
}

#[wasm_bindgen_test]
async fn the_time_lapse_shows_the_newest_healing_from_its_last_moment_on() {
    let page = mounted(|| view! { <TimeLapse /> }).await;
    assert!(!page.has(&test_id("moments")));
    page.store.moments.set(vec![moment("1", 20), moment("2", 20), moment("2", 30), moment("2", 40)]);
    page.settled().await;
    let moments = test_id("moments");
    let data = |name: &str| page.attribute(&moments, name).unwrap();
    assert_eq!([data("data-count"), data("data-step")], ["3", "40"]);
    page.enter(&moments, "1").await;
    assert_eq!(data("data-step"), "30");
    page.enter("select", "1").await;
    assert_eq!([data("data-count"), data("data-step")], ["1", "20"]);
    // Each is a model, which the worker makes the healed one.
    let selected = asked!(page, SelectMoment).into_iter().map(|(_, select)| select.id.0).collect::<Vec<_>>();
    assert_eq!(selected, ["2-30"]);
}
