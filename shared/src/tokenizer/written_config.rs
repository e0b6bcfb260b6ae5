//! The `tokenizer_config.json` of a checkpoint that is written.

use serde_json::{Map, Value, json};

use super::config::{BERT_CLASSES, Class, GENERIC_CLASSES, TokenizerConfig, object};
use super::files::TokenizerFiles;
use super::normalizer::BertNormalizer;
use crate::error::{Error, Result};

impl TokenizerFiles<'_> {
    /// The `tokenizer_config.json` that belongs beside these files when they are passed on as they are: from it
    /// `transformers` builds the tokenizer that [`Tokenizer::from_files`](super::Tokenizer::from_files) makes of them, for a
    /// model with `max_length` positions. Fields of a file that is there stay.
    ///
    /// # Errors
    /// When a file cannot be read, or asks for what cannot be done here.
    pub fn written_config(&self, max_length: usize) -> Result<Vec<u8>> {
        let given = TokenizerConfig::parse(self.config)?;
        let mut file = match self.json {
            Some(json) => serde_json::from_slice(json).map_err(|e| unreadable(&e))?,
            None => json!({}),
        };
        // A checkpoint that this program wrote without a `tokenizer_config.json` has all in its `tokenizer.json`; any other
        // of BERT's kind has its settings, or the defaults, as `from_files` reads it.
        let is_all_in_json = self.json.is_some() && self.are_our_own && self.config.is_none();
        if given.class(self.model_class)? == Class::Bert && !is_all_in_json {
            file["normalizer"] = given.normalizer()?.to_json();
            file["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
        }
        let vocabulary = self.vocabulary.map(String::from_utf8_lossy).unwrap_or_default();
        let is_known = |token: &str| {
            let is_added = |added: &Value| added["content"] == token;
            file.pointer("/model/vocab").is_some_and(|pieces| pieces.get(token).is_some())
                || file["added_tokens"].as_array().is_some_and(|added| added.iter().any(is_added))
                || vocabulary.lines().any(|piece| piece == token)
        };
        config_json(&file, is_known, self.config, self.model_class, max_length)
    }
}

/// The file's bytes; `tokenizer` is `tokenizer.json`, and `is_known` says whether it has a token.
pub(super) fn config_json(
    tokenizer: &Value,
    is_known: impl Fn(&str) -> bool,
    given: Option<&[u8]>,
    model_class: Option<&str>,
    max_length: usize,
) -> Result<Vec<u8>> {
    let mut config: Map<String, Value> = object("tokenizer_config.json", given)?;
    let given = TokenizerConfig::parse(given)?;
    let class = given.class(model_class)?;
    let is_bert = |normalizer: &BertNormalizer| {
        normalizer.clean_text
            && class == Class::Bert
            && tokenizer.pointer("/pre_tokenizer/type").is_some_and(|kind| kind == "BertPreTokenizer")
    };
    if let Some(normalizer) = BertNormalizer::of(tokenizer).filter(is_bert) {
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
        if is_known(token) && config.get(name).is_none_or(Value::is_null) {
            config.insert(name.into(), token.into());
        }
    }
    config.entry("model_max_length").or_insert_with(|| max_length.into());
    let mut bytes = serde_json::to_vec_pretty(&config).map_err(|e| unreadable(&e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(super) fn unreadable(error: &serde_json::Error) -> Error {
    Error::Tokenizer(format!("tokenizer.json cannot be read: {error}"))
}

// Beside what only the native program can write.
#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::tokenizer::{Tokenizer, build_vocabulary};

    fn tokenizer_json(lowercase: bool) -> Vec<u8> {
        let vocabulary = build_vocabulary(&["a good film"], 40);
        let config = json!({"do_lower_case": lowercase}).to_string();
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary, Some(config.as_bytes()), 40).unwrap();
        tokenizer.to_json().unwrap()
    }

    fn written(files: &TokenizerFiles<'_>) -> Value {
        serde_json::from_slice(&files.written_config(64).unwrap()).unwrap()
    }

    #[test]
    fn what_is_passed_on_is_said_to_be_read_as_it_was() {
        let (cased, uncased) = (tokenizer_json(false), tokenizer_json(true));
        let ours = |json| TokenizerFiles { json, are_our_own: true, ..TokenizerFiles::default() };
        for (json, lowercase) in [(&cased, false), (&uncased, true)] {
            let config = written(&ours(Some(json)));
            assert_eq!(
                (&config["do_lower_case"], &config["tokenizer_class"]),
                (&lowercase.into(), &"BertTokenizer".into())
            );
            assert_eq!((&config["cls_token"], &config["model_max_length"]), (&"[CLS]".into(), &64.into()));
            // As the native program writes it.
            let tokenizer = Tokenizer::from_json(json, 40).unwrap();
            let natively: Value = serde_json::from_slice(&tokenizer.to_config_json(None, None, 64).unwrap()).unwrap();
            assert_eq!(config, natively);
        }
        // Of others the settings beside it count, and without any the defaults of transformers.
        let theirs = TokenizerFiles { json: Some(&cased), ..TokenizerFiles::default() };
        assert_eq!(written(&theirs)["do_lower_case"], true);
        let said = TokenizerFiles { config: Some(b"{\"do_lower_case\": false, \"mine\": 1}"), ..theirs };
        assert_eq!((&written(&said)["do_lower_case"], &written(&said)["mine"]), (&false.into(), &1.into()));
    }

    #[test]
    fn vocabulary_alone_has_its_settings_written_beside_it() {
        let vocabulary = build_vocabulary(&["a good film"], 40);
        let files = TokenizerFiles { vocabulary: Some(&vocabulary), ..TokenizerFiles::default() };
        let config = written(&files);
        assert_eq!((&config["do_lower_case"], &config["mask_token"]), (&true.into(), &"[MASK]".into()));
    }
}
