//! The files of a checkpoint that decide its token ids, and what one of them says of cutting.

use serde::Deserialize;

/// The files of a checkpoint that decide its token ids; at least one of the first two is needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`.
    pub json: Option<&'a [u8]>,
    /// `vocab.txt`, which is heeded without a `tokenizer.json`.
    pub vocabulary: Option<&'a [u8]>,
    /// `tokenizer_config.json`.
    pub config: Option<&'a [u8]>,
    /// `added_tokens.json`, heeded where `tokenizer_config.json` lists no added tokens.
    pub added_tokens: Option<&'a [u8]>,
    /// `special_tokens_map.json`, heeded likewise.
    pub special_tokens_map: Option<&'a [u8]>,
    /// `tokenizer_class` of the model's `config.json`, heeded where `tokenizer_config.json` names none.
    pub model_class: Option<&'a str>,
    /// Whether this program wrote them: then a `tokenizer.json` without a `tokenizer_config.json`, as older versions left
    /// it, is all there is to say.
    pub are_our_own: bool,
}

/// Where a text that is too long is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TruncationSide {
    /// Its beginning goes.
    Left,
    /// Its end goes.
    Right,
}

impl TruncationSide {
    /// What `tokenizer.json` says of it; the length that it may carry is replaced.
    pub(super) fn of_json(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct File {
            truncation: Option<Truncation>,
        }
        #[derive(Deserialize)]
        struct Truncation {
            direction: Option<String>,
        }
        let direction = serde_json::from_slice::<File>(bytes).ok().and_then(|file| file.truncation?.direction);
        if direction.as_deref() == Some("Left") { Self::Left } else { Self::Right }
    }
}
