//! The tokenizer of `tokenizers` as it is: whatever a `tokenizer.json` asks for.

use tokenizers::utils::truncation::{TruncationParams, TruncationStrategy};

use crate::error::{Error, Result};

/// With padding and truncation of its own switched off.
#[derive(Clone, Debug)]
pub(super) struct General(tokenizers::Tokenizer);

impl General {
    /// # Errors
    /// When the file is not a tokenizer.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::Tokenizer(format!("tokenizer.json cannot be read: {e}")))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| Error::Tokenizer(format!("truncation cannot be switched off: {e}")))?;
        Ok(Self(inner))
    }

    /// Pieces, special tokens included.
    pub(super) fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    pub(super) fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    pub(super) fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    /// Ids of each text with the tokens around it, cut to `max_length`, and whether it was longer; in parallel.
    pub(super) fn encode(&self, texts: &[&str], max_length: usize) -> Result<Vec<(Vec<u32>, bool)>> {
        let mut inner = self.0.clone();
        let truncation =
            TruncationParams { max_length, strategy: TruncationStrategy::LongestFirst, ..TruncationParams::default() };
        inner.with_truncation(Some(truncation)).map_err(|e| Error::Tokenizer(e.to_string()))?;
        let encodings = inner
            .encode_batch_fast(texts.to_vec(), true)
            .map_err(|e| Error::Tokenizer(format!("cannot encode: {e}")))?;
        let row =
            |encoding: tokenizers::Encoding| (encoding.get_ids().to_vec(), !encoding.get_overflowing().is_empty());
        Ok(encodings.into_iter().map(row).collect())
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        self.0.to_string(false).map(String::into_bytes).map_err(|e| Error::Tokenizer(e.to_string()))
    }
}
