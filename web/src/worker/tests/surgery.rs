//! Surgery: parts of one model in another, blame, lines between models, and single bits.

use super::*;
use crate::protocol::{AskBlame, AskReturn, FindFatalBit, Transplant, ViewWeight};
use shared::corruption::WeightBit;

const PLAN: &str = "kaiming@layers:0;zero:1@pooler";

async fn damaged() -> Page {
    let (page, _) = Page::loaded().await;
    page.corrupt(PLAN, 1).await;
    page
}

fn transplant(from: Condition, to: Condition, parts: &str) -> Transplant {
    Transplant { from, to, parts: parts.to_owned() }
}

async fn probabilities(page: &Page, model: Condition) -> Vec<Option<f64>> {
    page.classify(&["the movie was good good"], &[model]).await.remove(0).models.remove(0).probabilities
}

#[wasm_bindgen_test]
async fn healthy_parts_make_a_damaged_model_whole_and_are_given_back() {
    let page = damaged().await;
    let (healthy, broken) = (page.fingerprint(Condition::Healthy).await, page.fingerprint(Condition::Corrupted).await);
    assert_ne!(healthy, broken);
    let done = page.ask(transplant(Condition::Healthy, Condition::Corrupted, "layers:0, pooler")).await.unwrap();
    assert!(done.n_changed > 0 && done.parts == "layers:0,pooler", "{done:?}");
    assert_eq!(page.fingerprint(Condition::Corrupted).await, healthy);
    assert_eq!(probabilities(&page, Condition::Corrupted).await, probabilities(&page, Condition::Healthy).await);
    page.ask(transplant(Condition::Healthy, Condition::Corrupted, "")).await.unwrap();
    assert_eq!(page.fingerprint(Condition::Corrupted).await, broken);
    // The reverse, of a part, is neither.
    page.ask(transplant(Condition::Corrupted, Condition::Healthy, "pooler")).await.unwrap();
    let mixed = page.fingerprint(Condition::Healthy).await;
    assert!(mixed != healthy && mixed != broken);
    // With another damage the donor is gone, and with it the graft.
    page.corrupt("zero:1@pooler", 1).await;
    assert_eq!(page.fingerprint(Condition::Healthy).await, healthy);
}

#[wasm_bindgen_test]
async fn parts_that_are_mistyped_or_not_there_are_refused_and_nothing_is_taken() {
    let page = damaged().await;
    let broken = page.fingerprint(Condition::Corrupted).await;
    for (parts, reason) in [("layers:7", "layer 7"), ("layer", "layer")] {
        let refused = failure(page.ask(transplant(Condition::Healthy, Condition::Corrupted, parts)).await);
        let Failure::BadTransplant { message } = refused else { panic!("{refused:?}") };
        assert!(message.contains(reason), "{message}");
    }
    let refused = failure(page.ask(transplant(Condition::Healed, Condition::Corrupted, "pooler")).await);
    assert!(matches!(refused, Failure::NoSuchModel { .. }), "{refused:?}");
    assert_eq!(page.fingerprint(Condition::Corrupted).await, broken);
}

#[wasm_bindgen_test]
async fn blame_adds_up_to_what_the_damage_costs_and_spares_what_is_the_same() {
    let page = damaged().await;
    let request =
        AskBlame { damaged: Condition::Corrupted, text: "the movie was good good".to_owned(), max_rows: usize::MAX };
    let sent = page.send(request.clone(), Vec::new());
    let view = page.end(&sent).await.unwrap();
    assert!(
        page.progress(&sent).last().is_some_and(|last| last.done == last.total && last.total as usize == view.n_rows)
    );
    let evaluation = page.ask(Evaluate { models: vec![Condition::Healthy, Condition::Corrupted] }).await.unwrap();
    let [healthy, corrupted] = [0, 1].map(|i| evaluation.models[i].accuracy.value);
    assert_eq!((view.accuracy.healthy, view.accuracy.damaged), (healthy, corrupted));
    let margin = view.margin.unwrap();
    for blame in [&view.accuracy, &margin] {
        assert!((blame.sum - (blame.healthy - blame.damaged)).abs() < 1e-9, "{blame:?}");
        // Layers 0 and 1, and the rest; layer 1 is the same in both.
        assert_eq!(
            blame.parts.iter().map(|part| part.part.as_str()).collect::<Vec<_>>(),
            ["layer 0", "layer 1", "rest"]
        );
        assert_eq!(blame.parts[1].value, 0.0);
    }
    assert_eq!(view.is_same, [false, true, false]);
    let few = page.ask(AskBlame { max_rows: 5, text: String::new(), ..request.clone() }).await.unwrap();
    assert!(few.n_rows == 5 && few.margin.is_none());
    let refused = failure(page.ask(AskBlame { damaged: Condition::Healed, ..request.clone() }).await);
    assert!(matches!(refused, Failure::NoSuchModel { .. }), "{refused:?}");
    // It can be given up.
    let sent = page.send(request, Vec::new());
    page.ask(Cancel { id: sent.id }).await.unwrap();
    assert_eq!(page.end(&sent).await.unwrap_err(), Interruption::Cancelled);
}

