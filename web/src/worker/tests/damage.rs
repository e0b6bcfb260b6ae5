//! Damage: the native code's bits, told tensor by tensor, and every view of it.

use super::*;
use crate::protocol::{DriftSource, MeasureDrift, PartKind, TensorChange};
use serde::Deserialize;

/// What the native code computes; see `tests/parity/page.rs`.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    plan: String,
    seed: u64,
    fingerprint: String,
    probabilities: Vec<Vec<Option<f64>>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/golden/page.json")).unwrap()
}

#[wasm_bindgen_test]
async fn damaged_bits_and_predictions_are_those_of_the_native_code() {
    let (page, _) = Page::loaded().await;
    let golden = golden();
    let texts: Vec<&str> = golden.texts.iter().map(String::as_str).collect();
    let healthy = page.fingerprint(Condition::Healthy).await;
    for case in &golden.cases {
        let damage = page.corrupt(&case.plan, case.seed).await;
        assert_eq!((&damage.plan, damage.seed.0), (&case.plan, case.seed));
        assert_eq!(page.fingerprint(Condition::Corrupted).await, case.fingerprint, "{}", case.plan);
        let classified = page.classify(&texts, &[Condition::Corrupted]).await;
        for (classification, expected) in classified.iter().zip(&case.probabilities) {
            let model = &classification.models[0];
            assert_eq!(model.label.is_none(), expected.contains(&None));
            for (got, expected) in model.probabilities.iter().zip(expected) {
                let is_near = match (got, expected) {
                    (Some(got), Some(expected)) => (got - expected).abs() < 1e-4,
                    (got, expected) => got == expected,
                };
                assert!(is_near, "{}: {got:?} {expected:?}", case.plan);
            }
        }
    }
    // The first case is no damage; and the healthy model never changes.
    assert_eq!(healthy, golden.cases[0].fingerprint);
    assert_eq!(page.fingerprint(Condition::Healthy).await, healthy);
}

#[wasm_bindgen_test]
async fn a_damage_is_reported_tensor_by_tensor_and_can_be_taken_away() {
    let (page, loaded) = Page::loaded().await;
    let damage = page.corrupt("bitflip:0.05,exponent@layers:1", 3).await;
    assert!(damage.totals.n_non_finite > 0, "{:?}", damage.totals);
    assert!(damage.tensors.iter().all(|tensor| loaded.model.parts[tensor.part_idx].kind == PartKind::Layer(1)));
    assert_eq!(damage.histograms.len(), damage.differences.len());
    let n_after: u64 = damage
        .differences
        .iter()
        .map(|histogram| histogram.counts.iter().sum::<u64>() + histogram.n_outside + histogram.n_non_finite)
        .sum();
    assert_eq!(n_after, damage.size_bytes / 4);

    let name = "bert.encoder.layer.1.output.dense.weight".to_owned();
    let view = page.ask(ViewTensor { name, model: Condition::Corrupted, max_tiles: 16 }).await.unwrap();
    assert_eq!((view.shape.as_slice(), view.before.n_rows, view.before.n_columns), ([32, 64].as_slice(), 16, 16));
    assert!(view.after.means.contains(&None) && !view.before.means.contains(&None));

    for plan in ["", "  "] {
        assert_eq!(page.corrupt(plan, 3).await.totals.n_tensors, 0);
    }
    // Without damage the corrupted model is the healthy one.
    let models = &page.classify(&["good"], &ALL).await[0].models;
    assert_eq!(models.iter().map(|model| model.model).collect::<Vec<_>>(), [Condition::Healthy, Condition::Corrupted]);
    assert_eq!(models[0].probabilities, models[1].probabilities);
    for (plan, end) in [("kaimin@all", "^"), ("kaiming@layers:0-9", "^")] {
        let refused = failure(page.ask(Corrupt { plan: plan.to_owned(), seed: Seed(1) }).await);
        let Failure::BadPlan { message } = refused else { panic!("{refused:?}") };
        assert!(message.ends_with(end), "{message}");
    }
}

