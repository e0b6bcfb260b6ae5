//! Loading: files in, a model that tells what it is out.

use super::*;
use crate::protocol::{LoadRows, PartKind, RowsLoaded, Stage};

#[wasm_bindgen_test]
async fn dropped_files_become_a_model_that_tells_what_it_is() {
    let page = Page::new();
    let rows = rows();
    let request = page.send_files(&[&FILES[..], &[("rows.tsv", rows.as_bytes())]].concat());
    let loaded = page.end(&request).await.unwrap();
    assert_eq!((loaded.models.as_slice(), loaded.healed.as_ref()), ([Condition::Healthy].as_slice(), None));
    let counts = loaded.rows.unwrap();
    assert_eq!(counts.n_train + counts.n_held_out, 90);
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
            let damage = page.corrupt(&format!("zero:1@{}/{component}", part.selection), 1).await;
            assert!(damage.totals.n_tensors > 0, "{}/{component}", part.selection);
        }
    }
    // Bytes were told, up to the last one.
    let told: Vec<_> = page.progress(&request).into_iter().filter(|told| told.stage == Stage::Transfer).collect();
    let total = (CONFIG.len() + WEIGHTS.len() + TOKENIZER.len() + rows.len()) as u64;
    assert_eq!(told.last().map(|told| (told.done, told.total)), Some((total, total)));
}

#[wasm_bindgen_test]
async fn wrong_files_leave_the_model_that_was_there() {
    let (page, _) = Page::loaded().await;
    let before = page.fingerprint(Condition::Healthy).await;
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
        let refused = failure(page.load(&files).await);
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    assert_eq!(page.fingerprint(Condition::Healthy).await, before);
}

#[wasm_bindgen_test]
async fn a_model_without_a_head_can_be_looked_into_and_says_so() {
    let page = Page::new();
    let folder = "tiny/";
    let weights = include_bytes!("../../../../tests/golden/variants/tiny-bert-encoder-only/model.safetensors");
    let config = include_bytes!("../../../../tests/golden/variants/tiny-bert-encoder-only/config.json");
    let vocabulary = include_bytes!("../../../../tests/golden/variants/tiny-bert-encoder-only/vocab.txt");
    let files: [(String, &[u8]); 3] = [
        (format!("{folder}config.json"), config),
        (format!("{folder}model.safetensors"), weights),
        (format!("{folder}vocab.txt"), vocabulary),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    let loaded = page.load(&files).await.unwrap();
    assert_eq!((loaded.model.labels.len(), loaded.model.name.as_str()), (2, "tiny"));
    assert!(loaded.notes.iter().any(|note| note.contains("never fine-tuned")), "{:?}", loaded.notes);
    // Without damage the corrupted model is the healthy one, and there is no healed one.
    let said = page.classify(&["good"], &ALL).await;
    let [healthy, corrupted] = &said[0].models[..] else { panic!("{said:?}") };
    assert_eq!((corrupted.model, &corrupted.probabilities), (Condition::Corrupted, &healthy.probabilities));
    let evaluation = page.ask(Evaluate { models: ALL.to_vec() }).await;
    assert!(matches!(evaluation, Err(Interruption::Failed(Failure::NoRows { .. }))), "{evaluation:?}");

    let entry = FileEntry { path: "rows.tsv".to_owned(), size_bytes: 1 };
    let rows = file("rows.tsv", b"label\ttext\n0\tgood\n1\tbad\n1\tbad bad\n0\tgood good\n0\tgood\n7\twhat\n");
    let RowsLoaded { rows, note } = page.end(&page.send(LoadRows { file: entry }, vec![rows])).await.unwrap();
    let note = note.unwrap();
    assert_eq!(rows.n_train + rows.n_held_out, 4);
    assert!(note.contains("there twice") && note.contains("1 rows that cannot be used"), "{note}");
}

#[wasm_bindgen_test]
async fn a_cancelled_call_ends_so_and_calls_without_a_model_say_what_to_do() {
    let page = Page::new();
    let no_model = || Interruption::from(Failure::NoModel);
    assert_eq!(page.ask(Classify { texts: vec![], models: vec![] }).await.unwrap_err(), no_model());
    assert_eq!(page.ask(Evaluate { models: vec![] }).await.unwrap_err(), no_model());
    assert_eq!(page.ask(settings(1)).await.unwrap_err(), no_model());
    assert_eq!(page.ask(SteerHealing::Pause).await.unwrap_err(), no_model());
    let (page, _) = Page::loaded().await;
    let evaluation = page.send(Evaluate { models: vec![Condition::Healthy] }, Vec::new());
    page.ask(Cancel { id: evaluation.id }).await.unwrap();
    assert_eq!(page.end(&evaluation).await.unwrap_err(), Interruption::Cancelled);
    let refused = failure(page.ask(settings(1)).await);
    assert!(refused.to_string().starts_with("There is no corrupted model now"), "{refused}");
    let refused = failure(page.ask(Load::Bundle { url: "no/such/folder".to_owned(), manifest: None }).await);
    assert!(refused.to_string().starts_with("no/such/folder/manifest.json did not arrive"), "{refused}");
}
