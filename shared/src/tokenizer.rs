//! Text → token ids. The one place that touches `tokenizers`.

#[cfg(not(target_arch = "wasm32"))]
mod general;
mod input;
#[cfg(any(target_arch = "wasm32", test))]
mod word_pieces;
#[cfg(not(target_arch = "wasm32"))]
mod write;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
#[cfg(not(target_arch = "wasm32"))]
use general::General as Inner;
pub use input::{Encoded, Input};
#[cfg(target_arch = "wasm32")]
use word_pieces::WordPieces as Inner;

/// A tokenizer with its own padding and truncation switched off and ours set.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: Inner,
}

/// The files of a checkpoint that decide its token ids; at least one of the first two.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`.
    pub json: Option<&'a [u8]>,
    /// `vocab.txt`, which is heeded without a `tokenizer.json`.
    pub vocabulary: Option<&'a [u8]>,
    /// `tokenizer_config.json`.
    pub config: Option<&'a [u8]>,
    /// Whether this program wrote them: then a `tokenizer.json` without a `tokenizer_config.json`, as older versions left
    /// it, is all there is to say.
    pub are_our_own: bool,
}

/// What `tokenizer_config.json` says about text; its defaults are those of `transformers`.
#[derive(Clone, Debug, Deserialize)]
struct TokenizerConfig {
    #[serde(default = "yes")]
    do_lower_case: bool,
    strip_accents: Option<bool>,
    #[serde(default = "yes")]
    tokenize_chinese_chars: bool,
    tokenizer_class: Option<String>,
    cls_token: Option<Token>,
    sep_token: Option<Token>,
}

/// A special token, which older files spell out with its properties.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    WithProperties { content: String },
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::WithProperties { content: text } => text,
        }
    }
}

/// The classes that `transformers` builds anew from `tokenizer_config.json`, without their `Fast`.
const BERT_CLASSES: [&str; 2] = ["BertTokenizer", "DistilBertTokenizer"];

impl TokenizerConfig {
    fn parse(bytes: Option<&[u8]>) -> Result<Self> {
        serde_json::from_slice(bytes.unwrap_or(b"{}"))
            .map_err(|e| Error::Tokenizer(format!("tokenizer_config.json cannot be read: {e}")))
    }

    /// Whether it names one of BERT's classes, or none, for which `transformers` takes that of the model.
    fn is_of_bert(&self) -> bool {
        self.tokenizer_class.as_deref().is_none_or(|class| BERT_CLASSES.contains(&class.trim_end_matches("Fast")))
    }

    fn normalizer(&self) -> BertNormalizer {
        BertNormalizer {
            clean_text: true,
            handle_chinese_chars: self.tokenize_chinese_chars,
            strip_accents: self.strip_accents,
            lowercase: self.do_lower_case,
        }
    }
}

/// BERT's normaliser, as `tokenizer.json` has it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct BertNormalizer {
    #[serde(default = "yes")]
    clean_text: bool,
    #[serde(default = "yes")]
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    #[serde(default = "yes")]
    lowercase: bool,
}

impl BertNormalizer {
    /// The normaliser of a tokenizer, if it is BERT's.
    fn of(tokenizer: &Value) -> Option<Self> {
        let normalizer = tokenizer.get("normalizer")?;
        (normalizer.get("type")? == "BertNormalizer").then(|| Self::deserialize(normalizer).ok()).flatten()
    }

    fn to_json(self) -> Value {
        json!({"type": "BertNormalizer", "clean_text": self.clean_text, "lowercase": self.lowercase,
               "handle_chinese_chars": self.handle_chinese_chars, "strip_accents": self.strip_accents})
    }

    /// Accents go with upper case where nothing is said of them, as in BERT's original code.
    fn strips_accents(self) -> bool {
        self.strip_accents.unwrap_or(self.lowercase)
    }

    /// What `self` does to a text that `other` does not, and the reverse, in words; empty where both do the same.
    fn differences(self, other: Self) -> Vec<String> {
        [
            ("lower-cases", self.lowercase, other.lowercase),
            ("strips accents", self.strips_accents(), other.strips_accents()),
            ("splits Chinese characters", self.handle_chinese_chars, other.handle_chinese_chars),
            ("removes control characters", self.clean_text, other.clean_text),
        ]
        .into_iter()
        .filter(|(_, here, there)| here != there)
        .map(|(what, here, _)| if here { what.to_owned() } else { format!("does not: {what}") })
        .collect()
    }
}

fn yes() -> bool {
    true
}

impl Tokenizer {
    /// From the files of a checkpoint, as `transformers` reads them, and what a user should know of it.
    ///
    /// `transformers` 5 builds a BERT tokenizer anew from the pieces of `tokenizer.json` and the settings of
    /// `tokenizer_config.json`, or their defaults where that is missing, whatever normaliser `tokenizer.json` has (4 replaced
    /// the normaliser likewise): so where the two contradict each other, the config is right, and the note says so. Another
    /// `tokenizer_class` than BERT's leaves `tokenizer.json` as it is. Source: `convert_to_native_format` in
    /// `tokenization_utils_tokenizers.py` and `tokenization_bert.py` of 5.24.
    ///
    /// # Errors
    /// When there is neither `tokenizer.json` nor `vocab.txt`, or as [`Tokenizer::from_json`] and
    /// [`Tokenizer::from_vocabulary`].
    pub fn from_files(files: &TokenizerFiles<'_>, vocab_size: usize) -> Result<(Self, Option<String>)> {
        match (files.json, files.vocabulary) {
            (Some(json), _) if files.are_our_own && files.config.is_none() => {
                Ok((Self::from_json(json, vocab_size)?, None))
            }
            (Some(json), _) => Self::from_json_and_config(json, files.config, vocab_size),
            (None, Some(vocabulary)) => Ok((Self::from_vocabulary(vocabulary, files.config, vocab_size)?, None)),
            (None, None) => Err(Error::Tokenizer("expected tokenizer.json or vocab.txt, got neither".into())),
        }
    }

