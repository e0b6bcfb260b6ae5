//! The whole worker, from a call to its last reply, on a tiny model: files in, answers out.

use super::*;
use crate::protocol::{
    Classification, Corrupted, DriftSource, HealProgress, HealSettings, HealState, HealedOrigin, Loaded, Moment, Stage,
    Trained,
};
use crate::protocol::{FileEntry, HealSummary, PartKind};
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use shared::Condition;
use shared::seed::Seed;
use wasm_bindgen_test::wasm_bindgen_test;

const CONFIG: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/model.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/tokenizer.json");

const ALL: [Condition; 3] = [Condition::Healthy, Condition::Corrupted, Condition::Healed];

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
    serde_json::from_str(include_str!("../../../tests/golden/page.json")).unwrap()
}

/// A worker whose replies are collected.
struct Bench {
    worker: Rc<Worker>,
    replies: Rc<RefCell<Vec<Reply>>>,
    next_id: Cell<u32>,
}

impl Bench {
    fn new() -> Self {
        let replies: Rc<RefCell<Vec<Reply>>> = Rc::default();
        let collected = Rc::clone(&replies);
        let worker = Worker::new(move |reply| {
            // As it travels: what cannot be encoded would not arrive.
            let text = crate::protocol::encode(reply).unwrap();
            collected.borrow_mut().push(crate::protocol::decode(&text).unwrap());
        });
        Self { worker, replies, next_id: Cell::new(1) }
    }

    /// A worker with the tiny model and rows that it can learn.
    async fn loaded() -> (Self, Box<Loaded>) {
        let bench = Self::new();
        let loaded = bench
            .load(&[
                ("config.json", CONFIG),
                ("model.safetensors", WEIGHTS),
                ("tokenizer.json", TOKENIZER),
                ("rows.tsv", rows().as_bytes()),
            ])
            .await;
        let Response::Loaded(loaded) = loaded else { panic!("{loaded:?}") };
        (bench, loaded)
    }

    fn send(&self, request: Request, files: Vec<File>) -> RequestId {
        let id = RequestId(self.next_id.replace(self.next_id.get() + 1));
        self.worker.receive(Call { id, request }, files);
        id
    }

    async fn load(&self, files: &[(&str, &[u8])]) -> Response {
        let entries = files
            .iter()
            .map(|(path, bytes)| FileEntry { path: (*path).to_owned(), size_bytes: bytes.len() as u64 })
            .collect();
        let files = files.iter().map(|(path, bytes)| file(path, bytes)).collect();
        self.end(self.send(Request::LoadFiles { files: entries }, files)).await
    }

    /// Asks, and waits for the final reply.
    async fn ask(&self, request: Request) -> Response {
        self.end(self.send(request, Vec::new())).await
    }

    async fn end(&self, id: RequestId) -> Response {
        self.until(id, Response::is_final).await
    }

    /// Waits for the first reply to a call that is as wanted.
    async fn until(&self, id: RequestId, is_wanted: impl Fn(&Response) -> bool) -> Response {
        for _ in 0..6_000 {
            let found = self.of(id).into_iter().find(&is_wanted);
            if let Some(response) = found {
                return response;
            }
            browser::sleep(10).await;
        }
        panic!("no such reply within a minute: {:?}", self.of(id));
    }

    fn of(&self, id: RequestId) -> Vec<Response> {
        let replies = self.replies.borrow();
        replies.iter().filter(|reply| reply.id == Some(id)).map(|reply| reply.response.clone()).collect()
    }

    async fn corrupt(&self, plan: &str, seed: u64) -> Box<Corrupted> {
        match self.ask(Request::Corrupt { plan: plan.to_owned(), seed: Seed(seed) }).await {
            Response::Corrupted(corrupted) => corrupted,
            other => panic!("{other:?}"),
        }
    }

    async fn classify(&self, texts: &[&str], models: &[Condition]) -> Vec<Classification> {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        match self.ask(Request::Classify { texts, models: models.to_vec() }).await {
            Response::Classified(classifications) => classifications,
            other => panic!("{other:?}"),
        }
    }

