//! The control: the same fine-tuning as the healing's, of a model that was never damaged.

use super::*;
use crate::protocol::{Healing, Stage, Trained};

#[wasm_bindgen_test]
async fn a_control_has_the_healings_steps_seeds_rows_and_parameters_and_no_damage() {
    let (page, _) = Page::loaded().await;
    let none = failure(page.ask(MakeControl).await);
    assert!(none.to_string().starts_with("There is no control model now: heal"), "{none}");
    page.corrupt("kaiming@bottom:0.5", 5).await;
    let settings = HealSettings { trained: Trained::DamagedAndHead, ..settings(12) };
    let healing = page.send(settings.clone(), Vec::new());
    page.reaches(&healing, 7).await;
    assert_eq!(failure(page.ask(MakeControl).await), Failure::AlreadyHealing);
    // Unless it has come to its end by itself.
    drop(page.ask(SteerHealing::Stop).await);
    let summary = page.end(&healing).await.unwrap();
    let (step, moment) = (summary.step, summary.moment.unwrap());

    let making = page.send(MakeControl, Vec::new());
    let control = page.end(&making).await.unwrap();
    assert_eq!(control.of, Healing::Live { name: moment.healing, step });
    assert_eq!(control.budget, format!("after its own fine-tuning + {step} steps"));
    let last = page.progress(&making).pop().map(|told| (told.stage, told.done, told.total));
    assert_eq!(last, Some((Stage::Steps, step as u64, step as u64)));

    // A healing of nothing is the same fine-tuning: the same steps of the healthy model by its own code.
    let before = page.ask(Evaluate { models: ALL.to_vec() }).await.unwrap();
    let compared = before.control.expect("the healed model was asked");
    assert_eq!(compared.control, control);
    let healed = before.models[2].accuracy.value;
    assert!((compared.deficit.points - 100.0 * (control.accuracy.value - healed)).abs() < 1e-9, "{compared:?}");
    page.corrupt("zero:0@bottom:0.5", 5).await;
    let twin = page.send(HealSettings { starts_paused: true, ..settings }, Vec::new());
    page.reaches(&twin, 0).await;
    for done in 1..=step {
        page.ask(SteerHealing::Step).await.unwrap();
        page.reaches(&twin, done).await;
    }
    // Unless it has come to its end by itself.
    drop(page.ask(SteerHealing::Stop).await);
    page.end(&twin).await.unwrap();
    let after = page.ask(Evaluate { models: vec![Condition::Healed] }).await.unwrap();
    assert_eq!(after.models[0].accuracy, control.accuracy);
    assert_eq!(after.control, None, "the control is not that of this healing");
}

#[wasm_bindgen_test]
async fn a_control_is_given_up_when_it_is_cancelled_and_when_a_healing_begins() {
    let (page, _) = Page::loaded().await;
    page.corrupt("kaiming@bottom:0.5", 5).await;
    page.ask(settings(200)).await.unwrap();
    for is_cancelled in [true, false] {
        let making = page.send(MakeControl, Vec::new());
        page.until(|| !page.progress(&making).is_empty()).await;
        if is_cancelled {
            page.ask(Cancel { id: making.id }).await.unwrap();
        } else {
            page.ask(settings(1)).await.unwrap();
        }
        assert_eq!(page.end(&making).await.unwrap_err(), Interruption::Cancelled, "{is_cancelled}");
        let evaluation = page.ask(Evaluate { models: ALL.to_vec() }).await.unwrap();
        assert_eq!(evaluation.control, None);
    }
}
