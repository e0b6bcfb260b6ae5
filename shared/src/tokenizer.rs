//! Text → token ids. The one place that touches `tokenizers`.

mod added_tokens;
mod config;
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod general;
mod input;
mod normalizer;
mod open;
#[cfg(any(target_arch = "wasm32", test))]
mod word_pieces;
#[cfg(not(target_arch = "wasm32"))]
mod write;
mod written_config;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::git_lfs;
use files::TruncationSide;
#[cfg(not(target_arch = "wasm32"))]
use general::General as Inner;
pub use input::{Encoded, Input};
#[cfg(target_arch = "wasm32")]
use word_pieces::WordPieces as Inner;

pub use files::TokenizerFiles;

/// A tokenizer with its own padding and truncation switched off and ours set.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: Inner,
    truncation_side: TruncationSide,
}

/// A tokenizer and what a user should know of it.
#[derive(Debug)]
pub struct OpenedTokenizer {
    /// Ready to encode.
    pub tokenizer: Tokenizer,
    /// What was put right and what is not heeded.
    pub notes: Vec<String>,
    /// Whether it is another than `tokenizer.json` alone would give.
    pub is_rebuilt: bool,
}

impl Tokenizer {
    /// From `tokenizer.json`. The file may carry padding and truncation of its own, which are replaced.
    ///
    /// # Errors
    /// When the file is not a tokenizer, or it gives a token an id beyond the `vocab_size` rows of embeddings.
    pub fn from_json(bytes: &[u8], vocab_size: usize) -> Result<Self> {
        if let Some(reason) = git_lfs::pointer(bytes) {
            return Err(Error::Tokenizer(format!("tokenizer.json: {reason}")));
        }
        let inner = Inner::from_json(bytes)?;
        let tokenizer = Self { inner, truncation_side: TruncationSide::of_json(bytes) };
        match tokenizer.inner.last_token() {
            Some((token, id)) if id as usize >= vocab_size => Err(Error::Tokenizer(format!(
                "token {token:?} has id {id}, and the model only {vocab_size} word embeddings, for ids up to {}: of the \
                 tokenizer's {} pieces it cannot read all; they do not belong together, or the embeddings were not resized \
                 when tokens were added",
                vocab_size.saturating_sub(1),
                tokenizer.inner.vocab_size()
            ))),
            _ => Ok(tokenizer),
        }
    }

    /// Token ids of each text with `[CLS]` and `[SEP]`, cut to `max_length` tokens; texts are worked on in parallel.
    ///
    /// # Errors
    /// When `max_length` leaves no room for a token between `[CLS]` and `[SEP]`.
    pub fn encode(&self, texts: &[&str], max_length: usize) -> Result<Vec<Vec<u32>>> {
        let inputs: Vec<Input<'_>> = texts.iter().map(|text| (*text).into()).collect();
        Ok(self.encode_inputs(&inputs, max_length)?.into_iter().map(|encoded| encoded.ids).collect())
    }

    /// Each text as `[CLS] text [SEP]`, each pair as `[CLS] first [SEP] second [SEP]`, cut to `max_length` tokens. Of a pair
    /// that is too long tokens are taken from the end of whichever is longer, as by the strategy `longest_first` of
    /// `transformers`.
    ///
    /// # Errors
    /// When `max_length` leaves no room for a token of each text.
    pub fn encode_inputs(&self, inputs: &[Input<'_>], max_length: usize) -> Result<Vec<Encoded>> {
        let has_pairs = inputs.iter().any(|input| input.text_pair.is_some());
        let (shortest, what) = if has_pairs { (5, "a pair of texts") } else { (3, "text") };
        if max_length < shortest {
            return Err(Error::Tokenizer(format!("a maximum length of {max_length} leaves no room for {what}")));
        }
        self.inner.encode(inputs, max_length, self.truncation_side)
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
