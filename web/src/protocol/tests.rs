use super::*;
use shared::Condition;
use wasm_bindgen_test::wasm_bindgen_test;

fn call(request: Request) -> Call {
    Call { id: RequestId(7), request }
}

#[wasm_bindgen_test]
fn decode_of_encode_is_the_identity_also_for_seeds_beyond_javascript_numbers() {
    for request in [
        Request::Corrupt { seed: Seed(u64::MAX), plan: "kaiming@all".to_owned() },
        Request::LoadFiles { files: vec![FileEntry { path: "run/spec.json".to_owned(), size_bytes: 1 << 40 }] },
        Request::HealStart(HealSettings {
            pinned: vec!["so <b>good</b> “é”".to_owned()], ..HealSettings::default()
        }),
        Request::HealStart(HealSettings {
            trained: Trained::AllBut("embeddings".to_owned()),
            ..HealSettings::default()
        }),
        Request::Drift { source: DriftSource::HeldOut { n_rows: 8 }, models: vec![Condition::Healed] },
        Request::SelectMoment { id: MomentId("a/1".to_owned()) },
        Request::Purge(Purge::Everything),
        Request::HealStop,
        Request::Cancel { id: RequestId(u32::MAX) },
    ] {
        let call = call(request);
        assert_eq!(encode(&call).and_then(|text| decode(&text)), Ok(call));
    }
}

#[wasm_bindgen_test]
fn answers_keep_every_bit_of_their_numbers() {
    let accuracy = Accuracy { n: 3, n_non_finite: 1, value: 1.0 / 3.0, low: f64::MIN_POSITIVE, high: 0.1 + 0.2 };
    let moment = Moment {
        id: MomentId("m".to_owned()),
        healing: "h".to_owned(),
        plan: "kaiming@bottom:0.5".to_owned(),
        seed: Seed(u64::MAX),
        step: 1,
        n_steps: 2,
        loss: Some(0.1),
        held_out: Some(accuracy),
        kept_at_ms: 1.8e12,
        size_bytes: 9,
        is_saved: true,
    };
    let prediction =
        ModelPrediction { model: Condition::Corrupted, label: None, probabilities: vec![None, Some(1.0 / 3.0)] };
    let classification = Classification {
        text: "é\u{0}".to_owned(),
        tokens: vec!["[CLS]".to_owned()],
        is_cut: true,
        models: vec![prediction],
    };
    let progress = HealProgress {
        state: HealState::Paused,
        step: 1,
        n_steps: 2,
        loss: Some(f64::EPSILON),
        learning_rate: Some(1e-300),
        gradient_norm: None,
        train_accuracy: Some(0.5),
        step_secs: Some(0.3),
        held_out: Some(accuracy),
        pinned: Some(vec![classification.clone()]),
        moment: Some(moment.clone()),
        n_trained: 5,
        size_bytes: u64::MAX,
    };
    let view = AttentionView {
        layer_idx: 0,
        head_idx: None,
        tokens: vec!["a".to_owned()],
        models: vec![ModelAttention { model: Condition::Healthy, probabilities: vec![None, Some(f32::MIN_POSITIVE)] }],
    };
    for response in [
        Response::Ready,
        Response::Progress(Progress { stage: Stage::Transfer, done: 1, total: u64::MAX }),
        Response::Classified(vec![classification]),
        Response::HealProgress(Box::new(progress)),
        Response::Moments(vec![moment]),
        Response::Attention(view),
        Response::Failed(Failure::NoModel),
    ] {
        let reply = Reply { id: Some(RequestId(1)), response };
        assert_eq!(encode(&reply).and_then(|text| decode(&text)), Ok(reply));
    }
}

#[wasm_bindgen_test]
fn only_progress_is_followed_by_more() {
    let progress = Response::Progress(Progress { stage: Stage::Rows, done: 0, total: 0 });
    assert!(!progress.is_final());
    for response in [Response::Done, Response::Cancelled, Response::Failed(Failure::NoModel), Response::Moments(vec![])]
    {
        assert!(response.is_final(), "{response:?}");
    }
}

#[wasm_bindgen_test]
fn message_of_another_version_is_refused_even_when_its_body_is_unknown() {
    let text = r#"{"version":999,"body":{"bury":{}}}"#;
    assert_eq!(decode::<Call>(text), Err(Failure::VersionMismatch { expected: VERSION, got: 999 }));
}

#[wasm_bindgen_test]
fn text_that_is_no_message_is_a_failure_not_a_panic() {
    for text in ["", "7", "{}", r#"{"version":3}"#, r#"{"version":3,"body":"corrupt"}"#] {
        assert!(matches!(decode::<Call>(text), Err(Failure::MalformedMessage { .. })), "{text}");
    }
}
