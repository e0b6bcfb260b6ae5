//! Token ids of texts as the program makes them, for `tests/scripts/compare_tokenizers.py`.
//!
//!     token_ids FOLDER... < texts.json
//!
//! Each folder is a checkpoint without weights; standard input is an array of texts. Prints an object of JSON for each
//! folder: `ids` of each text, uncut, and `note`, or `error` where the tokenizer is refused.

use std::io::Read;

use serde_json::{Value, json};
use trainer::open_model::{ModelSource, Weights};

/// Longer than any of the texts.
const MAX_LENGTH: usize = 10_000;

fn main() -> anyhow::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let texts: Vec<String> = serde_json::from_str(&input)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for folder in std::env::args().skip(1) {
        let line = ids(&folder, &texts).unwrap_or_else(|error| json!({"error": format!("{error:#}")}));
        println!("{line}");
    }
    Ok(())
}

fn ids(folder: &str, texts: &[&str]) -> anyhow::Result<Value> {
    let source = ModelSource::open(folder, None, Weights::Read)?;
    let tokenizer = source.tokenizer(&[])?;
    Ok(json!({"ids": tokenizer.tokenizer.encode(texts, MAX_LENGTH)?, "note": tokenizer.note}))
}
