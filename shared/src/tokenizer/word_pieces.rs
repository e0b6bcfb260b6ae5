//! BERT's tokenizer, made of the parts of `tokenizers` that it consists of; the page has no other.
//!
//! The general tokenizer holds every normaliser, splitter and model there is, and the regular expressions that some of
//! them need with their Unicode tables, which a visitor would fetch for nothing that a BERT uses: without them the page's
//! worker has 945 kB as gzip instead of 1,435.
//! Natively the general one computes; tests compare the ids of the two.

use serde::Deserialize;
use serde_json::{Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    Model as _, NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _,
};

use super::added_tokens::{self, AddedToken, with_ids};
use super::files::TruncationSide;
use super::input::{Encoded, Input};
use crate::error::{Error, Result};

/// What is done to a text, in this order.
#[derive(Clone, Debug)]
pub(super) struct WordPieces {
    /// Tokens that stand for themselves in the text as it is.
    as_written: Vec<(u32, AddedToken)>,
    normalizer: BertNormalizer,
    /// Tokens that stand for themselves in the normalised text.
    normalized: Vec<(u32, AddedToken)>,
    pieces: WordPiece,
    cls: u32,
    sep: u32,
}

impl WordPieces {
    /// # Errors
    /// When the file is not a tokenizer, or has parts that are not BERT's.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self> {
        let failed =
            |error: &dyn std::fmt::Display| Error::Tokenizer(format!("tokenizer.json cannot be read: {error}"));
        let file: Value = serde_json::from_slice(bytes).map_err(|e| failed(&e))?;
        for (part, wanted) in [("normalizer", "BertNormalizer"), ("pre_tokenizer", "BertPreTokenizer")] {
            is_of_bert(&file, part, wanted)?;
        }
        if file.pointer("/model/type").is_some() {
            is_of_bert(&file, "model", "WordPiece")?;
        }
        let added = added_tokens::of_json(&file)?;
        if let Some(token) = added.iter().find(|token| token.single_word) {
            return Err(Error::Tokenizer(format!(
                "tokenizer.json: the added token {:?} is only found as a word of its own (single_word), which only the \
                 program for the command line can tell",
                token.content
            )));
        }
        let pieces = WordPiece::deserialize(file.get("model").unwrap_or(&Value::Null)).map_err(|e| failed(&e))?;
        let added = with_ids(&added, pieces.get_vocab_size(), |piece| pieces.token_to_id(piece));
        let normalizer = BertNormalizer::deserialize(&file["normalizer"]).map_err(|e| failed(&e))?;
        let (mut normalized, as_written): (Vec<_>, Vec<_>) = added.into_iter().partition(|(_, token)| token.normalized);
        for (_, token) in &mut normalized {
            token.content = normalize(normalizer, &token.content)?.get().into();
        }
        let [cls, sep] = around(&file)?;
        Ok(Self { as_written, normalizer, normalized, pieces, cls, sep })
    }

    fn added(&self) -> impl Iterator<Item = &(u32, AddedToken)> {
        self.as_written.iter().chain(&self.normalized)
    }

    /// Pieces, special tokens included.
    pub(super) fn vocab_size(&self) -> usize {
        let n_others = self.added().filter(|(_, token)| self.pieces.token_to_id(&token.content).is_none()).count();
        self.pieces.get_vocab_size() + n_others
    }

    /// The token with the largest id.
    pub(super) fn last_token(&self) -> Option<(String, u32)> {
        let pieces = self.pieces.get_vocab().into_iter();
        let added = self.added().map(|(id, token)| (token.content.clone(), *id));
        pieces.chain(added).max_by(|(a, a_id), (b, b_id)| a_id.cmp(b_id).then_with(|| b.cmp(a)))
    }

    pub(super) fn id_to_token(&self, id: u32) -> Option<String> {
        let added = self.added().find(|(added, _)| *added == id).map(|(_, token)| token.content.clone());
        added.or_else(|| self.pieces.id_to_token(id))
    }

    /// Ids of each text between `[CLS]` and `[SEP]`, behind them those of a second text and another `[SEP]`, cut to
    /// `max_length`.
    pub(super) fn encode(&self, inputs: &[Input<'_>], max_length: usize, side: TruncationSide) -> Result<Vec<Encoded>> {
        let encode = |input: &Input<'_>| {
            let first = self.ids(input.text)?;
            let second = input.text_pair.map(|text| self.ids(text)).transpose()?;
            let n_special = if second.is_some() { 3 } else { 2 };
            let lengths = [first.len(), second.as_ref().map_or(0, Vec::len)];
            let kept = longest_first(lengths, max_length - n_special);
            let mut ids = vec![self.cls];
            ids.extend_from_slice(cut_to(&first, kept[0], side));
            ids.push(self.sep);
            if let Some(second) = &second {
                ids.extend_from_slice(cut_to(second, kept[1], side));
                ids.push(self.sep);
            }
            let n_second = second.map_or(0, |_| kept[1] + 1);
            Ok(Encoded { ids, n_second, is_cut: kept != lengths })
        };
        inputs.iter().map(encode).collect()
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        for (token, part) in cut(text, &self.as_written) {
            if let Some(id) = token {
                ids.push(id);
                continue;
            }
            let part = normalize(self.normalizer, part)?;
            for (token, part) in cut(part.get(), &self.normalized) {
                match token {
                    Some(id) => ids.push(id),
                    None => self.push_words(part, &mut ids)?,
                }
            }
        }
        Ok(ids)
    }

    fn push_words(&self, part: &str, ids: &mut Vec<u32>) -> Result<()> {
        let mut words = PreTokenizedString::from(part);
        BertPreTokenizer.pre_tokenize(&mut words).map_err(|e| cannot_encode(&e))?;
        for (word, ..) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            let pieces = self.pieces.tokenize(word).map_err(|e| cannot_encode(&e))?;
            ids.extend(pieces.iter().map(|piece| piece.id));
        }
        Ok(())
    }
}

