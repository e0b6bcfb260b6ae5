//! Labelled texts: from bytes to splits, and from token ids to batches.
//!
//! Invariants: nothing here depends on the order of a hash map, on a clock or on a file system; every random choice
//! comes from a [`Seed`] through streams of its own, so the same bytes and seed give the same splits, subsets and
//! batches everywhere. A row is never dropped without being counted.

mod batch;
mod columns;
mod csv;
mod delimiter;
mod error;
mod example;
mod format;
mod json;
mod label_cell;
mod label_names;
mod label_scheme;
mod lines;
mod order;
mod report;
mod rows;
mod split;
mod split_name;
mod tsv;

use serde::{Deserialize, Serialize};

pub use batch::{Batch, EncodedExample};
pub use columns::{ColumnChoice, Columns, IsPair, RowText};
pub use csv::read_csv;
pub use delimiter::Delimiter;
pub use error::{BadRow, BadRowReason, DatasetError, Place};
pub use example::{Example, Split, content_hash};
pub use format::{
    Endings, FileFormat, FileKind, Format, FormatEntry, Packing, ReadBytes, Reader, endings, unpacked_endings,
};
pub use json::{read_json, read_json_lines};
pub use label_cell::LabelCell;
pub use label_names::{ClassMatch, are_generic, class_places, default_label_names, match_classes, parse_label_names};
pub use label_scheme::{Encoded, Known, LabelRange, LabelScheme, Labelling};
pub use lines::names_in_words;
pub use order::{Grouping, epoch_batches, evaluation_batches};
pub use report::{DatasetReport, Overlap, SplitReport, TextCount};
pub use rows::{MAX_TEXT_BYTES, OnBadRow, ParsedRows, RawRow, RawTable, Rows, Skipped, assemble};
pub use split::{CarveOut, Carved, carve_out, limit, stratified_sample};
pub use split_name::{SplitName, split_of_word};
pub use tsv::{parse_tsv, read_tsv};

use crate::random::Seed;

/// The most rows to take of each split; `None` takes all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// For [`Split::Train`].
    pub train: Option<usize>,
    /// For [`Split::Validation`].
    pub validation: Option<usize>,
    /// For [`Split::Test`].
    pub test: Option<usize>,
}

impl Limits {
    /// The limit of one split.
    #[must_use]
    pub fn of(&self, split: Split) -> Option<usize> {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// A text-classification dataset. A split without rows is one that does not exist.
///
/// ```
/// use shared::dataset::{Dataset, Example, Limits};
/// use shared::random::Seed;
///
/// let row = |text: &str, label| Example::of_one_text(text.to_owned(), label);
/// let train = vec![row("good", 1), row("fine", 1), row("bad", 0), row("awful", 0)];
/// let names = vec!["negative".to_owned(), "positive".to_owned()];
/// let dataset = Dataset::new("toy".to_owned(), names, train, vec![], vec![row("good", 1)])?;
/// assert_eq!(dataset.report.splits[0].class_counts, [2, 2]);
/// assert!(dataset.warnings()[0].contains("whose text is also in")); // "good" is in train and test
///
/// let limits = Limits { train: Some(2), ..Limits::default() };
/// let smaller = dataset.limited(&limits, Seed(0), Seed(0))?;
/// assert_eq!(smaller.report.splits[0].class_counts, [1, 1]); // a row of each class
/// # Ok::<(), shared::dataset::DatasetError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What the user calls it.
    pub name: String,
    /// Class names by label id.
    pub label_names: Vec<String>,
    /// Rows of [`Split::Train`].
    pub train: Vec<Example>,
    /// Rows of [`Split::Validation`].
    pub validation: Vec<Example>,
    /// Rows of [`Split::Test`].
    pub test: Vec<Example>,
    /// Class counts, duplicates, overlaps and contradictions of exactly these rows.
    pub report: DatasetReport,
}

impl Dataset {
    /// Puts splits together and counts what a reader of the results has to know about them.
    ///
    /// # Errors
    /// When there are fewer than two classes, or a label has no name.
    pub fn new(
        name: String,
        label_names: Vec<String>,
        train: Vec<Example>,
        validation: Vec<Example>,
        test: Vec<Example>,
    ) -> Result<Self, DatasetError> {
        if label_names.len() < 2 {
            return Err(DatasetError::TooFewClasses { name, got: label_names.len() });
        }
        for (split, rows) in Split::ALL.into_iter().zip([&train, &validation, &test]) {
            if let Some(example) = rows.iter().find(|example| example.label as usize >= label_names.len()) {
                return Err(DatasetError::LabelWithoutName {
                    name,
                    split,
                    label: example.label,
                    n_labels: label_names.len(),
                });
            }
        }
        let report = DatasetReport::new(label_names.len(), &[&train, &validation, &test]);
        Ok(Self { name, label_names, train, validation, test, report })
    }

    /// What a reader of results should know about the rows, as sentences, the harmless zeros left out.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.report.warnings(&self.label_names)
    }

    /// The rows of one split.
    #[must_use]
    pub fn split(&self, split: Split) -> &[Example] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The same dataset with at most so many rows a split, chosen by [`limit`], and its report counted anew. The rows of
    /// train are chosen by `train`, those of validation and test by `split`, which runs share so that all are judged on
    /// the same rows.
    ///
    /// # Errors
    /// When a limit is 0.
    pub fn limited(mut self, limits: &Limits, train: Seed, split: Seed) -> Result<Self, DatasetError> {
        if *limits == Limits::default() {
            return Ok(self);
        }
        if let Some(split) = Split::ALL.into_iter().find(|&split| limits.of(split) == Some(0)) {
            return Err(DatasetError::ZeroLimit { split });
        }
        let seeds = [train, split, split];
        let rows = [&mut self.train, &mut self.validation, &mut self.test];
        for ((split, rows), seed) in Split::ALL.into_iter().zip(rows).zip(seeds) {
            if let Some(n) = limits.of(split) {
                *rows = limit(std::mem::take(rows), n, seed, split);
            }
        }
        self.report = DatasetReport::new(self.label_names.len(), &[&self.train, &self.validation, &self.test]);
        Ok(self)
    }

