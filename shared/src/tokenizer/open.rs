//! A tokenizer from the files of a checkpoint, as `transformers` reads them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::added_tokens::{self, AddedToken, AddedTokens, in_vocabulary};
use super::config::{Class, TokenizerConfig, require_json};
use super::files::{TokenizerFiles, TruncationSide};
use super::input::{Encoded, Input};
use super::normalizer::BertNormalizer;
use super::{OpenedTokenizer, Tokenizer};
use crate::error::{Error, Result};
use crate::git_lfs;
use crate::words::listed;

/// What a piece of SentencePiece begins with where a word begins.
const WORD_START: char = '\u{2581}';

/// BERT's special tokens where no file names others.
const SPECIAL: [(&str, &str); 5] = [
    ("unk_token", "[UNK]"),
    ("sep_token", "[SEP]"),
    ("pad_token", "[PAD]"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];

/// Those of them that a classifier does without.
const NEEDLESS: [&str; 2] = ["pad_token", "mask_token"];

impl Tokenizer {
    /// From the files of a checkpoint, as `transformers` reads them.
    ///
    /// `transformers` 5 builds a BERT tokenizer anew from the pieces of `tokenizer.json` or `vocab.txt`, the settings of
    /// `tokenizer_config.json`, or their defaults where that is missing, and the added tokens of all its files, whatever
    /// normaliser `tokenizer.json` has (4 replaced the normaliser likewise): so where they contradict each other, the others
    /// are right, and a note says so. A `tokenizer_class` that is none of BERT's leaves `tokenizer.json` as it is. Source:
    /// `tokenization_utils_base.py`, `tokenization_utils_tokenizers.py` and `tokenization_bert.py` of 5.24.
    ///
    /// # Errors
    /// When there is neither `tokenizer.json` nor `vocab.txt`, the class is one whose ids cannot be made here, a file is not
    /// readable, or as [`Tokenizer::from_json`].
    pub fn from_files(files: &TokenizerFiles<'_>, vocab_size: usize) -> Result<OpenedTokenizer> {
        open(files, vocab_size)
    }

    /// From a `vocab.txt` with one piece a line, as BERT's original release has it, and `tokenizer_config.json`.
    ///
    /// # Errors
    /// As [`Tokenizer::from_files`].
    pub fn from_vocabulary(vocabulary: &[u8], config: Option<&[u8]>, vocab_size: usize) -> Result<Self> {
        let files = TokenizerFiles { vocabulary: Some(vocabulary), config, ..TokenizerFiles::default() };
        Ok(Self::from_files(&files, vocab_size)?.tokenizer)
    }
}

fn open(files: &TokenizerFiles<'_>, vocab_size: usize) -> Result<OpenedTokenizer> {
    if let (Some(json), true, None) = (files.json, files.are_our_own, files.config) {
        let tokenizer = Tokenizer::from_json(json, vocab_size)?;
        return Ok(OpenedTokenizer { tokenizer, notes: Vec::new(), is_rebuilt: false });
    }
    if files.json.is_none() && files.vocabulary.is_none() {
        return Err(Error::Tokenizer("expected tokenizer.json or vocab.txt, got neither".into()));
    }
    let config = TokenizerConfig::parse(files.config)?;
    let class = config.class(files.model_class)?;
    require_json(class, files)?;
    config.refuse_unsupported()?;
    let mut opened = if let Some(json) = files.json {
        from_json(json, files, &config, class, vocab_size)?
    } else {
        from_vocabulary(files.vocabulary.unwrap_or_default(), files, &config, vocab_size)?
    };
    if let Some(side) = config.truncation_side()?
        && side != opened.tokenizer.truncation_side
    {
        opened.tokenizer.truncation_side = side;
        opened.is_rebuilt = true;
    }
    if opened.tokenizer.truncation_side == TruncationSide::Left {
        opened
            .notes
            .push("texts that are too long lose their beginning, as the tokenizer's truncation_side says".into());
    }
    opened.notes.extend(config.notes(class));
    Ok(opened)
}

fn from_json(
    json: &[u8],
    files: &TokenizerFiles<'_>,
    config: &TokenizerConfig,
    class: Class<'_>,
    vocab_size: usize,
) -> Result<OpenedTokenizer> {
    let as_it_is = Tokenizer::from_json(json, vocab_size);
    let unchanged =
        |tokenizer: Result<Tokenizer>, notes| Ok(OpenedTokenizer { tokenizer: tokenizer?, notes, is_rebuilt: false });
    let Ok(file) = serde_json::from_slice::<Value>(json) else { return unchanged(as_it_is, Vec::new()) };
    let kind = file.pointer("/model/type").and_then(Value::as_str).unwrap_or("WordPiece");
    let pieces = pieces_of(&file);
    match (class, &pieces) {
        (Class::Bert, Some(pieces)) if kind == "WordPiece" => {
            let added = AddedTokens::of(files, config.fields(), Some(&file))?;
            let built = Built::new(pieces, added, config, vocab_size)?;
            let Some(differences) = built.differences(&file, as_it_is.as_ref().ok())? else {
                return unchanged(as_it_is, Vec::new());
            };
            let says =
                if files.config.is_some() { "tokenizer_config.json" } else { "a BERT without tokenizer_config.json" };
            let Differences { settings, tokens } = differences;
            let what = if settings.is_empty() {
                "the files beside tokenizer.json change its tokens and are followed".to_owned()
            } else {
                format!("tokenizer.json and {says} contradict each other; the latter is followed")
            };
            let note = format!("{what}, as transformers 5 does: it {}", [settings, tokens].concat().join(", "));
            let tokenizer = Tokenizer::from_json(built.over(&file).to_string().as_bytes(), vocab_size)?;
            Ok(OpenedTokenizer { tokenizer, notes: vec![note], is_rebuilt: true })
        }
        (Class::Bert, _) => {
            let note = (kind != "WordPiece").then(|| {
                format!("tokenizer.json has pieces of the kind {kind}, not BERT's WordPiece: it is taken as it is")
            });
            with_more_tokens(&file, as_it_is, files, config, note, vocab_size)
        }
        (Class::Generic, _) => with_more_tokens(&file, as_it_is, files, config, None, vocab_size),
        (Class::Other(class), _) => {
            let note = format!("tokenizer_class is {class}, which is not known here: tokenizer.json is taken as it is");
            with_more_tokens(&file, as_it_is, files, config, Some(note), vocab_size)
        }
    }
}

/// The pieces of a `tokenizer.json` with their ids, which `Unigram` lists in order with a score each.
fn pieces_of(file: &Value) -> Option<Cow<'_, Map<String, Value>>> {
    match file.pointer("/model/vocab")? {
        Value::Object(pieces) => Some(Cow::Borrowed(pieces)),
        Value::Array(pieces) => {
            let piece = |piece: &Value| piece.get(0).unwrap_or(piece).as_str().map(str::to_owned);
            let numbered = pieces.iter().enumerate().map(|(id, value)| Some((piece(value)?, Value::from(id))));
            numbered.collect::<Option<_>>().map(Cow::Owned)
        }
        _ => None,
    }
}