/// How many tokens of two texts are kept so that both together have at most `room`: the longer one is cut down to the
/// other's length, then both to half of the room, of which the second text gets the odd one unless the first was longer, as
/// by `tokenizers` 0.23.
///
/// `[7, 2]` in 5 → `[3, 2]`; `[7, 9]` in 5 → `[2, 3]`; `[9, 7]` in 5 → `[3, 2]`
fn longest_first([first, second]: [usize; 2], room: usize) -> [usize; 2] {
    if first + second <= room {
        return [first, second];
    }
    let shorter = first.min(second);
    let kept = if shorter > room / 2 { [room / 2, room - room / 2] } else { [shorter, room - shorter] };
    if first > second { [kept[1], kept[0]] } else { kept }
}

/// The tokens that are kept of a text.
fn cut_to(ids: &[u32], n_kept: usize, side: TruncationSide) -> &[u32] {
    match side {
        TruncationSide::Left => &ids[ids.len() - n_kept..],
        TruncationSide::Right => &ids[..n_kept],
    }
}

fn cannot_encode(error: &tokenizers::Error) -> Error {
    Error::Tokenizer(format!("cannot encode: {error}"))
}

fn normalize(normalizer: BertNormalizer, text: &str) -> Result<NormalizedString> {
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized).map_err(|e| cannot_encode(&e))?;
    Ok(normalized)
}

/// The text in pieces, those that are one of `tokens` with its id: of all occurrences the leftmost, of these the longest,
/// with the blanks around it that it takes.
///
/// `a[SEP]b` with `[SEP]` → `a`, `[SEP]` (its id), `b`.
fn cut<'t>(text: &'t str, tokens: &[(u32, AddedToken)]) -> Vec<(Option<u32>, &'t str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let found = tokens.iter().filter(|(_, token)| !token.content.is_empty()).filter_map(|(id, token)| {
            let start = rest.find(&token.content)?;
            Some((start, usize::MAX - token.content.len(), (id, token)))
        });
        let Some((start, _, (id, token))) = found.min_by_key(|(start, shortness, _)| (*start, *shortness)) else {
            parts.push((None, rest));
            break;
        };
        let end = start + token.content.len();
        let start = if token.lstrip { rest[..start].trim_end().len() } else { start };
        let end = if token.rstrip { rest.len() - rest[end..].trim_start().len() } else { end };
        if start > 0 {
            parts.push((None, &rest[..start]));
        }
        parts.push((Some(*id), &rest[start..end]));
        rest = &rest[end..];
    }
    parts
}

/// # Errors
/// When a part of the tokenizer is not of BERT's kind.
fn is_of_bert(file: &Value, part: &str, wanted: &str) -> Result<()> {
    let kind = file.get(part).and_then(|part| part.get("type")).and_then(Value::as_str);
    if kind == Some(wanted) {
        return Ok(());
    }
    Err(Error::Tokenizer(format!(
        "tokenizer.json: expected {part} {wanted}, got {}; the page reads BERT's own tokenizers, the program for the \
         command line also others",
        kind.unwrap_or("none")
    )))
}

/// The ids that a file puts around one text.
///
/// # Errors
/// When it is not one before and one after it.
fn around(file: &Value) -> Result<[u32; 2]> {
    let processor = &file["post_processor"];
    let of_pair = |name: &str| processor[name].get(1).and_then(Value::as_u64);
    let of_template = |i: usize| {
        let token = processor["single"].get(i)?.pointer("/SpecialToken/id")?.as_str()?;
        let ids = processor["special_tokens"].get(token)?.get("ids")?.as_array()?;
        ids.first()?.as_u64().filter(|_| ids.len() == 1)
    };
    let is_one_text = processor["single"].as_array().is_some_and(|single| {
        single.len() == 3 && single[1].pointer("/Sequence/id").is_some_and(|sequence| sequence == "A")
    });
    // The pair: what is around a text, then the second text in segment 1 and what is behind it once more.
    let in_second = |mut part: Value, name: &str| {
        part[name]["type_id"] = 1.into();
        part
    };
    let is_pair_alike = is_one_text && {
        let single = &processor["single"];
        let second = in_second(json!({"Sequence": {"id": "B"}}), "Sequence");
        let wanted = [
            single[0].clone(),
            single[1].clone(),
            single[2].clone(),
            second,
            in_second(single[2].clone(), "SpecialToken"),
        ];
        processor["pair"].as_array().is_some_and(|pair| pair[..] == wanted)
    };
    let ids = match processor["type"].as_str() {
        Some("BertProcessing") => [of_pair("cls"), of_pair("sep")],
        Some("TemplateProcessing") if is_pair_alike => [of_template(0), of_template(2)],
        _ => [None, None],
    };
    match ids.map(|id| id.and_then(|id| u32::try_from(id).ok())) {
        [Some(cls), Some(sep)] => Ok([cls, sep]),
        _ => Err(Error::Tokenizer(
            "tokenizer.json: expected a post_processor that puts one token before and one after a text, and another after \
             the second text of a pair, as BERT's does; \
             the program for the command line reads others"
                .into(),
        )),
    }
}

#[cfg(test)]
mod tests;
