//! The tokenizer of `tokenizers` as it is: whatever a `tokenizer.json` asks for.

use tokenizers::PostProcessor as _;
use tokenizers::utils::truncation::{TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings};

use super::files::TruncationSide;
use super::input::{Encoded, Input};
use crate::error::{Error, Result};

/// Bytes of text that are encoded in less time than a vocabulary of 30,000 pieces is copied.
const FEW_BYTES: usize = 1 << 14;

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
        // Nearly always the ids are the numbers from 0, and the vocabulary, a map of strings, need not be copied.
        let last = u32::try_from(self.0.get_vocab_size(true)).ok()?.checked_sub(1)?;
        if (0..last).all(|id| self.0.id_to_token(id).is_some())
            && let Some(token) = self.0.id_to_token(last)
        {
            return Some((token, last));
        }
        self.0.get_vocab(true).into_iter().max_by(|(a, a_id), (b, b_id)| a_id.cmp(b_id).then_with(|| b.cmp(a)))
    }

    pub(super) fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    pub(super) fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    /// Ids of each text or pair with the tokens around it, cut to `max_length`; in parallel.
    pub(super) fn encode(&self, inputs: &[Input<'_>], max_length: usize, side: TruncationSide) -> Result<Vec<Encoded>> {
        let n_bytes: usize = inputs.iter().map(|input| input.text.len()).sum();
        if n_bytes <= FEW_BYTES || inputs.iter().any(|input| input.text_pair.is_some()) {
            return self.encode_by_hand(inputs, max_length, side);
        }
        let mut inner = self.0.clone();
        inner.with_truncation(Some(longest_first(max_length, side))).map_err(|e| cannot_encode(&e))?;
        let texts: Vec<&str> = inputs.iter().map(|input| input.text).collect();
        let encodings = inner.encode_batch_fast(texts, true).map_err(|e| cannot_encode(&e))?;
        encodings.iter().map(encoded).collect()
    }

    /// The same, cut by hand. Pairs, since `tokenizers` 0.23.2 stops reading a text once it has `max_length` tokens and then
    /// takes it for shorter than a text beside it that is not; Python's, which `transformers` has, does not. Few texts, since
    /// `tokenizers` keeps the length to cut to in the tokenizer, of which a copy has to be made.
    fn encode_by_hand(&self, inputs: &[Input<'_>], max_length: usize, side: TruncationSide) -> Result<Vec<Encoded>> {
        let encode = |texts: Vec<&str>| self.0.encode_batch_fast(texts, false).map_err(|e| cannot_encode(&e));
        let first = encode(inputs.iter().map(|input| input.text).collect())?;
        let mut second = encode(inputs.iter().filter_map(|input| input.text_pair).collect())?.into_iter();
        let around = |is_pair| self.0.get_post_processor().map_or(0, |processor| processor.added_tokens(is_pair));
        let rows = inputs.iter().zip(first).map(|(input, first)| {
            let second = input.text_pair.and_then(|_| second.next());
            let room = longest_first(max_length.saturating_sub(around(second.is_some())), side);
            let (first, second) = truncate_encodings(first, second, &room).map_err(|e| cannot_encode(&e))?;
            let is_cut = [Some(&first), second.as_ref()].into_iter().flatten().any(|e| !e.get_overflowing().is_empty());
            let row = self.0.post_process(first, second, true).map_err(|e| cannot_encode(&e))?;
            Ok(Encoded { is_cut, ..encoded(&row)? })
        });
        rows.collect()
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        self.0.to_string(false).map(String::into_bytes).map_err(|e| Error::Tokenizer(e.to_string()))
    }
}

fn longest_first(max_length: usize, side: TruncationSide) -> TruncationParams {
    let direction = match side {
        TruncationSide::Left => TruncationDirection::Left,
        TruncationSide::Right => TruncationDirection::Right,
    };
    TruncationParams {
        direction,
        max_length,
        strategy: TruncationStrategy::LongestFirst,
        ..TruncationParams::default()
    }
}

fn cannot_encode(error: &tokenizers::Error) -> Error {
    Error::Tokenizer(format!("cannot encode: {error}"))
}

/// # Errors
/// When segment 1 is not the end of the row.
fn encoded(encoding: &tokenizers::Encoding) -> Result<Encoded> {
    let type_ids = encoding.get_type_ids();
    let n_second = type_ids.iter().rev().take_while(|id| **id == 1).count();
    if type_ids[..type_ids.len() - n_second].iter().any(|id| *id != 0) {
        return Err(Error::Tokenizer(format!(
            "tokenizer.json: expected a post_processor that numbers the tokens of the first text 0 and of the second 1, \
             got {type_ids:?}"
        )));
    }
    let is_cut = !encoding.get_overflowing().is_empty();
    Ok(Encoded { ids: encoding.get_ids().to_vec(), n_second, is_cut })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{Tokenizer, build_vocabulary};

    #[test]
    fn a_text_is_cut_alike_alone_and_among_many() {
        let texts = ["the cat sat on the mat", "a", "", "mat ".repeat(40).as_str(), "on the cat"].map(str::to_owned);
        let made_of: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokenizer = Tokenizer::from_vocabulary(&build_vocabulary(&made_of, 100), None, 100).unwrap();
        let few: Vec<Input<'_>> = made_of.iter().map(|text| (*text).into()).collect();
        let many: Vec<Input<'_>> = few.iter().copied().cycle().take(few.len() * FEW_BYTES / 50).collect();
        assert!(many.iter().map(|input| input.text.len()).sum::<usize>() > FEW_BYTES);
        for side in [TruncationSide::Left, TruncationSide::Right] {
            for max_length in [3, 5, 8, 60] {
                let alone = tokenizer.inner.encode(&few, max_length, side).unwrap();
                let among = tokenizer.inner.encode(&many, max_length, side).unwrap();
                for (i, (alone, among)) in alone.iter().zip(&among).enumerate() {
                    assert_eq!(alone, among, "text {i} cut to {max_length}, {side:?}");
                }
                assert!(alone.iter().any(|encoded| encoded.is_cut) || max_length == 60);
            }
        }
    }
}