    /// The same rows with the class ids of others, such as a model's, and what was decided on the way. Classes are matched
    /// by [`match_classes`]; `of` says whose names they are.
    ///
    /// # Errors
    /// When they are other classes.
    pub fn matched_with(mut self, names: &[String], of: &str) -> Result<(Self, Option<String>), DatasetError> {
        let (places, note) = class_places((&format!("dataset {}", self.name), &self.label_names), (of, names))?;
        if note.is_none() {
            return Ok((self, None));
        }
        for example in self.train.iter_mut().chain(&mut self.validation).chain(&mut self.test) {
            example.label = places[example.label as usize] as u32;
        }
        let matched = Self::new(self.name, names.to_vec(), self.train, self.validation, self.test)?;
        Ok((matched, note))
    }

    /// SHA-256 in hex over the rows of every split, independent of the files they came from.
    ///
    /// For each split in the order of [`Split::ALL`] it reads the split's name, its number of rows (u64) and each
    /// row's label (u32) and text, every string behind its length in bytes (u64), all numbers little-endian. The
    /// class names are left out: they change no result.
    #[must_use]
    pub fn content_hash(&self) -> String {
        content_hash(Split::ALL.into_iter().map(|split| (split.name(), self.split(split))))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `n` rows with distinct texts whose labels go round `0..n_labels`.
    pub(crate) fn examples(n: usize, n_labels: u32) -> Vec<Example> {
        (0..n as u32).map(|i| Example::of_one_text(format!("text {i}"), i % n_labels)).collect()
    }

    fn names(n: usize) -> Vec<String> {
        default_label_names(n)
    }

    #[test]
    fn limits_shorten_each_split_and_its_report() {
        let dataset = Dataset::new("toy".into(), names(2), examples(40, 2), examples(20, 2), examples(10, 2)).unwrap();
        let limits = Limits { train: Some(10), validation: None, test: Some(99) };
        let limited = dataset.clone().limited(&limits, Seed(1), Seed(0)).unwrap();
        assert_eq!((limited.train.len(), limited.validation.len(), limited.test.len()), (10, 20, 10));
        assert_eq!(limited.report.splits[0].class_counts, [5, 5]);
        assert_ne!(limited.content_hash(), dataset.content_hash());
        let zero = Limits { test: Some(0), ..Limits::default() };
        assert_eq!(
            dataset.limited(&zero, Seed(1), Seed(0)).unwrap_err().to_string(),
            "the limit of test rows is 0: expected at least 1"
        );
    }

    #[test]
    fn a_dataset_needs_two_classes_and_a_name_for_each_label() {
        let one = Dataset::new("toy".into(), names(1), examples(4, 1), vec![], vec![]).unwrap_err();
        assert_eq!(one.to_string(), "dataset \"toy\": expected at least two classes, got 1");
        let unnamed = Dataset::new("toy".into(), names(2), examples(4, 2), vec![], examples(4, 3)).unwrap_err();
        assert_eq!(unnamed.to_string(), "dataset \"toy\", test: expected labels 0 to 1, got 2");
    }

    #[test]
    fn a_dataset_takes_a_models_order_of_classes_by_name() {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let dataset = Dataset::new("toy".into(), names(["pos", "neg"]), vec![], vec![], examples(4, 2)).unwrap();
        let labels = |dataset: &Dataset| dataset.test.iter().map(|row| row.label).collect::<Vec<_>>();
        let (matched, note) = dataset.clone().matched_with(&names(["NEG", "POS"]), "model m").unwrap();
        assert_eq!((labels(&matched), &matched.label_names), (vec![1, 0, 1, 0], &names(["NEG", "POS"])));
        let expected = "model m calls the classes NEG, POS, dataset toy pos, neg: they are matched by name";
        assert_eq!(note.as_deref(), Some(expected));
        let (numbered, note) = dataset.clone().matched_with(&default_label_names(2), "model m").unwrap();
        assert_eq!(labels(&numbered), labels(&dataset));
        assert!(note.unwrap().ends_with("matched by number, since one of them has no names"));
        assert_eq!(dataset.clone().matched_with(&names(["pos", "neg"]), "model m").unwrap(), (dataset.clone(), None));
        let error = dataset.matched_with(&names(["yes", "no"]), "model m").unwrap_err().to_string();
        assert!(error.starts_with("dataset toy has the classes pos, neg, model m has yes, no: expected"), "{error}");
    }

    #[test]
    fn content_hash_sees_label_text_and_split_but_not_the_name() {
        let hash = |train: Vec<Example>, test: Vec<Example>| {
            Dataset::new("a".into(), names(3), train, vec![], test).unwrap().content_hash()
        };
        let base = hash(examples(4, 2), examples(2, 2));
        assert_eq!(base.len(), 64);
        let renamed = Dataset::new("b".into(), names(2), examples(4, 2), vec![], examples(2, 2)).unwrap();
        assert_eq!(renamed.content_hash(), base);
        let mut relabelled = examples(4, 2);
        relabelled[0].label = 2;
        let mut retyped = examples(4, 2);
        retyped[0].text.push('.');
        let moved = hash(examples(4, 2).split_off(1), [examples(2, 2), examples(1, 1)].concat());
        assert!([hash(relabelled, examples(2, 2)), hash(retyped, examples(2, 2)), moved].iter().all(|h| *h != base));
    }
}