/// `tokenizer.json` as it is, and the tokens that the other files add to it.
fn with_more_tokens(
    file: &Value,
    as_it_is: Result<Tokenizer>,
    files: &TokenizerFiles<'_>,
    config: &TokenizerConfig,
    note: Option<String>,
    vocab_size: usize,
) -> Result<OpenedTokenizer> {
    let mut notes: Vec<String> = note.into_iter().collect();
    let present = added_tokens::of_json(file)?;
    let more = AddedTokens::of(files, config.fields(), Some(file))?.in_order(&present);
    let Some(pieces) = pieces_of(file).filter(|_| !more.is_empty()) else {
        return Ok(OpenedTokenizer { tokenizer: as_it_is?, notes, is_rebuilt: false });
    };
    let names: Vec<String> = more.iter().map(|token| token.content.clone()).collect();
    notes.push(format!("the files beside tokenizer.json add tokens to it: {}", listed(&names, "and")));
    let tokens: Vec<AddedToken> = present.into_iter().chain(more).collect();
    let mut file = file.clone();
    file["added_tokens"] = added_tokens::to_json(&in_vocabulary(&tokens, &pieces));
    let tokenizer = Tokenizer::from_json(file.to_string().as_bytes(), vocab_size)?;
    Ok(OpenedTokenizer { tokenizer, notes, is_rebuilt: true })
}

