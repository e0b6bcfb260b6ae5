//! BERT's normaliser.

use serde::Deserialize;
use serde_json::{Value, json};

/// As `tokenizer.json` has it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct BertNormalizer {
    #[serde(default = "yes")]
    pub(super) clean_text: bool,
    #[serde(default = "yes")]
    pub(super) handle_chinese_chars: bool,
    pub(super) strip_accents: Option<bool>,
    #[serde(default = "yes")]
    pub(super) lowercase: bool,
}

fn yes() -> bool {
    true
}

impl BertNormalizer {
    /// The normaliser of a tokenizer, if it is BERT's.
    pub(super) fn of(tokenizer: &Value) -> Option<Self> {
        let normalizer = tokenizer.get("normalizer")?;
        (normalizer.get("type")? == "BertNormalizer").then(|| Self::deserialize(normalizer).ok()).flatten()
    }

    pub(super) fn to_json(self) -> Value {
        json!({"type": "BertNormalizer", "clean_text": self.clean_text, "lowercase": self.lowercase,
               "handle_chinese_chars": self.handle_chinese_chars, "strip_accents": self.strip_accents})
    }

    /// Accents go with upper case where nothing is said of them, as in BERT's original code.
    fn strips_accents(self) -> bool {
        self.strip_accents.unwrap_or(self.lowercase)
    }

    /// What `self` does to a text that `other` does not, and the reverse, in words; empty where both do the same.
    pub(super) fn differences(self, other: Self) -> Vec<String> {
        [
            ("lower-cases", self.lowercase, other.lowercase),
            ("strips accents", self.strips_accents(), other.strips_accents()),
            ("splits Chinese characters", self.handle_chinese_chars, other.handle_chinese_chars),
            ("removes control characters", self.clean_text, other.clean_text),
        ]
        .into_iter()
        .filter(|(_, here, there)| here != there)
        .map(|(what, here, _)| if here { what.to_owned() } else { format!("does not: {what}") })
        .collect()
    }
}
