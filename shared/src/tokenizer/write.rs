//! A tokenizer as the files of a checkpoint; natively only, since the page writes none.

use serde_json::{Map, Value, json};

use super::Tokenizer;
use super::config::{BERT_CLASSES, Class, GENERIC_CLASSES, TokenizerConfig, object};
use super::files::TruncationSide;
use super::normalizer::BertNormalizer;
use crate::error::{Error, Result};

/// The tokens that a written file cuts a text to where its own said nothing: whoever reads it may say another number.
const MAX_LENGTH: usize = 512;

impl Tokenizer {
    /// Everything that decides the ids, as `tokenizer.json` would say it: normaliser, pieces, special tokens and what
    /// is put around a text. Equal tokenizers give equal bytes.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let bytes = self.inner.to_json()?;
        if self.truncation_side == TruncationSide::Right { Ok(bytes) } else { self.beside(&bytes, &Value::Null) }
    }

    /// As [`Tokenizer::to_json`], with the padding and the truncation that the `given` file carries.
    ///
    /// # Errors
    /// When one cannot be written or read as JSON.
    pub fn to_json_beside(&self, given: &[u8]) -> Result<Vec<u8>> {
        let given = serde_json::from_slice(given).map_err(|e| unreadable(&e))?;
        self.beside(&self.inner.to_json()?, &given)
    }

    fn beside(&self, bytes: &[u8], given: &Value) -> Result<Vec<u8>> {
        let mut file: Value = serde_json::from_slice(bytes).map_err(|e| unreadable(&e))?;
        for part in ["truncation", "padding"] {
            file[part] = given[part].clone();
        }
        let direction = match self.truncation_side {
            TruncationSide::Left => "Left",
            TruncationSide::Right => "Right",
        };
        if file["truncation"].is_object() {
            file["truncation"]["direction"] = direction.into();
        } else if self.truncation_side == TruncationSide::Left {
            file["truncation"] =
                json!({"direction": direction, "max_length": MAX_LENGTH, "strategy": "LongestFirst", "stride": 0});
        }
        Ok(file.to_string().into_bytes())
    }

    /// The `tokenizer_config.json` from which `transformers` builds this very tokenizer, for a model with `max_length`
    /// positions; the other fields of `given`, the file that the checkpoint came with, stay.
    ///
    /// # Errors
    /// When `given` is not an object of JSON.
    pub fn to_config_json(
        &self,
        given: Option<&[u8]>,
        model_class: Option<&str>,
        max_length: usize,
    ) -> Result<Vec<u8>> {
        let file: Value = serde_json::from_slice(&self.to_json()?).map_err(|e| unreadable(&e))?;
        let mut config: Map<String, Value> = object("tokenizer_config.json", given)?;
        let given = TokenizerConfig::parse(given)?;
        let class = given.class(model_class)?;
        let is_bert = |normalizer: &BertNormalizer| {
            normalizer.clean_text
                && class == Class::Bert
                && file.pointer("/pre_tokenizer/type").is_some_and(|kind| kind == "BertPreTokenizer")
        };
        if let Some(normalizer) = BertNormalizer::of(&file).filter(is_bert) {
            config.insert("do_lower_case".into(), normalizer.lowercase.into());
            config.insert("strip_accents".into(), normalizer.strip_accents.into());
            config.insert("tokenize_chinese_chars".into(), normalizer.handle_chinese_chars.into());
            config.entry("tokenizer_class").or_insert_with(|| BERT_CLASSES[0].into());
        } else if class == Class::Bert {
            config.insert("tokenizer_class".into(), GENERIC_CLASSES[0].into());
        }
        for (name, token) in [
            ("cls_token", "[CLS]"),
            ("sep_token", "[SEP]"),
            ("pad_token", "[PAD]"),
            ("unk_token", "[UNK]"),
            ("mask_token", "[MASK]"),
        ] {
            if self.inner.token_to_id(token).is_some() && config.get(name).is_none_or(Value::is_null) {
                config.insert(name.into(), token.into());
            }
        }
        config.entry("model_max_length").or_insert_with(|| max_length.into());
        let mut bytes = serde_json::to_vec_pretty(&config).map_err(|e| unreadable(&e))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::Tokenizer(format!("tokenizer.json cannot be read: {error}"))
}
