//! Token ids of awkward texts.

use serde::Deserialize;
use serde_json::{Value, json};
use shared::tokenizer::{Tokenizer, TokenizerFiles};

use crate::files::read;
use crate::harness::{MODELS, config};

#[derive(Deserialize)]
struct Case {
    name: String,
    text: String,
    ids: Vec<u32>,
    ids_max_length_16: Vec<u32>,
}

fn check(tokenizer: &Tokenizer, from: &str) {
    let cases: Vec<Case> = serde_json::from_slice(&read("tokenizer/awkward.json")).unwrap();
    assert!(cases.len() > 20);
    let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    let whole = tokenizer.encode(&texts, 10_000).unwrap();
    let cut = tokenizer.encode(&texts, 16).unwrap();
    for ((case, whole), cut) in cases.iter().zip(whole).zip(cut) {
        assert_eq!(whole, case.ids, "{from}: {}", case.name);
        assert_eq!(cut, case.ids_max_length_16, "{from}, cut to 16: {}", case.name);
    }
}

#[test]
fn awkward_unicode_gives_the_ids_of_transformers() {
    for model in MODELS {
        let vocab_size = config(model).vocab_size;
        check(&Tokenizer::from_json(&read(&format!("{model}/tokenizer.json")), vocab_size).unwrap(), model);
        let vocabulary = read(&format!("{model}/vocab.txt"));
        let settings = read(&format!("{model}/tokenizer_config.json"));
        let built = Tokenizer::from_vocabulary(&vocabulary, Some(&settings), vocab_size).unwrap();
        check(&built, &format!("{model}, vocab.txt"));
    }
}

#[test]
fn a_tokenizer_with_more_pieces_than_embeddings_is_refused() {
    let error = Tokenizer::from_json(&read("tiny-bert/tokenizer.json"), 100).unwrap_err().to_string();
    assert!(
        error.contains("id 232") && error.contains("233 pieces") && error.contains("100 word embeddings"),
        "{error}"
    );
}

/// The tiny BERT's `tokenizer.json` with another normaliser.
fn with_normalizer(normalizer: Value) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&read("tiny-bert/tokenizer.json")).unwrap();
    file["normalizer"] = normalizer;
    file.to_string().into_bytes()
}