    async fn fingerprint(&self, model: Condition) -> String {
        match self.ask(Request::Fingerprint { model }).await {
            Response::Fingerprint(fingerprint) => fingerprint,
            other => panic!("{other:?}"),
        }
    }

    async fn moments(&self) -> Vec<Moment> {
        match self.ask(Request::Moments).await {
            Response::Moments(moments) => moments,
            other => panic!("{other:?}"),
        }
    }

    fn progress(&self, id: RequestId) -> Vec<HealProgress> {
        let of_healing = |response| match response {
            Response::HealProgress(progress) => Some(*progress),
            _ => None,
        };
        self.of(id).into_iter().filter_map(of_healing).collect()
    }
}

fn file(path: &str, bytes: &[u8]) -> File {
    let parts = Array::new();
    parts.push(&Uint8Array::from(bytes));
    File::new_with_u8_array_sequence(&parts, path.rsplit('/').next().unwrap()).unwrap()
}

/// 90 texts of three classes, each with a word of its own.
fn rows() -> String {
    let words = ["bad", "plot", "good"];
    let fillers = ["the movie was", "a", "not but", "!", "it was a very", ", ,"];
    let row = |i: usize| {
        let (label, word) = (i % 3, words[i % 3]);
        let filler = fillers[i / 3 % fillers.len()];
        let tail = ".".repeat(i / 18);
        format!("{label}\t{filler} {word} {word} {tail}\n")
    };
    format!("label\ttext\n{}", (0..90).map(row).collect::<String>())
}

fn settings(n_steps: usize) -> HealSettings {
    HealSettings {
        learning_rate: 3e-3,
        n_steps,
        batch_size: 8,
        trained: Trained::All,
        pinned: vec!["the movie was good good".to_owned()],
        probe_every: 2,
        probe_rows: 6,
        moment_every: 3,
        ..HealSettings::default()
    }
}

#[wasm_bindgen_test]
async fn dropped_files_become_a_model_that_tells_what_it_is() {
    let (bench, loaded) = Bench::loaded().await;
    assert_eq!((loaded.models.as_slice(), loaded.healed.as_ref()), ([Condition::Healthy].as_slice(), None));
    let rows = loaded.rows.unwrap();
    assert_eq!(rows.n_train + rows.n_held_out, 90);
    let model = &loaded.model;
    assert_eq!((model.n_layers, model.n_heads, model.max_length), (2, 4, 48));
    let kinds: Vec<PartKind> = model.parts.iter().map(|part| part.kind).collect();
    let expected =
        [PartKind::Embeddings, PartKind::Layer(0), PartKind::Layer(1), PartKind::Pooler, PartKind::Classifier];
    assert_eq!(kinds, expected);
    assert_eq!(model.parts.iter().map(|part| part.n_values).sum::<usize>(), model.n_parameters);
    // Every selection and component the summary names is one that the grammar knows.
    for part in &model.parts {
        for component in part.tensors.iter().filter_map(|tensor| tensor.component.as_ref()) {
            let damage = bench.corrupt(&format!("zero:1@{}/{component}", part.selection), 1).await;
            assert!(damage.totals.n_tensors > 0, "{}/{component}", part.selection);
        }
    }
    // Bytes were told, up to the last one.
    let progress: Vec<_> = bench.of(RequestId(1));
    let transfer = progress.iter().rev().find_map(|response| match response {
        Response::Progress(progress) if progress.stage == Stage::Transfer => Some((progress.done, progress.total)),
        _ => None,
    });
    let total = (CONFIG.len() + WEIGHTS.len() + TOKENIZER.len() + self::rows().len()) as u64;
    assert_eq!(transfer, Some((total, total)));
}

