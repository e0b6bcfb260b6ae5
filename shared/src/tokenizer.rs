//! Text → token ids. The one file that touches `tokenizers`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokenizers::utils::truncation::{TruncationParams, TruncationStrategy};

use crate::error::{Error, Result};

/// A WordPiece tokenizer with its own padding and truncation switched off and ours set.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

/// What `tokenizer_config.json` says about text, where there is no `tokenizer.json`.
#[derive(Debug, Deserialize)]
struct TokenizerConfig {
    #[serde(default = "yes")]
    do_lower_case: bool,
    strip_accents: Option<bool>,
    #[serde(default = "yes")]
    tokenize_chinese_chars: bool,
}

fn yes() -> bool {
    true
}

impl Tokenizer {
    /// From `tokenizer.json`. The file may carry padding and truncation of its own, which are replaced.
    ///
    /// # Errors
    /// When the file is not a tokenizer, or its largest id does not fit `vocab_size` rows of embeddings.
    pub fn from_json(bytes: &[u8], vocab_size: usize) -> Result<Self> {
        let inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::Tokenizer(format!("tokenizer.json cannot be read: {e}")))?;
        Self::checked(inner, vocab_size)
    }

    /// From a `vocab.txt` with one piece a line, as BERT's original release has it, and `tokenizer_config.json`.
    ///
    /// # Errors
    /// When `[UNK]`, `[CLS]` or `[SEP]` is not in the vocabulary, or a file is not readable.
    pub fn from_vocabulary(vocabulary: &[u8], config: Option<&[u8]>, vocab_size: usize) -> Result<Self> {
        let text = std::str::from_utf8(vocabulary)
            .map_err(|e| Error::Tokenizer(format!("vocab.txt is not UTF-8 at byte {}", e.valid_up_to())))?;
        let config: TokenizerConfig = serde_json::from_slice(config.unwrap_or(b"{}"))
            .map_err(|e| Error::Tokenizer(format!("tokenizer_config.json cannot be read: {e}")))?;
        let pieces: Map<String, Value> =
            text.lines().enumerate().map(|(id, piece)| (piece.to_owned(), Value::from(id))).collect();
        let id = |token: &str| {
            pieces.get(token).cloned().ok_or_else(|| Error::Tokenizer(format!("vocab.txt has no line {token}")))
        };
        id("[UNK]")?;
        let (sep, cls) = (id("[SEP]")?, id("[CLS]")?);
        let special: Vec<Value> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            .into_iter()
            .filter_map(|token| Some((token, pieces.get(token)?)))
            .map(|(content, id)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": true})
            })
            .collect();
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": config.do_lower_case,
                           "handle_chinese_chars": config.tokenize_chinese_chars, "strip_accents": config.strip_accents},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": pieces},
        });
        Self::from_json(file.to_string().as_bytes(), vocab_size)
    }

    fn checked(mut inner: tokenizers::Tokenizer, vocab_size: usize) -> Result<Self> {
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| Error::Tokenizer(format!("truncation cannot be switched off: {e}")))?;
        let n = inner.get_vocab_size(true);
        if n > vocab_size {
            return Err(Error::Tokenizer(format!(
                "the tokenizer has {n} pieces, the model only {vocab_size} word embeddings: they do not belong together"
            )));
        }
        Ok(Self { inner })
    }

    /// Token ids of each text with `[CLS]` and `[SEP]`, cut to `max_length` tokens; texts are worked on in parallel.
    ///
    /// # Errors
    /// When `max_length` leaves no room for a token between `[CLS]` and `[SEP]`.
    pub fn encode(&self, texts: &[&str], max_length: usize) -> Result<Vec<Vec<u32>>> {
        if max_length < 3 {
            return Err(Error::Tokenizer(format!("a maximum length of {max_length} leaves no room for text")));
        }
        let mut inner = self.inner.clone();
        inner
            .with_truncation(Some(TruncationParams {
                max_length,
                strategy: TruncationStrategy::LongestFirst,
                ..TruncationParams::default()
            }))
            .map_err(|e| Error::Tokenizer(e.to_string()))?;
        let encodings = inner
            .encode_batch_fast(texts.to_vec(), true)
            .map_err(|e| Error::Tokenizer(format!("cannot encode: {e}")))?;
        Ok(encodings.into_iter().map(|encoding| encoding.get_ids().to_vec()).collect())
    }

    /// Everything that decides the ids, as `tokenizer.json` would say it: normaliser, pieces, special tokens and what
    /// is put around a text. Equal tokenizers give equal bytes.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.inner.to_string(false).map(String::into_bytes).map_err(|e| Error::Tokenizer(e.to_string()))
    }

    /// The pieces behind ids, such as `##ing`; `[UNK]` for an id without one.
    #[must_use]
    pub fn pieces(&self, ids: &[u32]) -> Vec<String> {
        ids.iter().map(|id| self.inner.id_to_token(*id).unwrap_or_else(|| "[UNK]".into())).collect()
    }
}

/// A vocabulary for random weights where no tokenizer is at hand: the special tokens, every character of `texts` alone
/// and as a continuation, then whole words by frequency, at most `vocab_size` pieces; `vocab.txt`, one piece a line.
///
/// It is a vocabulary of whole words, not WordPiece's learnt pieces, so it is good for shapes and speed, not for results.
#[must_use]
pub fn build_vocabulary(texts: &[&str], vocab_size: usize) -> Vec<u8> {
    let mut characters = BTreeSet::new();
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
        characters.extend(text.to_lowercase().chars().filter(|c| !c.is_whitespace() && !c.is_control()));
    }
    let mut by_frequency: Vec<(String, usize)> =
        words.into_iter().filter(|(word, _)| word.chars().count() > 1).collect();
    by_frequency.sort_by_key(|(_, n)| Reverse(*n)); // stable, so that words of one frequency stay in order
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let alone = characters.iter().map(char::to_string);
    let continued = characters.iter().filter(|c| c.is_alphanumeric()).map(|c| format!("##{c}"));
    let mut pieces: Vec<String> = special.into_iter().chain(alone).chain(continued).collect();
    pieces.extend(by_frequency.into_iter().map(|(word, _)| word));
    pieces.truncate(vocab_size);
    pieces.into_iter().flat_map(|piece| [piece, "\n".into()]).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_vocabulary_knows_every_word_and_character_of_its_texts() {
        let texts = ["The cat sat on the mat.", "the CAT ran!"];
        let vocabulary = build_vocabulary(&texts, 100);
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary, None, 100).unwrap();
        let ids = tokenizer.encode(&["the cat ran on a mat!", "tam"], 32).unwrap();
        assert_eq!(tokenizer.pieces(&ids[0]), ["[CLS]", "the", "cat", "ran", "on", "a", "mat", "!", "[SEP]"]);
        assert_eq!(tokenizer.pieces(&ids[1]), ["[CLS]", "t", "##a", "##m", "[SEP]"]);
        assert_eq!(build_vocabulary(&texts, 7).iter().filter(|byte| **byte == b'\n').count(), 7);
    }
}
