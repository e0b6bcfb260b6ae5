//! Healing: it learns, is watched, can be steered, and its moments can be gone back to.

use super::*;
use crate::protocol::{HealState, HealSummary, HealedOrigin, PartKind, SelectMoment, Trained};
use shared::Condition::Corrupted;

#[wasm_bindgen_test]
async fn healing_learns_is_watched_and_its_moments_can_be_gone_back_to() {
    let (page, _) = Page::loaded().await;
    page.ask(Purge::Moments).await.unwrap();
    page.corrupt("kaiming@all", 5).await;
    let corrupted = page.fingerprint(Corrupted).await;
    let before = page.ask(Evaluate { models: vec![Corrupted] }).await.unwrap();

    let healing = page.send(settings(40), Vec::new());
    page.reaches(&healing, 1).await;
    // Others are answered meanwhile.
    assert_eq!(page.classify(&["good"], &ALL).await[0].models.len(), 3);
    let HealSummary { step, held_out, moment, .. } = page.end(&healing).await.unwrap();
    let (after, last) = (held_out.unwrap(), moment.unwrap());
    assert_eq!(step, 40);
    let progress = page.progress(&healing);
    assert_eq!(progress.iter().map(|progress| progress.step).collect::<Vec<_>>(), (0..=40).collect::<Vec<_>>());
    assert!(progress.iter().all(|progress| progress.held_out.is_some() == progress.step.is_multiple_of(2)));
    assert!(progress[40].pinned.as_ref().is_some_and(|pinned| pinned[0].models[0].model == Condition::Healed));
    assert!(
        after.value > before.models[0].accuracy.value + 0.2,
        "{after:?} after, {:?} before",
        before.models[0].accuracy
    );
    assert_eq!(page.fingerprint(Corrupted).await, corrupted);

    let healed = page.fingerprint(Condition::Healed).await;
    let moments = page.moments().await;
    let steps: Vec<usize> = moments.iter().map(|moment| moment.step).collect();
    assert_eq!(steps, [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 40]);
    assert_eq!(moments.last(), Some(&last));

    // Another worker on the same browser, as after a closed tab.
    let (other, _) = Page::loaded().await;
    assert_eq!(other.moments().await, moments);
    let selected = other.ask(SelectMoment { id: moments[0].id.clone() }).await.unwrap();
    assert_eq!(selected, moments[0]);
    assert_ne!(other.fingerprint(Condition::Healed).await, healed);
    other.ask(SelectMoment { id: last.id.clone() }).await.unwrap();
    assert_eq!(other.fingerprint(Condition::Healed).await, healed);
    assert_eq!(other.fingerprint(Corrupted).await, corrupted);

    let storage = other.ask(LookUpStorage).await.unwrap();
    assert_eq!(storage.n_moments, 14);
    let storage = other.ask(Purge::Moments).await.unwrap();
    assert_eq!((storage.n_moments, storage.moments_bytes), (0, 0));
    assert_eq!(failure(other.ask(SelectMoment { id: last.id }).await), Failure::NoSuchMoment);
}

#[wasm_bindgen_test]
async fn healing_can_be_stepped_paused_stopped_and_reset() {
    let (page, _) = Page::loaded().await;
    page.corrupt("kaiming@bottom:0.5", 5).await;
    let healing = page.send(HealSettings { starts_paused: true, ..settings(1_000) }, Vec::new());
    page.reaches(&healing, 0).await;
    TimeoutFuture::new(50).await;
    let last = page.progress(&healing).pop();
    assert_eq!(last.map(|progress| (progress.step, progress.state)), Some((0, HealState::Paused)));
    for step in 1..=2 {
        page.ask(SteerHealing::Step).await.unwrap();
        page.reaches(&healing, step).await;
    }
    TimeoutFuture::new(50).await;
    assert_eq!(page.progress(&healing).last().map(|progress| progress.step), Some(2));
    assert_eq!(failure(page.ask(settings(1)).await), Failure::AlreadyHealing);
    page.ask(SteerHealing::Resume).await.unwrap();
    page.reaches(&healing, 5).await;
    page.ask(SteerHealing::Stop).await.unwrap();
    let summary = page.end(&healing).await.unwrap();
    assert!(summary.step >= 5 && summary.held_out.is_none());
    assert_eq!(summary.moment.map(|moment| moment.step), Some(summary.step));

    let healing = page.send(settings(1_000), Vec::new());
    page.reaches(&healing, 1).await;
    page.ask(SteerHealing::Reset).await.unwrap();
    assert_eq!(page.end(&healing).await.unwrap_err(), Interruption::Cancelled);
    assert_eq!(page.classify(&["good"], &ALL).await[0].models.len(), 2);
    assert_eq!(failure(page.ask(SteerHealing::Step).await), Failure::NoHealing);

    // A healing is also ended by its own call's cancellation and by new damage.
    for how in 0..2 {
        let healing = page.send(HealSettings { starts_paused: how == 0, ..settings(1_000) }, Vec::new());
        page.reaches(&healing, 0).await;
        match how {
            0 => page.ask(Cancel { id: healing.id }).await.unwrap(),
            _ => drop(page.corrupt("kaiming@top:0.5", 1).await),
        }
        assert_eq!(page.end(&healing).await.unwrap_err(), Interruption::Cancelled, "{how}");
    }

    // Before another model takes its place, what it reached is kept.
    let healing = page.send(HealSettings { moment_every: 1_000, ..settings(1_000) }, Vec::new());
    page.reaches(&healing, 2).await;
    page.load(&FILES).await.unwrap();
    let summary = page.end(&healing).await.unwrap();
    assert!(summary.step >= 2 && summary.moment.is_some_and(|moment| moment.step == summary.step), "{}", summary.step);
}