    fn from_json_and_config(json: &[u8], config: Option<&[u8]>, vocab_size: usize) -> Result<(Self, Option<String>)> {
        let as_it_is = Self::from_json(json, vocab_size);
        let says = if config.is_some() { "tokenizer_config.json" } else { "a BERT without tokenizer_config.json" };
        let config = TokenizerConfig::parse(config)?;
        let Ok(mut file) = serde_json::from_slice::<Value>(json) else { return Ok((as_it_is?, None)) };
        if !config.is_of_bert() || file.pointer("/model/type").is_some_and(|model| model != "WordPiece") {
            return Ok((as_it_is?, None));
        }
        let (there, wanted) = (BertNormalizer::of(&file), config.normalizer());
        let mut replaced = match there {
            Some(there) => wanted.differences(there),
            None => vec!["has BERT's normaliser".to_owned()],
        };
        let around = [("[CLS]", &config.cls_token), ("[SEP]", &config.sep_token)]
            .map(|(usual, token)| token.as_ref().map_or(usual, Token::text).to_owned());
        let ids = around.clone().map(|token| id_in_file(&file, &token));
        let [Some(cls), Some(sep)] = ids else { return Ok((as_it_is?, None)) };
        // What cannot be read as it is may still be read with BERT's parts.
        let inputs = [Input::from(""), Input { text: "", text_pair: Some("") }];
        let puts_around = as_it_is.as_ref().ok().map(|tokenizer| tokenizer.encode_inputs(&inputs, 5));
        let is_of_bert =
            |rows: Vec<Encoded>| rows[0].ids == [cls, sep] && rows[1].ids == [cls, sep, sep] && rows[1].n_second == 1;
        if !puts_around.is_some_and(|rows| rows.is_ok_and(is_of_bert)) {
            replaced.push(format!("puts {} and {} around a text", around[0], around[1]));
        }
        if replaced.is_empty() {
            return Ok((as_it_is?, None));
        }
        let [cls_token, sep_token] = around;
        file["normalizer"] = wanted.to_json();
        file["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
        file["post_processor"] = json!({"type": "BertProcessing", "sep": [sep_token, sep], "cls": [cls_token, cls]});
        let note = format!(
            "tokenizer.json and {says} contradict each other; the latter is followed, as transformers 5 does: it {}",
            replaced.join(", ")
        );
        Ok((Self::from_json(file.to_string().as_bytes(), vocab_size)?, Some(note)))
    }

    /// From `tokenizer.json`. The file may carry padding and truncation of its own, which are replaced.
    ///
    /// # Errors
    /// When the file is not a tokenizer, or it has more pieces than `vocab_size` rows of embeddings.
    pub fn from_json(bytes: &[u8], vocab_size: usize) -> Result<Self> {
        let inner = Inner::from_json(bytes)?;
        let n = inner.vocab_size();
        if n > vocab_size {
            return Err(Error::Tokenizer(format!(
                "the tokenizer has {n} pieces, the model only {vocab_size} word embeddings: they do not belong together"
            )));
        }
        Ok(Self { inner })
    }

    /// From a `vocab.txt` with one piece a line, as BERT's original release has it, and `tokenizer_config.json`.
    ///
    /// # Errors
    /// When `[UNK]`, `[CLS]` or `[SEP]` is not in the vocabulary, or a file is not readable.
    pub fn from_vocabulary(vocabulary: &[u8], config: Option<&[u8]>, vocab_size: usize) -> Result<Self> {
        let text = std::str::from_utf8(vocabulary)
            .map_err(|e| Error::Tokenizer(format!("vocab.txt is not UTF-8 at byte {}", e.valid_up_to())))?;
        let config = TokenizerConfig::parse(config)?;
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
            "normalizer": config.normalizer().to_json(),
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": pieces},
        });
        Self::from_json(file.to_string().as_bytes(), vocab_size)
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
        self.inner.encode(inputs, max_length)
    }

    /// The pieces behind ids, such as `##ing`; `[UNK]` for an id without one.
    #[must_use]
    pub fn pieces(&self, ids: &[u32]) -> Vec<String> {
        ids.iter().map(|id| self.inner.id_to_token(*id).unwrap_or_else(|| "[UNK]".into())).collect()
    }
}

/// The id of a token that a `tokenizer.json` names.
fn id_in_file(file: &Value, token: &str) -> Option<u32> {
    let added = file.get("added_tokens").and_then(Value::as_array).into_iter().flatten();
    let mut added = added.filter(|added| added.get("content").is_some_and(|content| content == token));
    let id = added.find_map(|added| added.get("id")).or_else(|| file.pointer("/model/vocab")?.get(token))?;
    u32::try_from(id.as_u64()?).ok()
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