#[wasm_bindgen_test]
async fn lines_begin_and_end_at_the_models_and_a_scar_is_where_the_damage_was() {
    let page = damaged().await;
    let refused = failure(page.ask(AskReturn { max_rows: 9 }).await);
    assert!(matches!(refused, Failure::NoSuchModel { .. }), "{refused:?}");
    page.ask(settings(4)).await.unwrap();
    let view = page.ask(AskReturn { max_rows: usize::MAX }).await.unwrap();
    let models = vec![Condition::Healthy, Condition::Corrupted, Condition::Healed];
    let evaluation = page.ask(Evaluate { models }).await.unwrap();
    let [healthy, corrupted, healed] = [0, 1, 2].map(|i| evaluation.models[i].accuracy.value);
    for (line, from) in [(&view.from_healthy, healthy), (&view.from_corrupted, corrupted)] {
        assert_eq!((line.len(), line[0].accuracy, line[10].accuracy), (11, from, healed));
        assert!(line.iter().enumerate().all(|(i, point)| (point.t - i as f64 / 10.0).abs() < 1e-12));
    }
    // Embeddings, two layers, the head.
    assert_eq!(view.scars.len(), 4);
    assert!(
        view.scars[1].distance_before > Some(0.5) && view.scars[2].distance_before == Some(0.0),
        "{:?}",
        view.scars
    );
    assert!(view.scars.iter().all(|scar| scar.moved > Some(0.0)), "all of it was trained");
}

#[wasm_bindgen_test]
async fn a_weight_shows_its_bits_and_the_plan_that_flips_one() {
    let (page, _) = Page::loaded().await;
    let name = "bert.encoder.layer.0.attention.self.query.weight".to_owned();
    let weight = ViewWeight { name, row: 3, column: Some(5) };
    let view = page.ask(weight.clone()).await.unwrap();
    let healthy = view.bits[0].1;
    assert!(view.bits.iter().all(|(_, bits)| *bits == healthy));
    assert_eq!(view.plan, "flip:3.5,bit0@layers:0/attention.query");
    let of_bit =
        |bit| crate::plan_edit::toggled_flip("", &view.plan, WeightBit { row: 3, column: Some(5), bit }).unwrap();
    page.corrupt(&of_bit(30), 1).await;
    let view = page.ask(weight.clone()).await.unwrap();
    assert_eq!(view.bits[1], (Condition::Corrupted, healthy ^ 1 << 30));
    for wrong in [ViewWeight { row: 999, ..weight.clone() }, ViewWeight { column: None, ..weight.clone() }] {
        let refused = failure(page.ask(wrong).await);
        assert!(refused.to_string().contains("of shape"), "{refused}");
    }
}

#[wasm_bindgen_test]
async fn a_search_for_a_fatal_bit_says_how_many_it_tried_and_what_it_found_is_fatal() {
    let (page, _) = Page::loaded().await;
    let found = page.ask(FindFatalBit { max_rows: usize::MAX }).await.unwrap();
    assert!(found.n_tried > 0);
    if let Some((plan, weight)) = found.found {
        assert!(100.0 * (found.healthy - found.flipped) > 5.0);
        page.corrupt(&plan, 1).await;
        let models = vec![Condition::Healthy, Condition::Corrupted];
        let evaluation = page.ask(Evaluate { models }).await.unwrap();
        assert_eq!(evaluation.models[0].accuracy.value, found.healthy);
        assert_eq!(evaluation.models[1].accuracy.value, found.flipped);
        let bits = page.ask(weight).await.unwrap().bits;
        assert_eq!((bits[0].1 ^ bits[1].1).count_ones(), 1);
    } else {
        assert_eq!(found.n_tried, 40);
    }
}