#[wasm_bindgen_test]
async fn every_view_of_a_model_without_numbers_has_gaps_and_nothing_breaks() {
    let (page, _) = Page::loaded().await;
    // The last of the golden cases: queries of the upper layer so large that their scores are no numbers.
    page.corrupt("bitflip:0.05,exponent@layers:1/attention.query", 7).await;
    let text = || "the movie was good".to_owned();
    let models = ALL.to_vec();
    let classified = page.classify(&["the movie was good", ""], &ALL).await;
    assert_eq!(classified[0].models[1].probabilities, [None; 3]);
    assert_eq!(classified[1].tokens, ["[CLS]", "[SEP]"]);
    let request = ViewAttention { text: text(), layer_idx: 1, head_idx: None, models: models.clone() };
    let view = page.ask(request).await.unwrap();
    let healthy: f32 = view.models[0].probabilities.iter().flatten().sum();
    assert!((healthy - view.tokens.len() as f32).abs() < 1e-4, "rows sum to 1");
    assert!(view.models[1].probabilities.contains(&None));

    for source in [DriftSource::Text(text()), DriftSource::HeldOut { n_rows: 8 }] {
        let view = page.ask(MeasureDrift { source, models: models.clone() }).await.unwrap();
        assert_eq!(view.layers.len(), 2 * 3);
        // All of the healthy model, and what lies below the damaged layer, is unmoved.
        assert!(view.layers[..5].iter().all(|layer| layer.cosine.is_some_and(|x| (x - 1.0).abs() < 1e-9)));
        assert!(view.layers[5].cosine.is_none() && view.layers[5].linear_cka.is_none());
    }

    let view = page.ask(Attribute { text: text(), target: None, models: models.clone() }).await.unwrap();
    assert!(view.models[0].completeness_gap.is_some_and(|gap| gap.abs() < 1e-3), "{view:?}");
    assert!(view.models[1].margin.is_none());

    let evaluation = page.ask(Evaluate { models }).await.unwrap();
    let damaged = &evaluation.models[1];
    let n_non_finite = damaged.answers.n_non_finite;
    assert!(n_non_finite > 0 && damaged.accuracy.n_non_finite == n_non_finite, "{damaged:?}");
    assert_eq!(damaged.confusion.iter().flatten().sum::<u64>() as usize + n_non_finite, damaged.accuracy.n);

    let healing = failure(page.ask(settings(2)).await);
    assert!(matches!(healing, Failure::Diverged { .. }), "{healing:?}");
}

#[wasm_bindgen_test]
async fn a_logit_that_is_not_finite_leaves_no_class_and_no_share() {
    let (page, _) = Page::loaded().await;
    for seed in 0..40 {
        let damage = page.corrupt("bitflip:0.3,exponent@classifier", seed).await;
        let said = page.classify(&["the movie was good"], &[Condition::Corrupted]).await;
        let model = &said[0].models[0];
        assert_eq!(model.label.is_none(), model.probabilities.contains(&None), "{seed}: {model:?}");
        assert!(model.label.is_some() || model.probabilities == [None; 3], "{seed}: {model:?} {:?}", damage.totals);
    }
}

#[wasm_bindgen_test]
async fn values_that_a_plan_changed_are_counted_once_over_all_its_steps() {
    let (page, _) = Page::loaded().await;
    let damage = page.corrupt("zero:0.1@layers:0/attention.query;signflip:0.1@layers:0/attention.query", 3).await;
    let weight = |step_idx| {
        let is_it = |tensor: &&TensorChange| tensor.step_idx == step_idx && tensor.name.ends_with("weight");
        damage.tensors.iter().find(is_it).unwrap()
    };
    let (zeroed, flipped) = (weight(0), weight(1));
    assert_eq!(zeroed.n_changed_in_all, flipped.n_changed_in_all);
    let in_all = zeroed.n_changed_in_all;
    assert!(
        in_all > zeroed.n_changed.max(flipped.n_changed) && in_all <= zeroed.n_changed + flipped.n_changed,
        "{in_all}"
    );
}
