//! Token ids of awkward texts.

use serde::Deserialize;
use shared::tokenizer::Tokenizer;

use crate::golden::{MODELS, config, read};

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
    assert!(error.contains("233 pieces") && error.contains("100 word embeddings"), "{error}");
}
