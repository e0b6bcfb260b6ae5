//! `tokenizer_config.json`: which class of tokenizer a checkpoint has, and the settings of BERT's.

use serde_json::{Map, Value};

use super::files::{TokenizerFiles, TruncationSide};
use super::normalizer::BertNormalizer;
use crate::error::{Error, Result};
use crate::git_lfs;

/// BERT's tokenizer first; the others are the same by another name. `transformers` builds them anew from their settings.
pub(super) const BERT_CLASSES: [&str; 7] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "LayoutLMTokenizer",
    "LxmertTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
];

/// Classes that take `tokenizer.json` as it is; the first is what this program writes.
pub(super) const GENERIC_CLASSES: [&str; 3] = ["PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer"];

/// Classes that split texts by a program of their own, whatever files there are.
const CLASSES_WITH_CODE: [(&str, &str); 4] = [
    ("BertJapaneseTokenizer", "words are found by MeCab, Sudachi or Juman++"),
    ("BertweetTokenizer", "tweets are normalised by code of its own"),
    ("PhobertTokenizer", "words are joined by code of its own"),
    ("RoCBertTokenizer", "characters have shapes and sounds beside their ids"),
];

/// Settings of BERT's slow tokenizer that `transformers` 5 has no more, with the value that changes nothing.
const FORGOTTEN: [(&str, Value); 3] =
    [("do_basic_tokenize", Value::Bool(true)), ("clean_text", Value::Bool(true)), ("never_split", Value::Null)];

/// Which tokenizer a checkpoint's files describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class<'a> {
    /// BERT's.
    Bert,
    /// What `tokenizer.json` says.
    Generic,
    /// One that nothing is known of.
    Other(&'a str),
}

/// What the file says. `null` counts as the default, which is that of `transformers`.
#[derive(Clone, Debug)]
pub(super) struct TokenizerConfig {
    fields: Map<String, Value>,
}

impl TokenizerConfig {
    pub(super) fn parse(bytes: Option<&[u8]>) -> Result<Self> {
        let fields = object("tokenizer_config.json", bytes)?;
        Ok(Self { fields })
    }

    /// All that the file has.
    pub(super) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// # Errors
    /// When the class splits texts by code of its own.
    pub(super) fn class<'a>(&'a self, model_class: Option<&'a str>) -> Result<Class<'a>> {
        let (named, file) = match self.text("tokenizer_class")? {
            Some(class) => (Some(class), "tokenizer_config.json"),
            None => (model_class, "config.json"),
        };
        let with_code = |class: &str, how: &str| {
            Error::Tokenizer(format!(
                "{file}: tokenizer_class is {class}, whose {how}, so its token ids cannot be made here: expected a tokenizer \
                 of BERT's kind (WordPiece), or one saved as tokenizer.json with the tokenizer_class {}",
                GENERIC_CLASSES[0]
            ))
        };
        // Only one class has these.
        for (field, usual) in [("word_tokenizer_type", "basic"), ("subword_tokenizer_type", "wordpiece")] {
            if self.text(field)?.is_some_and(|kind| kind != usual) && named.is_none_or(|class| class.contains("Bert")) {
                return Err(with_code(CLASSES_WITH_CODE[0].0, CLASSES_WITH_CODE[0].1));
            }
        }
        let Some(named) = named else { return Ok(Class::Bert) };
        let bare = named.strip_suffix("Fast").unwrap_or(named);
        if let Some((_, how)) = CLASSES_WITH_CODE.iter().find(|(class, _)| *class == bare) {
            return Err(with_code(named, how));
        }
        if BERT_CLASSES.contains(&bare) {
            return Ok(Class::Bert);
        }
        Ok(if GENERIC_CLASSES.contains(&named) { Class::Generic } else { Class::Other(named) })
    }

    /// BERT's normaliser, with these settings.
    pub(super) fn normalizer(&self) -> Result<BertNormalizer> {
        Ok(BertNormalizer {
            clean_text: true,
            handle_chinese_chars: self.flag("tokenize_chinese_chars")?.unwrap_or(true),
            strip_accents: self.flag("strip_accents")?,
            lowercase: self.flag("do_lower_case")?.unwrap_or(true),
        })
    }

    /// Where a text that is too long is cut, where the file says it.
    pub(super) fn truncation_side(&self) -> Result<Option<TruncationSide>> {
        match self.text("truncation_side")? {
            None => Ok(None),
            Some("left") => Ok(Some(TruncationSide::Left)),
            Some("right") => Ok(Some(TruncationSide::Right)),
            Some(other) => Err(unexpected("truncation_side", &other.into(), "\"left\" or \"right\"")),
        }
    }

    /// # Errors
    /// When the file asks for what cannot be done here.
    pub(super) fn refuse_unsupported(&self) -> Result<()> {
        if self.flag("split_special_tokens")? == Some(true) {
            return Err(unexpected(
                "split_special_tokens",
                &true.into(),
                "false: special tokens in a text stay whole here",
            ));
        }
        Ok(())
    }

    /// What of the file is not heeded.
    pub(super) fn notes(&self, class: Class<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        let set = FORGOTTEN.iter().filter(|(name, harmless)| {
            self.fields.get(*name).is_some_and(|value| {
                !value.is_null() && value != harmless && value.as_array().is_none_or(|values| !values.is_empty())
            })
        });
        if class == Class::Bert {
            notes.extend(set.map(|(name, _)| {
                format!("tokenizer_config.json: {name} is not heeded, as transformers 5 does not heed it")
            }));
        }
        if self.fields.get("padding_side").is_some_and(|side| side == "left") {
            notes.push(
                "tokenizer_config.json: padding_side is left; texts are padded on the right here, where a text has the \
                 answer that it has alone"
                    .into(),
            );
        }
        if self.fields.get("auto_map").is_some_and(|map| !map.is_null()) {
            notes.push("tokenizer_config.json names code of the tokenizer's own (auto_map), which is not run".into());
        }
        notes
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(unexpected(name, other, "true or false")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(unexpected(name, other, "a text")),
        }
    }
}

/// The object of a file of JSON; an empty one for a file that is not there.
pub(super) fn object(name: &str, bytes: Option<&[u8]>) -> Result<Map<String, Value>> {
    let Some(bytes) = bytes else { return Ok(Map::new()) };
    serde_json::from_slice(bytes).map_err(|e| {
        let reason = git_lfs::pointer(bytes).unwrap_or_else(|| format!("cannot be read: {e}"));
        Error::Tokenizer(format!("{name} {reason}"))
    })
}

fn unexpected(field: &str, got: &Value, expected: &str) -> Error {
    Error::Tokenizer(format!("tokenizer_config.json: {field} is {got}, expected {expected}"))
}

/// # Errors
/// When a class of tokenizer needs a `tokenizer.json` that is not there.
pub(super) fn require_json(class: Class<'_>, files: &TokenizerFiles<'_>) -> Result<()> {
    if files.json.is_some() {
        return Ok(());
    }
    match class {
        Class::Bert => Ok(()),
        Class::Generic => Err(Error::Tokenizer(format!(
            "tokenizer_class is {}, which takes its pieces from tokenizer.json, and there is none beside vocab.txt: add it, or \
             write {} if the vocabulary is BERT's",
            GENERIC_CLASSES[0], BERT_CLASSES[0]
        ))),
        Class::Other(class) => Err(Error::Tokenizer(format!(
            "tokenizer_class is {class}, which is none of BERT's (WordPiece), so vocab.txt alone does not tell its token ids: \
             expected tokenizer.json beside it, as AutoTokenizer's save_pretrained writes it where it knows the class"
        ))),
    }
}