fn from_vocabulary(
    vocabulary: &[u8],
    files: &TokenizerFiles<'_>,
    config: &TokenizerConfig,
    vocab_size: usize,
) -> Result<OpenedTokenizer> {
    if let Some(reason) = git_lfs::pointer(vocabulary) {
        return Err(Error::Tokenizer(format!("vocab.txt: {reason}")));
    }
    let text = std::str::from_utf8(vocabulary)
        .map_err(|e| Error::Tokenizer(format!("vocab.txt is not UTF-8 at byte {}", e.valid_up_to())))?;
    // Of a piece that is there twice the last line counts, and blanks behind a piece do not, as in `tokenizers`.
    let pieces: Map<String, Value> =
        text.lines().enumerate().map(|(id, piece)| (piece.trim_end().to_owned(), Value::from(id))).collect();
    let n_starts = pieces.keys().filter(|piece| piece.starts_with(WORD_START)).count();
    if n_starts * 10 > pieces.len() && !pieces.keys().any(|piece| piece.starts_with("##")) {
        return Err(Error::Tokenizer(format!(
            "vocab.txt has pieces of SentencePiece ({n_starts} begin with {WORD_START}, none with ##), which is not BERT's \
             WordPiece: expected tokenizer.json beside it, as AutoTokenizer's save_pretrained writes it"
        )));
    }
    let added = AddedTokens::of(files, config.fields(), None)?;
    let built = Built::new(&pieces, added, config, vocab_size)?;
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "vocab": pieces},
    });
    let tokenizer = Tokenizer::from_json(built.over(&file).to_string().as_bytes(), vocab_size)?;
    Ok(OpenedTokenizer { tokenizer, notes: Vec::new(), is_rebuilt: false })
}

/// What a tokenizer does otherwise than a `tokenizer.json`, in words.
struct Differences {
    settings: Vec<String>,
    tokens: Vec<String>,
}

/// The parts of a BERT tokenizer that `transformers` builds.
struct Built {
    normalizer: BertNormalizer,
    unknown: String,
    /// The tokens around a text, with their ids.
    around: [(String, u32); 2],
    added: Vec<(u32, AddedToken)>,
}

impl Built {
    fn new(
        pieces: &Map<String, Value>,
        mut added: AddedTokens,
        config: &TokenizerConfig,
        vocab_size: usize,
    ) -> Result<Self> {
        for (name, token) in SPECIAL {
            added.set_default(name, token);
        }
        let unknown = added.name_of("unk_token", "[UNK]");
        let mut numbered = in_vocabulary(&added.in_order(&[]), pieces);
        // Without an embedding they can only be met in a text, which is then split like any other.
        let is_needless = |token: &AddedToken| NEEDLESS.iter().any(|name| added.name_of(name, "") == token.content);
        numbered.retain(|(id, token)| (*id as usize) < vocab_size || !is_needless(token));
        let id = |name: &str, usual: &str| {
            let token = added.name_of(name, usual);
            let id = numbered.iter().find(|(_, added)| added.content == token).map(|(id, _)| *id);
            match id.filter(|id| (*id as usize) < vocab_size) {
                Some(id) => Ok((token, id)),
                None => Err(Error::Tokenizer(format!("the vocabulary (vocab.txt) has no line {token}, the {name}"))),
            }
        };
        if !pieces.contains_key(&unknown) {
            return Err(Error::Tokenizer(format!("the vocabulary (vocab.txt) has no line {unknown}, the unk_token")));
        }
        let around = [id("cls_token", "[CLS]")?, id("sep_token", "[SEP]")?];
        Ok(Self { normalizer: config.normalizer()?, unknown, around, added: numbered })
    }