#[wasm_bindgen_test]
async fn the_damage_that_is_there_already_is_not_made_again_but_ends_a_healing_as_any_other() {
    let (page, _) = Page::loaded().await;
    let before = page.corrupt("kaiming@bottom:0.5", 5).await;
    let made = |page: &Page| {
        let session = page.worker.context.session.borrow();
        let damaged = session.as_ref().and_then(|session| session.corrupted.as_ref());
        Rc::clone(&damaged.expect("it was damaged").model)
    };
    let model = made(&page);
    let healing = page.send(settings(1_000), Vec::new());
    page.reaches(&healing, 1).await;
    assert_eq!(page.corrupt(" kaiming @ bottom:50%", 5).await, before);
    assert_eq!(page.end(&healing).await.unwrap_err(), Interruption::Cancelled);
    assert!(Rc::ptr_eq(&model, &made(&page)), "the very same weights");
    page.corrupt("kaiming@bottom:0.5", 6).await;
    assert!(!Rc::ptr_eq(&model, &made(&page)), "another seed is another damage");
}

#[wasm_bindgen_test]
async fn only_what_was_damaged_and_the_head_learns_unless_something_else_is_said() {
    let (page, loaded) = Page::loaded().await;
    let n_of = |kinds: &[PartKind]| -> usize {
        loaded.model.parts.iter().filter(|part| kinds.contains(&part.kind)).map(|part| part.n_values).sum()
    };
    page.corrupt("kaiming@bottom:1L", 5).await;
    let head = [PartKind::Pooler, PartKind::Classifier];
    for (trained, expected) in [
        (Trained::DamagedAndHead, n_of(&[PartKind::Layer(0)]) + n_of(&head)),
        (Trained::All, loaded.model.n_parameters),
        (Trained::AllBut("embeddings,bottom:1L".to_owned()), n_of(&[PartKind::Layer(1)]) + n_of(&head)),
    ] {
        let healing = page.send(HealSettings { trained, ..settings(1) }, Vec::new());
        page.end(&healing).await.unwrap();
        assert_eq!(page.progress(&healing)[0].n_trained, expected);
    }
    for (settings, expected) in [
        (HealSettings { trained: Trained::AllBut("layers:7".to_owned()), ..settings(1) }, "This selection cannot be"),
        (HealSettings { learning_rate: f64::NAN, ..settings(1) }, "The learning rate is NaN"),
        (HealSettings { n_steps: 0, ..settings(1) }, "The number of steps is 0"),
        (HealSettings { batch_size: 9_999, ..settings(1) }, "The batch size is 9999"),
        (HealSettings { probe_every: 0, ..settings(1) }, "The number of steps between two looks is 0"),
    ] {
        let refused = failure(page.ask(settings).await);
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
}

#[wasm_bindgen_test]
async fn healed_models_name_the_damage_they_were_healed_from() {
    let (page, _) = Page::loaded().await;
    page.corrupt("kaiming@bottom:50%", 9).await;
    page.ask(settings(1)).await.unwrap();
    // Another damage leaves the healed model as it is, and says whose it is.
    let damage = page.corrupt("zero:1@top:1L", 2).await;
    let Some(origin @ HealedOrigin::Live { step: 1, .. }) = damage.healed else { panic!("{:?}", damage.healed) };
    assert_eq!(origin.damage(), ("kaiming@bottom:0.5", Seed(9)));
}

#[wasm_bindgen_test]
async fn memory_that_steps_hand_on_is_given_back_however_a_healing_ends() {
    let (page, _) = Page::loaded().await;
    page.corrupt("kaiming@all", 5).await;
    page.ask(settings(3)).await.unwrap();
    assert_eq!(shared::nn::n_pooled_values(), 0, "after its end");

    let healing = page.send(settings(1_000), Vec::new());
    page.reaches(&healing, 2).await;
    assert!(shared::nn::n_pooled_values() > 0, "steps hand memory on, or this tests nothing");
    page.ask(SteerHealing::Reset).await.unwrap();
    assert_eq!(page.end(&healing).await.unwrap_err(), Interruption::Cancelled);
    assert_eq!(shared::nn::n_pooled_values(), 0, "after a reset");

    // Whatever becomes of it.
    drop(page.ask(HealSettings { learning_rate: 1e-1, ..settings(400) }).await);
    assert_eq!(shared::nn::n_pooled_values(), 0, "after one that may diverge");

    page.ask(settings(3)).await.unwrap();
    page.ask(MakeControl).await.unwrap();
    assert_eq!(shared::nn::n_pooled_values(), 0, "after a control");
}
