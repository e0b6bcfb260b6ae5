//! Tokens that stand beside a model's pieces: those that the files of a checkpoint name, in the order in which
//! `transformers` 5.24 adds them, and the ids that they get by it.
//!
//! What counts, in `_from_pretrained` of `tokenization_utils_base.py` and `__init__` of `tokenization_utils_tokenizers.py`:
//! `added_tokens_decoder` of `tokenizer_config.json` alone where it is there, else `special_tokens_map.json`,
//! `added_tokens.json` and those of `tokenizer.json`, by id; then the special tokens that have a name, then the others.
//! An id in a file only decides the order: a token has the id of its piece, or the next one that is free.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::object;
use super::files::TokenizerFiles;
use crate::error::{Error, Result};

/// Names of special tokens, in the order in which they are added.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// A token with its properties, as `tokenizers` knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields that tokenizer.json has")]
pub(super) struct AddedToken {
    pub(super) content: String,
    pub(super) single_word: bool,
    pub(super) lstrip: bool,
    pub(super) rstrip: bool,
    pub(super) normalized: bool,
    special: bool,
}

/// As files spell it; what is missing has the defaults of `tokenizers`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Text(String),
    WithProperties {
        content: String,
        #[serde(default)]
        single_word: bool,
        #[serde(default)]
        lstrip: bool,
        #[serde(default)]
        rstrip: bool,
        normalized: Option<bool>,
        #[serde(default)]
        special: bool,
    },
}

impl AddedToken {
    fn new(content: &str, special: bool) -> Self {
        let content = content.to_owned();
        Self { content, single_word: false, lstrip: false, rstrip: false, normalized: !special, special }
    }

    /// A text is a special token.
    fn read(value: &Value, file: &str, field: &str) -> Result<Self> {
        let spelling = Spelling::deserialize(value).map_err(|_| {
            Error::Tokenizer(format!(
                "{file}: {field} has {value}, expected a token: a text, or an object with content"
            ))
        })?;
        Ok(match spelling {
            Spelling::Text(content) => Self::new(&content, true),
            Spelling::WithProperties { content, single_word, lstrip, rstrip, normalized, special } => {
                Self { content, single_word, lstrip, rstrip, normalized: normalized.unwrap_or(!special), special }
            }
        })
    }

    fn into_special(self) -> Self {
        Self { special: true, ..self }
    }
}

/// The tokens of a checkpoint's files.
#[derive(Debug)]
pub(super) struct AddedTokens {
    by_id: BTreeMap<u64, AddedToken>,
    /// By the names of [`NAMES`] first.
    named: Vec<(String, AddedToken)>,
    others: Vec<AddedToken>,
}

impl AddedTokens {
    /// Collects them; `config` has the fields of `tokenizer_config.json`.
    pub(super) fn of(files: &TokenizerFiles<'_>, config: &Map<String, Value>, json: Option<&Value>) -> Result<Self> {
        const CONFIG: &str = "tokenizer_config.json";
        let mut named: BTreeMap<String, AddedToken> = BTreeMap::new();
        let mut specific: Vec<(String, AddedToken)> = Vec::new();
        let mut others: Option<Vec<AddedToken>> = None;
        for (key, value) in config.iter().filter(|(_, value)| !value.is_null()) {
            if NAMES.contains(&key.as_str()) {
                named.insert(key.clone(), AddedToken::read(value, CONFIG, key)?);
            } else if key.ends_with("_token") && value.is_string() {
                specific.push((key.clone(), AddedToken::read(value, CONFIG, key)?));
            }
        }
        for key in ["extra_special_tokens", "additional_special_tokens"] {
            let Some(value) = config.get(key).filter(|value| !value.is_null() && others.is_none()) else { continue };
            match value {
                Value::Object(tokens) => {
                    for (name, value) in tokens {
                        specific.push((name.clone(), AddedToken::read(value, CONFIG, key)?));
                    }
                }
                _ => others = Some(list(value, CONFIG, key)?).filter(|tokens| !tokens.is_empty()),
            }
        }
        let mut by_id = BTreeMap::new();
        if let Some(decoder) = config.get("added_tokens_decoder").filter(|decoder| !decoder.is_null()) {
            const FIELD: &str = "added_tokens_decoder";
            let decoder = decoder.as_object().ok_or_else(|| not_a(CONFIG, FIELD, "an object of tokens by id"))?;
            for (id, token) in decoder {
                let id = id.parse().map_err(|_| not_a(CONFIG, FIELD, "ids as names"))?;
                by_id.insert(id, AddedToken::read(token, CONFIG, FIELD)?);
            }
        } else {
            Self::read_map(files, &mut named, &mut specific, &mut others)?;
            let is_special =
                |content: &str| named.values().chain(others.iter().flatten()).any(|token| token.content == content);
            for (content, id) in object("added_tokens.json", files.added_tokens)? {
                let id = id.as_u64().ok_or_else(|| not_a("added_tokens.json", &content, "an id"))?;
                by_id.insert(id, AddedToken::new(&content, is_special(&content)));
            }
            for token in json.and_then(|file| file.get("added_tokens")?.as_array()).into_iter().flatten() {
                let id = token.get("id").and_then(Value::as_u64);
                let id = id.ok_or_else(|| not_a("tokenizer.json", "added_tokens", "an id with each token"))?;
                by_id.insert(id, AddedToken::read(token, "tokenizer.json", "added_tokens")?);
            }
        }
        // A special token that was listed has the properties it has there.
        for token in named.values_mut() {
            if let Some(listed) = by_id.values().rev().find(|listed| listed.content == token.content) {
                *token = listed.clone();
            }
        }
        let named = NAMES.iter().filter_map(|name| named.remove_entry(*name)).chain(specific).collect();
        Ok(Self { by_id, named, others: others.unwrap_or_default() })
    }