#[wasm_bindgen_test]
async fn damaged_bits_and_predictions_are_those_of_the_native_code() {
    let (bench, _) = Bench::loaded().await;
    let golden = golden();
    let texts: Vec<&str> = golden.texts.iter().map(String::as_str).collect();
    let healthy = bench.fingerprint(Condition::Healthy).await;
    for case in &golden.cases {
        let damage = bench.corrupt(&case.plan, case.seed).await;
        assert_eq!((&damage.plan, damage.seed.0), (&case.plan, case.seed));
        assert_eq!(bench.fingerprint(Condition::Corrupted).await, case.fingerprint, "{}", case.plan);
        let classified = bench.classify(&texts, &[Condition::Corrupted]).await;
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
    assert_eq!(bench.fingerprint(Condition::Healthy).await, healthy);
}

#[wasm_bindgen_test]
async fn a_damage_is_reported_tensor_by_tensor_and_can_be_taken_away() {
    let (bench, loaded) = Bench::loaded().await;
    let damage = bench.corrupt("bitflip:0.05,exponent@layers:1", 3).await;
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
    let view = bench.ask(Request::Tensor { name, model: Condition::Corrupted, max_tiles: 16 }).await;
    let Response::Tensor(view) = view else { panic!("{view:?}") };
    assert_eq!((view.shape.as_slice(), view.before.n_rows, view.before.n_columns), ([32, 64].as_slice(), 16, 16));
    assert!(view.after.means.contains(&None) && !view.before.means.contains(&None));

    for plan in ["", "  "] {
        assert_eq!(bench.corrupt(plan, 3).await.totals.n_tensors, 0);
    }
    assert_eq!(bench.classify(&["good"], &ALL).await[0].models.len(), 1);
    for (plan, end) in [("kaimin@all", "^"), ("kaiming@layers:0-9", "^")] {
        let Response::Failed(Failure::BadPlan { message }) =
            bench.ask(Request::Corrupt { plan: plan.to_owned(), seed: Seed(1) }).await
        else {
            panic!("{plan} was accepted")
        };
        assert!(message.ends_with(end), "{message}");
    }
}

#[wasm_bindgen_test]
async fn every_view_of_a_model_without_numbers_has_gaps_and_nothing_breaks() {
    let (bench, _) = Bench::loaded().await;
    // The last of the golden cases: queries of the upper layer so large that their scores are no numbers.
    bench.corrupt("bitflip:0.05,exponent@layers:1/attention.query", 7).await;
    let text = || "the movie was good".to_owned();
    let models = ALL.to_vec();
    let classified = bench.classify(&["the movie was good", ""], &ALL).await;
    assert_eq!(classified[0].models[1].probabilities, [None; 3]);
    assert_eq!(classified[1].tokens, ["[CLS]", "[SEP]"]);
    for request in [
        Request::Attention { text: text(), layer_idx: 1, head_idx: None, models: models.clone() },
        Request::Drift { source: DriftSource::Text(text()), models: models.clone() },
        Request::Drift { source: DriftSource::HeldOut { n_rows: 8 }, models: models.clone() },
        Request::Attribution { text: text(), target: None, models: models.clone() },
        Request::Evaluate { models: models.clone() },
    ] {
        let response = bench.ask(request).await;
        match response {
            Response::Attention(view) => {
                let healthy: f32 = view.models[0].probabilities.iter().flatten().sum();
                assert!((healthy - view.tokens.len() as f32).abs() < 1e-4, "rows sum to 1");
                assert!(view.models[1].probabilities.contains(&None));
            }
            Response::Drift(view) => {
                assert_eq!(view.layers.len(), 2 * 3);
                // All of the healthy model, and what lies below the damaged layer, is unmoved.
                assert!(view.layers[..5].iter().all(|layer| layer.cosine.is_some_and(|x| (x - 1.0).abs() < 1e-9)));
                assert!(view.layers[5].cosine.is_none() && view.layers[5].linear_cka.is_none());
            }
            Response::Attribution(view) => {
                assert!(view.models[0].completeness_gap.is_some_and(|gap| gap.abs() < 1e-3), "{view:?}");
                assert!(view.models[1].margin.is_none());
            }
            Response::Evaluated(evaluation) => {
                let damaged = &evaluation.models[1];
                let n_non_finite = damaged.answers.n_non_finite;
                assert!(n_non_finite > 0 && damaged.accuracy.n_non_finite == n_non_finite, "{damaged:?}");
                assert_eq!(damaged.confusion.iter().flatten().sum::<u64>() as usize + n_non_finite, damaged.accuracy.n);
            }
            other => panic!("{other:?}"),
        }
    }
    let healing = bench.ask(Request::HealStart(settings(2))).await;
    let Response::Failed(Failure::Diverged { .. }) = healing else { panic!("{healing:?}") };
}

#[wasm_bindgen_test]
async fn healing_learns_is_watched_and_its_moments_can_be_gone_back_to() {
    let (bench, _) = Bench::loaded().await;
    bench.ask(Request::Purge(Purge::Moments)).await;
    bench.corrupt("kaiming@all", 5).await;
    let corrupted = bench.fingerprint(Condition::Corrupted).await;
    let evaluated = bench.ask(Request::Evaluate { models: vec![Condition::Corrupted] }).await;
    let Response::Evaluated(before) = evaluated else { panic!("{evaluated:?}") };

    let id = bench.send(Request::HealStart(settings(40)), Vec::new());
    bench.until(id, |response| matches!(response, Response::HealProgress(progress) if progress.step == 1)).await;
    // Others are answered meanwhile.
    assert_eq!(bench.classify(&["good"], &ALL).await[0].models.len(), 3);
    let Response::Healed(HealSummary { step: 40, held_out: Some(after), moment: Some(last), .. }) = bench.end(id).await
    else {
        panic!("{:?}", bench.of(id).last())
    };
    let progress = bench.progress(id);
    assert_eq!(progress.iter().map(|progress| progress.step).collect::<Vec<_>>(), (0..=40).collect::<Vec<_>>());
    assert!(progress.iter().all(|progress| progress.held_out.is_some() == progress.step.is_multiple_of(2)));
    assert!(progress[40].pinned.as_ref().is_some_and(|pinned| pinned[0].models[0].model == Condition::Healed));
    assert!(
        after.value > before.models[0].accuracy.value + 0.2,
        "{after:?} after, {:?} before",
        before.models[0].accuracy
    );
    assert_eq!(bench.fingerprint(Condition::Corrupted).await, corrupted);

    let healed = bench.fingerprint(Condition::Healed).await;
    let moments = bench.moments().await;
    let steps: Vec<usize> = moments.iter().map(|moment| moment.step).collect();
    assert_eq!(steps, [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 40]);
    assert_eq!(moments.last(), Some(&last));

    // Another worker on the same browser, as after a closed tab.
    let (other, _) = Bench::loaded().await;
    assert_eq!(other.moments().await, moments);
    let selected = other.ask(Request::SelectMoment { id: moments[0].id.clone() }).await;
    assert_eq!(selected, Response::MomentSelected(Box::new(moments[0].clone())));
    assert_ne!(other.fingerprint(Condition::Healed).await, healed);
    other.ask(Request::SelectMoment { id: last.id.clone() }).await;
    assert_eq!(other.fingerprint(Condition::Healed).await, healed);
    assert_eq!(other.fingerprint(Condition::Corrupted).await, corrupted);

    let Response::Storage(storage) = other.ask(Request::Storage).await else { panic!() };
    assert_eq!(storage.n_moments, 14);
    let Response::Storage(storage) = other.ask(Request::Purge(Purge::Moments)).await else { panic!() };
    assert_eq!((storage.n_moments, storage.moments_bytes), (0, 0));
    let gone = other.ask(Request::SelectMoment { id: last.id }).await;
    assert_eq!(gone, Response::Failed(Failure::NoSuchMoment));
}

#[wasm_bindgen_test]
async fn healing_can_be_stepped_paused_stopped_and_reset() {
    let (bench, _) = Bench::loaded().await;
    bench.corrupt("kaiming@bottom:0.5", 5).await;
    let id = bench.send(Request::HealStart(HealSettings { starts_paused: true, ..settings(1_000) }), Vec::new());
    bench.until(id, |response| matches!(response, Response::HealProgress(_))).await;
    browser::sleep(50).await;
    assert_eq!(bench.progress(id).last().map(|progress| (progress.step, progress.state)), Some((0, HealState::Paused)));
    for step in 1..=2 {
        assert_eq!(bench.ask(Request::HealStep).await, Response::Done);
        bench.until(id, |r| matches!(r, Response::HealProgress(progress) if progress.step == step)).await;
    }
    browser::sleep(50).await;
    assert_eq!(bench.progress(id).last().map(|progress| progress.step), Some(2));
    let second = bench.ask(Request::HealStart(settings(1))).await;
    assert_eq!(second, Response::Failed(Failure::AlreadyHealing));
    bench.ask(Request::HealResume).await;
    bench.until(id, |r| matches!(r, Response::HealProgress(progress) if progress.step == 5)).await;
    bench.ask(Request::HealStop).await;
    let Response::Healed(summary) = bench.end(id).await else { panic!() };
    assert!(summary.step >= 5 && summary.held_out.is_none());
    assert_eq!(summary.moment.map(|moment| moment.step), Some(summary.step));

    let id = bench.send(Request::HealStart(settings(1_000)), Vec::new());
    bench.until(id, |r| matches!(r, Response::HealProgress(progress) if progress.step == 1)).await;
    assert_eq!(bench.ask(Request::HealReset).await, Response::Done);
    assert_eq!(bench.end(id).await, Response::Cancelled);
    assert_eq!(bench.classify(&["good"], &ALL).await[0].models.len(), 2);
    assert_eq!(bench.ask(Request::HealStep).await, Response::Failed(Failure::NoHealing));

    // A healing is also ended by its own call's cancellation, by new damage and by another model.
    for how in 0..3 {
        let id =
            bench.send(Request::HealStart(HealSettings { starts_paused: how == 0, ..settings(1_000) }), Vec::new());
        bench.until(id, |r| matches!(r, Response::HealProgress(_))).await;
        match how {
            0 => drop(bench.ask(Request::Cancel { id }).await),
            1 => drop(bench.corrupt("kaiming@top:0.5", 1).await),
            _ => drop(
                bench
                    .load(&[("config.json", CONFIG), ("model.safetensors", WEIGHTS), ("tokenizer.json", TOKENIZER)])
                    .await,
            ),
        }
        assert_eq!(bench.end(id).await, Response::Cancelled, "{how}");
    }
}

#[wasm_bindgen_test]
async fn only_what_was_damaged_and_the_head_learns_unless_something_else_is_said() {
    let (bench, loaded) = Bench::loaded().await;
    let n_of = |kinds: &[PartKind]| -> usize {
        loaded.model.parts.iter().filter(|part| kinds.contains(&part.kind)).map(|part| part.n_values).sum()
    };
    bench.corrupt("kaiming@bottom:1L", 5).await;
    let head = [PartKind::Pooler, PartKind::Classifier];
    for (trained, expected) in [
        (Trained::DamagedAndHead, n_of(&[PartKind::Layer(0)]) + n_of(&head)),
        (Trained::All, loaded.model.n_parameters),
        (Trained::AllBut("embeddings,bottom:1L".to_owned()), n_of(&[PartKind::Layer(1)]) + n_of(&head)),
    ] {
        let id = bench.send(Request::HealStart(HealSettings { trained, ..settings(1) }), Vec::new());
        bench.end(id).await;
        assert_eq!(bench.progress(id)[0].n_trained, expected);
    }
    for (settings, expected) in [
        (HealSettings { trained: Trained::AllBut("layers:7".to_owned()), ..settings(1) }, "This selection cannot be"),
        (HealSettings { learning_rate: f64::NAN, ..settings(1) }, "The learning rate is NaN"),
        (HealSettings { n_steps: 0, ..settings(1) }, "The number of steps is 0"),
        (HealSettings { batch_size: 9_999, ..settings(1) }, "The batch size is 9999"),
        (HealSettings { probe_every: 0, ..settings(1) }, "The number of steps between two looks is 0"),
    ] {
        let Response::Failed(failure) = bench.ask(Request::HealStart(settings)).await else { panic!("{expected}") };
        assert!(failure.to_string().starts_with(expected), "{failure}");
    }
}

#[wasm_bindgen_test]
async fn a_cancelled_call_ends_so_and_calls_without_a_model_say_what_to_do() {
    let bench = Bench::new();
    for request in [
        Request::Classify { texts: vec![], models: vec![] },
        Request::Evaluate { models: vec![] },
        Request::HealStart(settings(1)),
        Request::HealPause,
    ] {
        assert_eq!(bench.ask(request).await, Response::Failed(Failure::NoModel));
    }
    let (bench, _) = Bench::loaded().await;
    let evaluation = bench.send(Request::Evaluate { models: vec![Condition::Healthy] }, Vec::new());
    assert_eq!(bench.ask(Request::Cancel { id: evaluation }).await, Response::Done);
    assert_eq!(bench.end(evaluation).await, Response::Cancelled);
    let Response::Failed(failure) = bench.ask(Request::HealStart(settings(1))).await else { panic!() };
    assert!(failure.to_string().starts_with("There is no corrupted model now"), "{failure}");
    let Response::Failed(failure) = bench.ask(Request::LoadBundle { url: "no/such/folder".to_owned() }).await else {
        panic!()
    };
    assert!(failure.to_string().starts_with("no/such/folder/manifest.json did not arrive"), "{failure}");
}

#[wasm_bindgen_test]
async fn wrong_files_leave_the_model_that_was_there() {
    let (bench, _) = Bench::loaded().await;
    let before = bench.fingerprint(Condition::Healthy).await;
    let cut = &WEIGHTS[..WEIGHTS.len() - 5];
    for (files, expected) in [
        (vec![("config.json", CONFIG), ("model.safetensors", cut), ("tokenizer.json", TOKENIZER)], "not a readable"),
        (
            vec![("config.json", b"{}".as_slice()), ("model.safetensors", WEIGHTS), ("tokenizer.json", TOKENIZER)],
            "model_type",
        ),
        (vec![("config.json", CONFIG), ("model.safetensors", WEIGHTS), ("tokenizer.json", b"[]")], "tokenizer.json"),
        (vec![("config.json", CONFIG), ("model.safetensors", WEIGHTS)], "tokenizer.json is missing"),
        (vec![("holiday.png", b"PNG".as_slice())], "config.json is missing"),
    ] {
        let Response::Failed(failure) = bench.load(&files).await else { panic!("{expected}") };
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    assert_eq!(bench.fingerprint(Condition::Healthy).await, before);
}

#[wasm_bindgen_test]
async fn a_model_without_a_head_can_be_looked_into_and_says_so() {
    let bench = Bench::new();
    let folder = "tiny/";
    let weights = include_bytes!("../../../tests/golden/variants/tiny-bert-encoder-only/model.safetensors");
    let config = include_bytes!("../../../tests/golden/variants/tiny-bert-encoder-only/config.json");
    let vocabulary = include_bytes!("../../../tests/golden/variants/tiny-bert-encoder-only/vocab.txt");
    let files: [(String, &[u8]); 3] = [
        (format!("{folder}config.json"), config),
        (format!("{folder}model.safetensors"), weights),
        (format!("{folder}vocab.txt"), vocabulary),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    let Response::Loaded(loaded) = bench.load(&files).await else { panic!() };
    assert_eq!((loaded.model.labels.len(), loaded.model.name.as_str()), (2, "tiny"));
    assert!(loaded.notes.iter().any(|note| note.contains("never fine-tuned")), "{:?}", loaded.notes);
    assert_eq!(bench.classify(&["good"], &ALL).await[0].models.len(), 1);
    let evaluation = bench.ask(Request::Evaluate { models: ALL.to_vec() }).await;
    let Response::Failed(Failure::NoRows { .. }) = evaluation else { panic!("{evaluation:?}") };

    let entry = FileEntry { path: "rows.tsv".to_owned(), size_bytes: 1 };
    let rows = file("rows.tsv", b"label\ttext\n0\tgood\n1\tbad\n1\tbad bad\n0\tgood good\n0\tgood\n7\twhat\n");
    let loaded = bench.end(bench.send(Request::LoadRows { file: entry }, vec![rows])).await;
    let Response::RowsLoaded { rows, note: Some(note) } = loaded else { panic!("{loaded:?}") };
    assert_eq!(rows.n_train + rows.n_held_out, 4);
    assert!(note.contains("there twice") && note.contains("1 rows that cannot be used"), "{note}");
}

#[wasm_bindgen_test]
async fn healed_models_name_the_damage_they_were_healed_from() {
    let (bench, _) = Bench::loaded().await;
    bench.corrupt("kaiming@bottom:50%", 9).await;
    let id = bench.send(Request::HealStart(settings(1)), Vec::new());
    bench.end(id).await;
    // Another damage leaves the healed model as it is, and says whose it is.
    let damage = bench.corrupt("zero:1@top:1L", 2).await;
    let Some(origin @ HealedOrigin::Live { step: 1, .. }) = damage.healed else { panic!("{:?}", damage.healed) };
    assert_eq!(origin.damage(), ("kaiming@bottom:0.5", Seed(9)));
}

#[wasm_bindgen_test]
async fn a_control_has_the_healings_steps_seeds_rows_and_parameters_and_no_damage() {
    let (bench, _) = Bench::loaded().await;
    let Response::Failed(none) = bench.ask(Request::Control).await else { panic!("there is nothing to compare") };
    assert!(none.to_string().starts_with("There is no control model now: heal"), "{none}");
    bench.corrupt("kaiming@bottom:0.5", 5).await;
    let healing =
        bench.send(Request::HealStart(HealSettings { trained: Trained::DamagedAndHead, ..settings(12) }), vec![]);
    bench.until(healing, |r| matches!(r, Response::HealProgress(progress) if progress.step == 7)).await;
    assert_eq!(bench.ask(Request::Control).await, Response::Failed(Failure::AlreadyHealing));
    bench.ask(Request::HealStop).await;
    let Response::Healed(HealSummary { step, moment: Some(moment), .. }) = bench.end(healing).await else { panic!() };

    let id = bench.send(Request::Control, Vec::new());
    let Response::Controlled(control) = bench.end(id).await else { panic!("{:?}", bench.of(id)) };
    assert_eq!(control.of, crate::protocol::Healing::Live { name: moment.healing, step });
    assert_eq!(control.budget, format!("after its own fine-tuning + {step} steps"));
    let last = bench.of(id).into_iter().rev().find_map(|response| match response {
        Response::Progress(progress) => Some((progress.stage, progress.done, progress.total)),
        _ => None,
    });
    assert_eq!(last, Some((Stage::Steps, step as u64, step as u64)));

    // A healing of nothing is the same fine-tuning: the same steps of the healthy model by its own code.
    let Response::Evaluated(before) = bench.ask(Request::Evaluate { models: ALL.to_vec() }).await else { panic!() };
    let compared = before.control.expect("the healed model was asked");
    assert_eq!(compared.control, *control);
    let healed = before.models[2].accuracy.value;
    assert!((compared.deficit.points - 100.0 * (control.accuracy.value - healed)).abs() < 1e-9, "{compared:?}");
    bench.corrupt("zero:0@bottom:0.5", 5).await;
    let twin = HealSettings { trained: Trained::DamagedAndHead, ..settings(12) };
    let id = bench.send(Request::HealStart(HealSettings { starts_paused: true, ..twin }), Vec::new());
    bench.until(id, |response| matches!(response, Response::HealProgress(_))).await;
    for done in 1..=step {
        assert_eq!(bench.ask(Request::HealStep).await, Response::Done);
        bench.until(id, |r| matches!(r, Response::HealProgress(progress) if progress.step == done)).await;
    }
    bench.ask(Request::HealStop).await;
    bench.end(id).await;
    let Response::Evaluated(after) = bench.ask(Request::Evaluate { models: vec![Condition::Healed] }).await else {
        panic!()
    };
    assert_eq!(after.models[0].accuracy, control.accuracy);
    assert_eq!(after.control, None, "the control is not that of this healing");
}

#[wasm_bindgen_test]
async fn a_control_is_given_up_when_it_is_cancelled_and_when_a_healing_begins() {
    let (bench, _) = Bench::loaded().await;
    bench.corrupt("kaiming@bottom:0.5", 5).await;
    bench.end(bench.send(Request::HealStart(settings(200)), Vec::new())).await;
    for how in 0..2 {
        let id = bench.send(Request::Control, Vec::new());
        bench.until(id, |response| matches!(response, Response::Progress(_))).await;
        let healing = match how {
            0 => {
                bench.ask(Request::Cancel { id }).await;
                None
            }
            _ => Some(bench.send(Request::HealStart(settings(1)), Vec::new())),
        };
        assert_eq!(bench.end(id).await, Response::Cancelled, "{how}");
        if let Some(healing) = healing {
            assert!(matches!(bench.end(healing).await, Response::Healed(_)));
        }
        let Response::Evaluated(evaluation) = bench.ask(Request::Evaluate { models: ALL.to_vec() }).await else {
            panic!()
        };
        assert_eq!(evaluation.control, None);
    }
}

#[wasm_bindgen_test]
async fn memory_that_steps_hand_on_is_given_back_however_a_healing_ends() {
    let (bench, _) = Bench::loaded().await;
    bench.corrupt("kaiming@all", 5).await;
    bench.end(bench.send(Request::HealStart(settings(3)), Vec::new())).await;
    assert_eq!(shared::nn::n_pooled_values(), 0, "after its end");

    let id = bench.send(Request::HealStart(settings(1_000)), Vec::new());
    bench.until(id, |r| matches!(r, Response::HealProgress(progress) if progress.step == 2)).await;
    assert!(shared::nn::n_pooled_values() > 0, "steps hand memory on, or this tests nothing");
    bench.ask(Request::HealReset).await;
    assert_eq!(bench.end(id).await, Response::Cancelled);
    assert_eq!(shared::nn::n_pooled_values(), 0, "after a reset");

    let diverging = HealSettings { learning_rate: 1e-1, ..settings(400) };
    bench.end(bench.send(Request::HealStart(diverging), Vec::new())).await;
    assert_eq!(shared::nn::n_pooled_values(), 0, "after whatever became of it");

    bench.end(bench.send(Request::HealStart(settings(3)), Vec::new())).await;
    bench.end(bench.send(Request::Control, Vec::new())).await;
    assert_eq!(shared::nn::n_pooled_values(), 0, "after a control");
}

#[wasm_bindgen_test]
async fn a_logit_that_is_not_finite_leaves_no_class_and_no_share() {
    let (bench, _) = Bench::loaded().await;
    for seed in 0..40 {
        let damage = bench.corrupt("bitflip:0.3,exponent@classifier", seed).await;
        let said = bench.classify(&["the movie was good"], &[Condition::Corrupted]).await;
        let model = &said[0].models[0];
        assert_eq!(model.label.is_none(), model.probabilities.contains(&None), "{seed}: {model:?}");
        assert!(model.label.is_some() || model.probabilities == [None; 3], "{seed}: {model:?} {:?}", damage.totals);
    }
}

#[wasm_bindgen_test]
async fn values_that_a_plan_changed_are_counted_once_over_all_its_steps() {
    let (bench, _) = Bench::loaded().await;
    let damage = bench.corrupt("zero:0.1@layers:0/attention.query;signflip:0.1@layers:0/attention.query", 3).await;
    let weight = |step_idx| {
        let is_it =
            |tensor: &&crate::protocol::TensorChange| tensor.step_idx == step_idx && tensor.name.ends_with("weight");
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
