use super::*;
use crate::failure::Failure;
use shared::Condition;
use shared::random::Seed;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn decode_of_encode_is_the_identity_also_for_seeds_beyond_javascript_numbers() {
    let requests: [AnyRequest; 9] = [
        Corrupt { seed: Seed(u64::MAX), plan: "kaiming@all".to_owned() }.into(),
        Load::Files(vec![FileEntry { path: "run/spec.json".to_owned(), size_bytes: 1 << 40 }]).into(),
        HealSettings { pinned: vec!["so <b>good</b> “é”".to_owned()], ..HealSettings::default() }.into(),
        HealSettings { trained: Trained::AllBut("embeddings".to_owned()), ..HealSettings::default() }.into(),
        MeasureDrift { source: DriftSource::HeldOut { n_rows: 8 }, models: vec![Condition::Healed] }.into(),
        SelectMoment { id: MomentId("a/1".to_owned()) }.into(),
        Purge::Everything.into(),
        SteerHealing::Stop.into(),
        Cancel { id: RequestId(u32::MAX) }.into(),
    ];
    for request in requests {
        let call = Call { id: RequestId(7), request };
        assert_eq!(encode(&call).and_then(|text| decode(&text)), Ok(call));
    }
}

/// The reply as it arrives.
fn posted(reply: &Reply) -> Reply {
    let [header, body] = reply.encode().unwrap();
    Reply::decode(&header, body).unwrap()
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
        run: None,
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
        n_workers: Some(2),
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
    let id = Some(RequestId(1));
    let answer = posted(&Reply::new(id, ReplyKind::Answer, &vec![classification.clone()]));
    assert!(matches!(answer.response::<Classify>(), Response::Answer(said) if said == [classification]));
    let told = posted(&Reply::new(id, ReplyKind::Progress, &progress));
    assert!(matches!(told.response::<HealSettings>(), Response::Progress(told) if told == progress));
    let answer = posted(&Reply::new(id, ReplyKind::Answer, &vec![moment.clone()]));
    assert!(matches!(answer.response::<ListMoments>(), Response::Answer(moments) if moments == [moment]));
    let answer = posted(&Reply::new(id, ReplyKind::Answer, &view));
    assert!(matches!(answer.response::<ViewAttention>(), Response::Answer(seen) if seen == view));
    let transfer = Progress { stage: Stage::Transfer, done: 1, total: u64::MAX };
    let told = posted(&Reply::new(id, ReplyKind::Progress, &transfer));
    assert!(matches!(told.response::<Load>(), Response::Progress(told) if told == transfer));
}

#[wasm_bindgen_test]
fn failures_and_cancellations_are_read_whatever_was_asked_and_another_answer_is_a_failure() {
    let id = Some(RequestId(1));
    let failed = posted(&Reply::failed(id, &Failure::NoModel));
    assert_eq!(failed.failure(), Some(Failure::NoModel));
    assert!(matches!(failed.response::<Load>(), Response::Failed(Failure::NoModel)));
    let cancelled = posted(&Reply::bare(id, ReplyKind::Cancelled));
    assert!(matches!(cancelled.response::<Evaluate>(), Response::Cancelled) && cancelled.kind.is_final());
    let answer = posted(&Reply::new(id, ReplyKind::Answer, &7));
    assert!(matches!(answer.response::<Classify>(), Response::Failed(Failure::MalformedMessage { .. })));
    assert!(!ReplyKind::Progress.is_final());
}

#[wasm_bindgen_test]
fn message_of_another_version_is_refused_even_when_its_body_is_unknown() {
    let text = r#"{"version":999,"body":{"bury":{}}}"#;
    assert_eq!(decode::<Call>(text), Err(Failure::VersionMismatch { expected: VERSION, got: 999 }));
}

#[wasm_bindgen_test]
fn text_that_is_no_message_is_a_failure_not_a_panic() {
    let (bare, bodied) =
        (format!(r#"{{"version":{VERSION}}}"#), format!(r#"{{"version":{VERSION},"body":"corrupt"}}"#));
    for text in ["", "7", "{}", &bare, &bodied] {
        assert!(matches!(decode::<Call>(text), Err(Failure::MalformedMessage { .. })), "{text}");
    }
}
