//! A row of a dataset and the split it is in, and hashes of what they say, whatever file they were read from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tokenizer::Input;

/// Stands before the second text of a pair in hashes, so that no text hashes like a pair.
const NEVER_IN_UTF_8: u8 = 0xFF;

/// One text, or a pair of texts, with its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The text as it stands in the file, leading and trailing spaces included; the first of a pair.
    pub text: String,
    /// The second text of a pair, such as the hypothesis to a premise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
    /// The class, an index into [`Dataset::label_names`](super::Dataset::label_names).
    pub label: u32,
}

impl Example {
    /// One text without a second.
    #[must_use]
    pub fn of_one_text(text: String, label: u32) -> Self {
        Self { text, text_pair: None, label }
    }

    /// Sixteen hex digits that name the row in predictions, so that runs can be paired and checked without the texts.
    ///
    /// Equal rows have equal hashes; a row's place is not part of it.
    #[must_use]
    pub fn row_hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.label.to_le_bytes());
        hasher.update(self.text.as_bytes());
        if let Some(text_pair) = &self.text_pair {
            hasher.update([NEVER_IN_UTF_8]);
            hasher.update(text_pair.as_bytes());
        }
        hex::encode(&hasher.finalize()[..8])
    }

    /// The text, and the second of a pair.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.text.as_str()).chain(self.text_pair.as_deref())
    }

    /// What the tokenizer reads of the row.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        Input { text: &self.text, text_pair: self.text_pair.as_deref() }
    }

    /// What is shown of the row: the text, or both of a pair with the token between them that the model reads there.
    #[must_use]
    pub fn in_words(&self) -> Cow<'_, str> {
        match &self.text_pair {
            None => Cow::Borrowed(&self.text),
            Some(text_pair) => Cow::Owned(format!("{} [SEP] {text_pair}", self.text)),
        }
    }
}

/// A part of a dataset, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Rows that gradients are computed on.
    Train,
    /// Rows to look at while developing.
    Validation,
    /// Rows to report on.
    Test,
}

impl Split {
    /// All splits, in the order of reports and hashes.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The name used in files and records: `train`, `validation` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The hash of splits by name, in the order of [`Split::ALL`]; see [`super::Dataset::content_hash`].
#[must_use]
pub fn content_hash<'a>(splits: impl Iterator<Item = (&'static str, &'a [Example])>) -> String {
    let mut hasher = Sha256::new();
    for (name, examples) in splits {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update((examples.len() as u64).to_le_bytes());
        for example in examples {
            hasher.update(example.label.to_le_bytes());
            hasher.update((example.text.len() as u64).to_le_bytes());
            hasher.update(example.text.as_bytes());
            if let Some(text_pair) = &example.text_pair {
                hasher.update([NEVER_IN_UTF_8]);
                hasher.update((text_pair.len() as u64).to_le_bytes());
                hasher.update(text_pair.as_bytes());
            }
        }
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hashlib.sha256(struct.pack("<I", 3) + "a café".encode()).hexdigest()[:16]`
    #[test]
    fn row_hash_equals_pythons() {
        let row = |text_pair: Option<&str>, label| Example {
            text: "a café".to_owned(),
            text_pair: text_pair.map(str::to_owned),
            label,
        };
        assert_eq!(row(None, 3).row_hash(), "ed21ea03b14db7fe");
        assert_ne!(row(None, 3).row_hash(), row(None, 2).row_hash());
        // `hashlib.sha256(struct.pack("<I", 3) + "a café".encode() + b"\xff" + b"b").hexdigest()[:16]`
        assert_eq!(row(Some("b"), 3).row_hash(), "9737adff51bf2fde");
        assert_ne!(row(Some(""), 3).row_hash(), row(None, 3).row_hash());
    }

    /// Computed with Python's `hashlib` and `struct` from the layout in the docs of `Dataset::content_hash`.
    #[test]
    fn content_hash_equals_pythons() {
        let train = [Example::of_one_text("a café".to_owned(), 3), Example::of_one_text("b".to_owned(), 0)];
        let splits: [(&'static str, &[Example]); 3] = [("train", &train), ("validation", &[]), ("test", &train[1..])];
        assert_eq!(
            content_hash(splits.into_iter()),
            "977dda4cbfd8f01f74efa8e4eec5be3aff96a8d5405488169e7dea7507450594"
        );
    }
}