fn cased() -> Vec<u8> {
    with_normalizer(json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": false}))
}

fn open(json: &[u8], config: Option<&[u8]>, are_our_own: bool) -> (Tokenizer, Option<String>) {
    let files = TokenizerFiles { json: Some(json), config, are_our_own, ..TokenizerFiles::default() };
    let opened = Tokenizer::from_files(&files, config_size()).unwrap();
    (opened.tokenizer, (!opened.notes.is_empty()).then(|| opened.notes.join("; ")))
}

fn config_size() -> usize {
    config("tiny-bert").vocab_size
}

/// transformers 5.24 builds a BERT tokenizer anew from `tokenizer_config.json`; `cased_checkpoint.py` asks it itself.
#[test]
fn where_the_two_files_contradict_each_other_tokenizer_config_wins_and_that_is_said() {
    let lower = read("tiny-bert/tokenizer.json");
    let texts = ["The FILM was Good", "caf\u{e9} plot"];
    let ids = |tokenizer: &Tokenizer| tokenizer.encode(&texts, 32).unwrap();
    let as_they_are = [&lower, &cased()].map(|json| ids(&Tokenizer::from_json(json, config_size()).unwrap()));
    let [lower_ids, cased_ids] = as_they_are;
    assert_ne!(lower_ids, cased_ids);

    let says = |lowers: bool| json!({"do_lower_case": lowers, "tokenizer_class": "BertTokenizerFast"}).to_string();
    let (tokenizer, note) = open(&lower, Some(says(false).as_bytes()), false);
    assert_eq!(ids(&tokenizer), cased_ids);
    let note = note.unwrap();
    assert!(note.contains("does not: lower-cases, does not: strips accents"), "{note}");
    let (tokenizer, note) = open(&cased(), Some(says(true).as_bytes()), false);
    assert_eq!((ids(&tokenizer), note.unwrap().contains("it lower-cases, strips accents")), (lower_ids.clone(), true));
    check(&tokenizer, "a cased tokenizer.json beside do_lower_case");
    // Its defaults count where the file is missing, but not for what this program wrote before it wrote that file.
    let (tokenizer, note) = open(&cased(), None, false);
    assert_eq!((ids(&tokenizer), note.is_some()), (lower_ids.clone(), true));
    let (tokenizer, note) = open(&cased(), None, true);
    assert_eq!((ids(&tokenizer), note), (cased_ids.clone(), None));
    // Where both say the same there is nothing to say, and another class takes tokenizer.json as it is.
    assert_eq!(open(&lower, Some(says(true).as_bytes()), false).1, None);
    let (tokenizer, note) = open(&cased(), Some(br#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#), false);
    assert_eq!((ids(&tokenizer), note), (cased_ids, None));
    // A normaliser of another kind is replaced, too.
    let (tokenizer, note) = open(&with_normalizer(json!({"type": "NFC"})), None, false);
    assert_eq!((ids(&tokenizer), note.is_some()), (lower_ids, true));
}

#[test]
fn the_config_that_is_written_makes_the_same_tokenizer() {
    let texts = ["The FILM was Good", "caf\u{e9} \u{6f22}\u{5b57} plot"];
    let normalizer = |lowercase: bool, accents: Value, chinese: bool| {
        with_normalizer(json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": chinese,
                               "strip_accents": accents, "lowercase": lowercase}))
    };
    for json in [
        normalizer(true, Value::Null, true),
        normalizer(false, Value::Null, true),
        normalizer(false, true.into(), false),
        normalizer(true, false.into(), true),
        with_normalizer(json!({"type": "NFC"})),
    ] {
        let tokenizer = Tokenizer::from_json(&json, config_size()).unwrap();
        let written = tokenizer.to_config_json(None, None, 48).unwrap();
        let (again, note) = open(&json, Some(&written), false);
        assert_eq!((again.encode(&texts, 32).unwrap(), note), (tokenizer.encode(&texts, 32).unwrap(), None));
    }
    // What else the checkpoint's own file has stays.
    let given = br#"{"do_lower_case": true, "model_max_length": 77, "never_split": ["x"]}"#;
    let cased = Tokenizer::from_json(&cased(), config_size()).unwrap();
    let written: Value = serde_json::from_slice(&cased.to_config_json(Some(given), None, 48).unwrap()).unwrap();
    assert_eq!(
        (&written["do_lower_case"], &written["model_max_length"], &written["never_split"]),
        (&json!(false), &json!(77), &json!(["x"]))
    );
    assert_eq!(written["tokenizer_class"], "BertTokenizer");
}

/// The ids are those of transformers 5.24.0; `compare_tokenizers.py` asks it itself, about more files and texts.
#[test]
fn added_tokens_of_every_file_have_the_ids_of_transformers() {
    let vocabulary = read("tiny-bert/vocab.txt");
    let ids = |files: TokenizerFiles<'_>, text: &str| {
        let files = TokenizerFiles { vocabulary: Some(&vocabulary), ..files };
        Tokenizer::from_files(&files, config_size() + 8).unwrap().tokenizer.encode(&[text], 32).unwrap().remove(0)
    };
    let text = "[brand] film [BRAND]";
    let added = br#"{"[brand]": 233, "covid": 234}"#;
    assert_eq!(
        ids(TokenizerFiles { added_tokens: Some(added), ..TokenizerFiles::default() }, text),
        [4, 233, 93, 233, 5]
    );
    // An id with a gap before it only decides the order, and a piece keeps its own.
    let added = br#"{"covid": 238, "film": 20, "[brand]": 234}"#;
    assert_eq!(
        ids(TokenizerFiles { added_tokens: Some(added), ..TokenizerFiles::default() }, text),
        [4, 233, 93, 233, 5]
    );
    let special = br#"{"additional_special_tokens": ["[unused0]", "[brand]"], "cls_token": "[CLS]"}"#;
    let with_special = ids(TokenizerFiles { special_tokens_map: Some(special), ..TokenizerFiles::default() }, text);
    assert_eq!(
        with_special,
        [4, 233, 93, 65, 8, 171, 154, 167, 157, 67, 5],
        "a special token is found as it is written"
    );
    let config = br#"{"cls_token": "the", "sep_token": "film", "unk_token": "[UNK]"}"#;
    let with_others = ids(TokenizerFiles { config: Some(config), ..TokenizerFiles::default() }, "a");
    assert_eq!(with_others, [86, 7, 93]);
    // What tokenizer_config.json lists hides the other files.
    let config = br#"{"added_tokens_decoder": {"233": {"content": "covid", "normalized": false}}}"#;
    let files = TokenizerFiles { config: Some(config), added_tokens: Some(added), ..TokenizerFiles::default() };
    assert_eq!(ids(files, "covid [brand]")[..3], [4, 233, 65]);
}