    /// `special_tokens_map.json`, which takes the place of what `tokenizer_config.json` said.
    fn read_map(
        files: &TokenizerFiles<'_>,
        named: &mut BTreeMap<String, AddedToken>,
        specific: &mut Vec<(String, AddedToken)>,
        others: &mut Option<Vec<AddedToken>>,
    ) -> Result<()> {
        const MAP: &str = "special_tokens_map.json";
        for (key, value) in object(MAP, files.special_tokens_map)?.iter().filter(|(_, value)| !value.is_null()) {
            match key.as_str() {
                "extra_special_tokens" if value.is_object() => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        specific.push((name.clone(), AddedToken::read(value, MAP, key)?.into_special()));
                    }
                }
                "extra_special_tokens" => {
                    let more = list(value, MAP, key)?.into_iter().map(AddedToken::into_special);
                    let existing = others.get_or_insert_default();
                    for token in more {
                        if !existing.contains(&token) {
                            existing.push(token);
                        }
                    }
                }
                "additional_special_tokens" if others.is_none() => {
                    *others = Some(list(value, MAP, key)?.into_iter().map(AddedToken::into_special).collect());
                }
                key if NAMES.contains(&key) => {
                    named.insert(key.to_owned(), AddedToken::read(value, MAP, key)?.into_special());
                }
                key if key.ends_with("_token") => {
                    specific.push((key.to_owned(), AddedToken::read(value, MAP, key)?.into_special()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a special token is, `otherwise` where no file names it.
    pub(super) fn name_of(&self, name: &str, otherwise: &str) -> String {
        let named = self.named.iter().find(|(key, _)| key == name);
        named.map_or_else(|| otherwise.to_owned(), |(_, token)| token.content.clone())
    }

    /// Gives a name to a token that no file names.
    pub(super) fn set_default(&mut self, name: &str, content: &str) {
        if self.named.iter().any(|(key, _)| key == name) {
            return;
        }
        let token = self.by_id.values().rev().find(|token| token.content == content).cloned();
        let place = |key: &str| NAMES.iter().position(|name| *name == key).unwrap_or(NAMES.len());
        let at = self.named.iter().take_while(|(key, _)| place(key) < place(name)).count();
        self.named.insert(at, (name.to_owned(), token.unwrap_or_else(|| AddedToken::new(content, true))));
    }

    /// All of them in the order in which they are added to a tokenizer that has those in `present`.
    pub(super) fn in_order(&self, present: &[AddedToken]) -> Vec<AddedToken> {
        let is_named = |token: &AddedToken| self.named.iter().any(|(_, named)| named.content == token.content);
        let listed = self.by_id.values().filter(|token| !present.contains(token));
        let listed = listed.map(|token| if is_named(token) { token.clone().into_special() } else { token.clone() });
        let mut tokens: Vec<AddedToken> = listed.collect();
        let mut known: Vec<String> = present.iter().chain(&tokens).map(|token| token.content.clone()).collect();
        for token in self.named.iter().map(|(_, token)| token).chain(&self.others) {
            if !known.contains(&token.content) {
                known.push(token.content.clone());
                tokens.push(token.clone());
            }
        }
        tokens.retain(|token| !token.content.is_empty());
        tokens
    }
}

/// Gives every token the id of its piece, or the next one that is free, as `tokenizers` does whatever the files say; a token
/// that is there twice keeps its id and has the later properties.
pub(super) fn with_ids(
    tokens: &[AddedToken],
    n_pieces: usize,
    id_of_piece: impl Fn(&str) -> Option<u32>,
) -> Vec<(u32, AddedToken)> {
    let mut numbered: Vec<(u32, AddedToken)> = Vec::new();
    let mut next = n_pieces as u32;
    for token in tokens.iter().filter(|token| !token.content.is_empty()) {
        if let Some((_, there)) = numbered.iter_mut().find(|(_, there)| there.content == token.content) {
            *there = token.clone();
            continue;
        }
        let id = id_of_piece(&token.content).unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        numbered.push((id, token.clone()));
    }
    numbered
}

/// As [`with_ids`], of a vocabulary as a `tokenizer.json` has it.
pub(super) fn in_vocabulary(tokens: &[AddedToken], pieces: &Map<String, Value>) -> Vec<(u32, AddedToken)> {
    let id_of_piece = |piece: &str| pieces.get(piece).and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    with_ids(tokens, pieces.len(), id_of_piece)
}

/// The added tokens of a `tokenizer.json`.
pub(super) fn of_json(file: &Value) -> Result<Vec<AddedToken>> {
    let tokens = file.get("added_tokens").and_then(Value::as_array).into_iter().flatten();
    tokens.map(|token| AddedToken::read(token, "tokenizer.json", "added_tokens")).collect()
}

/// As `added_tokens` of a `tokenizer.json`.
pub(super) fn to_json(tokens: &[(u32, AddedToken)]) -> Value {
    let token = |(id, token): &(u32, AddedToken)| {
        let mut value = serde_json::to_value(token).unwrap_or_default();
        value["id"] = (*id).into();
        value
    };
    tokens.iter().map(token).collect()
}

fn list(value: &Value, file: &str, field: &str) -> Result<Vec<AddedToken>> {
    let values = value.as_array().ok_or_else(|| not_a(file, field, "a list of tokens"))?;
    values.iter().map(|value| AddedToken::read(value, file, field)).collect()
}

fn not_a(file: &str, field: &str, expected: &str) -> Error {
    Error::Tokenizer(format!("{file}: {field}: expected {expected}"))
}
