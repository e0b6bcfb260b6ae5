//! A tokenizer as the files of a checkpoint; natively only, since the page writes none.

use serde_json::{Map, Value};

use super::{BERT_CLASSES, BertNormalizer, Tokenizer, TokenizerConfig};
use crate::error::{Error, Result};

/// The class that takes `tokenizer.json` as it is.
const GENERIC_CLASS: &str = "PreTrainedTokenizerFast";

impl Tokenizer {
    /// Everything that decides the ids, as `tokenizer.json` would say it: normaliser, pieces, special tokens and what
    /// is put around a text. Equal tokenizers give equal bytes.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.inner.to_json()
    }

    /// The `tokenizer_config.json` from which `transformers` builds this very tokenizer, for a model with `max_length`
    /// positions; the other fields of `given`, the file that the checkpoint came with, stay.
    ///
    /// # Errors
    /// When `given` is not an object of JSON.
    pub fn to_config_json(&self, given: Option<&[u8]>, max_length: usize) -> Result<Vec<u8>> {
        let failed = |e: serde_json::Error| Error::Tokenizer(format!("tokenizer_config.json cannot be read: {e}"));
        let file: Value = serde_json::from_slice(&self.to_json()?).map_err(failed)?;
        let mut config: Map<String, Value> = serde_json::from_slice(given.unwrap_or(b"{}")).map_err(failed)?;
        let class = TokenizerConfig::parse(given)?;
        let is_bert = |normalizer: &BertNormalizer| {
            normalizer.clean_text
                && class.is_of_bert()
                && file.pointer("/pre_tokenizer/type").is_some_and(|kind| kind == "BertPreTokenizer")
        };
        if let Some(normalizer) = BertNormalizer::of(&file).filter(is_bert) {
            config.insert("do_lower_case".into(), normalizer.lowercase.into());
            config.insert("strip_accents".into(), normalizer.strip_accents.into());
            config.insert("tokenize_chinese_chars".into(), normalizer.handle_chinese_chars.into());
            config.entry("tokenizer_class").or_insert_with(|| BERT_CLASSES[0].into());
        } else if class.is_of_bert() {
            config.insert("tokenizer_class".into(), GENERIC_CLASS.into());
        }
        for (name, token) in [
            ("cls_token", "[CLS]"),
            ("sep_token", "[SEP]"),
            ("pad_token", "[PAD]"),
            ("unk_token", "[UNK]"),
            ("mask_token", "[MASK]"),
        ] {
            if self.inner.token_to_id(token).is_some() {
                config.entry(name).or_insert_with(|| token.into());
            }
        }
        config.entry("model_max_length").or_insert_with(|| max_length.into());
        let mut bytes = serde_json::to_vec_pretty(&config).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