    /// The tokenizer with these parts and the pieces of `file`.
    fn over(&self, file: &Value) -> Value {
        let [(cls, cls_id), (sep, sep_id)] = &self.around;
        let mut file = file.clone();
        file["normalizer"] = self.normalizer.to_json();
        file["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
        file["post_processor"] = json!({"type": "BertProcessing", "sep": [sep, sep_id], "cls": [cls, cls_id]});
        file["added_tokens"] = added_tokens::to_json(&self.added);
        let vocabulary = file["model"]["vocab"].take();
        file["model"] = json!({"type": "WordPiece", "unk_token": self.unknown, "continuing_subword_prefix": "##",
                               "max_input_chars_per_word": 100, "vocab": vocabulary});
        file
    }

    /// What it does otherwise than `file`, which is `as_it_is`; none where nothing is.
    fn differences(&self, file: &Value, as_it_is: Option<&Tokenizer>) -> Result<Option<Differences>> {
        let mut settings = match BertNormalizer::of(file) {
            Some(there) => self.normalizer.differences(there),
            None => vec!["has BERT's normaliser".to_owned()],
        };
        if file.pointer("/pre_tokenizer/type").is_none_or(|kind| kind != "BertPreTokenizer") {
            settings.push("splits words as BERT does".into());
        }
        let model = |field: &str| file.pointer(&format!("/model/{field}"));
        let has_own_pieces = model("unk_token").is_some_and(|token| *token != self.unknown)
            || model("continuing_subword_prefix").is_some_and(|prefix| prefix != "##")
            || model("max_input_chars_per_word").is_some_and(|n| *n != 100);
        if has_own_pieces {
            settings.push(format!(
                "cuts words of up to 100 letters into pieces with ##, or makes {} of them",
                self.unknown
            ));
        }
        let [(cls, cls_id), (sep, sep_id)] = &self.around;
        // What cannot be read as it is may still be read with BERT's parts.
        let inputs = [Input::from(""), Input { text: "", text_pair: Some("") }];
        let is_of_bert = |rows: Vec<Encoded>| {
            let ids = rows.iter().map(|row| row.ids.clone());
            ids.eq([vec![*cls_id, *sep_id], vec![*cls_id, *sep_id, *sep_id]]) && rows[1].n_second == 1
        };
        let rows = as_it_is.map(|tokenizer| tokenizer.encode_inputs(&inputs, 5));
        if !rows.is_some_and(|rows| rows.is_ok_and(is_of_bert)) {
            settings.push(format!("puts {cls} and {sep} around a text"));
        }
        let tokens = self.differences_of_tokens(file)?;
        Ok((!settings.is_empty() || !tokens.is_empty()).then_some(Differences { settings, tokens }))
    }

    fn differences_of_tokens(&self, file: &Value) -> Result<Vec<String>> {
        let pieces = pieces_of(file).unwrap_or_default();
        let there = in_vocabulary(&added_tokens::of_json(file)?, &pieces);
        let quoted =
            |tokens: Vec<&str>| listed(&tokens.iter().map(|token| format!("{token:?}")).collect::<Vec<_>>(), "and");
        let only_in = |these: &[(u32, AddedToken)], others: &[(u32, AddedToken)]| {
            let is_there = |token: &AddedToken| others.iter().any(|(_, other)| other.content == token.content);
            let only = these.iter().filter(|(_, token)| !is_there(token)).map(|(_, token)| &*token.content);
            let only: Vec<&str> = only.collect();
            (!only.is_empty()).then(|| quoted(only))
        };
        let changed = self.added.iter().filter(|(id, token)| {
            there.iter().any(|(other_id, other)| other.content == token.content && (other_id != id || other != token))
        });
        let changed: Vec<&str> = changed.map(|(_, token)| &*token.content).collect();
        let more = only_in(&self.added, &there).map(|tokens| format!("adds {tokens} to the pieces"));
        let fewer = only_in(&there, &self.added).map(|tokens| format!("does not add {tokens} to the pieces"));
        let changed = (!changed.is_empty()).then(|| format!("looks for {} otherwise", quoted(changed)));
        Ok([more, fewer, changed].into_iter().flatten().collect())
    }
}
