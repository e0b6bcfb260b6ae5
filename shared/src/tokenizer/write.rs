//! A tokenizer as the files of a checkpoint; natively only: the page passes on the files that it was
//! given, see `written_config`.

use serde_json::{Value, json};

use super::Tokenizer;
use super::files::TruncationSide;
use super::written_config::{config_json, unreadable};
use crate::error::Result;

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
        config_json(&file, |token| self.inner.token_to_id(token).is_some(), given, model_class, max_length)
    }
}
