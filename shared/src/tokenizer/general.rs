//! The tokenizer of `tokenizers` as it is: whatever a `tokenizer.json` asks for.

use tokenizers::utils::truncation::{TruncationDirection, TruncationParams, TruncationStrategy};

use super::files::TruncationSide;
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

    /// The token with the largest id.
    pub(super) fn last_token(&self) -> Option<(String, u32)> {
        self.0.get_vocab(true).into_iter().max_by(|(a, a_id), (b, b_id)| a_id.cmp(b_id).then_with(|| b.cmp(a)))
    }

    pub(super) fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    pub(super) fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    /// Ids of each text with the tokens around it, cut to `max_length`, and whether it was longer; in parallel.
    pub(super) fn encode(
        &self,
        texts: &[&str],
        max_length: usize,
        side: TruncationSide,
    ) -> Result<Vec<(Vec<u32>, bool)>> {
        let mut inner = self.0.clone();
        let direction = match side {
            TruncationSide::Left => TruncationDirection::Left,
            TruncationSide::Right => TruncationDirection::Right,
        };
        let strategy = TruncationStrategy::LongestFirst;
        let truncation = TruncationParams { direction, max_length, strategy, ..TruncationParams::default() };
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
