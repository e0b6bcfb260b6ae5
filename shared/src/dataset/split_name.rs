//! The words for a split in names of files, folders and splits: one table for folders, the hub and the page.

use super::Split;

/// The words for each split, as Hugging Face's `datasets` knows them (`datasets.data_files.SPLIT_KEYWORDS`); capital letters
/// do not matter.
const WORDS: [(Split, &[&str]); 3] = [
    (Split::Train, &["train", "training"]),
    (Split::Validation, &["validation", "valid", "val", "dev"]),
    (Split::Test, &["test", "testing", "eval", "evaluation"]),
];

/// The split of that name.
#[must_use]
pub fn split_of_word(word: &str) -> Option<Split> {
    let is_word = |(_, words): &&(Split, &[&str])| words.iter().any(|other| other.eq_ignore_ascii_case(word));
    WORDS.iter().find(is_word).map(|(split, _)| *split)
}

/// What a name without its endings says of the split that is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SplitName {
    /// It is the split's name: `train`, `Val`.
    Whole(Split),
    /// The split is a word of it: `test_data`, `my-train.v2`.
    Word(Split),
}

impl SplitName {
    /// Reads the name of a file or folder without its path and the endings of its format. A name with the words of two
    /// splits says nothing.
    ///
    /// ```
    /// use shared::dataset::{Split, SplitName};
    /// assert_eq!(SplitName::of("DEV"), Some(SplitName::Whole(Split::Validation)));
    /// assert_eq!(SplitName::of("test_data"), Some(SplitName::Word(Split::Test)));
    /// assert_eq!(SplitName::of("train_test"), None);
    /// assert_eq!(SplitName::of("latest"), None);
    /// ```
    #[must_use]
    pub fn of(stem: &str) -> Option<Self> {
        if let Some(split) = split_of_word(stem) {
            return Some(Self::Whole(split));
        }
        let mut splits = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(split_of_word);
        let first = splits.next()?;
        splits.all(|other| other == first).then_some(Self::Word(first))
    }

    /// The split.
    #[must_use]
    pub fn split(self) -> Split {
        match self {
            Self::Whole(split) | Self::Word(split) => split,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_split_is_its_name_in_any_letters() {
        for (split, words) in WORDS {
            for word in words {
                for name in [(*word).to_owned(), word.to_uppercase(), word[..1].to_uppercase() + &word[1..]] {
                    assert_eq!(SplitName::of(&name), Some(SplitName::Whole(split)), "{name}");
                    assert_eq!(SplitName::of(&format!("my.{name}_2")), Some(SplitName::Word(split)), "{name}");
                }
            }
        }
        for name in ["contest", "training_and_test", "evaluate", "values", "deval", ""] {
            assert_eq!(SplitName::of(name), None, "{name}");
        }
    }
}
