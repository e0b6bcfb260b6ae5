//! What a reader of results has to know about the rows: class counts, duplicates, leaks between splits, contradictions.
//!
//! Two texts are the same `exact`ly when their bytes are, and `normalised` when they are after lower-casing and without
//! white space and punctuation: SST-2 has 5 texts with both labels by the first measure and 157 by the second.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lines::names_in_words;
use super::{Example, Split};

/// A count under each of the two meanings of "the same text"; see the module's docs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCount {
    /// Same bytes.
    pub exact: usize,
    /// Same but for case, white space and punctuation, that of ASCII and of Unicode's General Punctuation; other symbols
    /// such as emoji count. Texts of nothing but punctuation are all the same.
    pub normalised: usize,
}

/// Counts within one split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReport {
    /// Which.
    pub split: Split,
    /// Rows.
    pub n_rows: usize,
    /// Rows by label id.
    pub class_counts: Vec<usize>,
    /// Rows whose text stands in an earlier row of the split too.
    pub duplicate_rows: TextCount,
    /// Texts that occur with more than one label within the split.
    pub conflicting_texts: TextCount,
}

/// Rows of one split that another one has too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The split whose rows are counted, each as often as it stands there.
    pub rows_of: Split,
    /// The split that has their texts too.
    pub also_in: Split,
    /// How many rows.
    pub n_rows: TextCount,
}

/// Counts over a whole dataset; splits without rows are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetReport {
    /// In the order of [`Split::ALL`].
    pub splits: Vec<SplitReport>,
    /// Validation in train, test in train, test in validation.
    pub overlaps: Vec<Overlap>,
    /// Texts that occur with more than one label anywhere.
    pub conflicting_texts: TextCount,
}

impl DatasetReport {
    /// Counts the rows of the splits of [`Split::ALL`], whose labels are below `n_labels`.
    pub(super) fn new(n_labels: usize, rows: &[&[Example]; 3]) -> Self {
        let keyed: Vec<(Split, KeyedRows)> = Split::ALL
            .into_iter()
            .zip(rows)
            .filter(|(_, examples)| !examples.is_empty())
            .map(|(split, examples)| (split, KeyedRows::new(n_labels, examples)))
            .collect();

        let splits = keyed
            .iter()
            .map(|(split, rows)| SplitReport {
                split: *split,
                n_rows: rows.class_counts.iter().sum(),
                class_counts: rows.class_counts.clone(),
                duplicate_rows: rows.count(n_duplicates),
                conflicting_texts: rows.count(n_conflicting),
            })
            .collect();

        let mut overlaps = Vec::new();
        for (i, (also_in, earlier)) in keyed.iter().enumerate() {
            for (rows_of, later) in &keyed[i + 1..] {
                let n_rows = TextCount {
                    exact: n_rows_also_in(&later.exact, &earlier.exact),
                    normalised: n_rows_also_in(&later.normalised, &earlier.normalised),
                };
                overlaps.push(Overlap { rows_of: *rows_of, also_in: *also_in, n_rows });
            }
        }

        let everything = KeyedRows {
            exact: merged(keyed.iter().map(|(_, rows)| rows.exact.as_slice())),
            normalised: merged(keyed.iter().map(|(_, rows)| rows.normalised.as_slice())),
            class_counts: Vec::new(),
        };
        Self { splits, overlaps, conflicting_texts: everything.count(n_conflicting) }
    }

    /// Everything but the class counts as sentences, the harmless zeros left out.
    pub(super) fn warnings(&self, label_names: &[String]) -> Vec<String> {
        let mut sentences = Vec::new();
        for overlap in &self.overlaps {
            if let Some(count) = overlap.n_rows.describe() {
                sentences
                    .push(format!("rows of {} whose text is also in {}: {count}", overlap.rows_of, overlap.also_in));
            }
        }
        for report in &self.splits {
            if let Some(count) = report.duplicate_rows.describe() {
                sentences.push(format!("rows of {} that repeat an earlier text of it: {count}", report.split));
            }
            let counted = report.class_counts.iter().zip(label_names);
            let without: Vec<String> = counted.filter(|(n, _)| **n == 0).map(|(_, name)| name.clone()).collect();
            if !without.is_empty() {
                let (n, n_classes, names) = (without.len(), label_names.len(), names_in_words(&without));
                sentences.push(format!("{} has no row of {n} of the {n_classes} classes: {names}", report.split));
            }
        }
        if let Some(count) = self.conflicting_texts.describe() {
            sentences.push(format!("texts with more than one label: {count}"));
        }
        sentences
    }
}

impl TextCount {
    fn describe(self) -> Option<String> {
        (self != Self::default())
            .then(|| format!("{} exactly, {} but for case, spacing and punctuation", self.exact, self.normalised))
    }
}

/// A digest of a text and the label it has. 16 bytes keep a chance collision below 1e-27 for a million texts.
type Keyed = ([u8; 16], u32);

/// The rows of a split under both meanings of "the same text", sorted.
struct KeyedRows {
    exact: Vec<Keyed>,
    normalised: Vec<Keyed>,
    class_counts: Vec<usize>,
}

impl KeyedRows {
    fn new(n_labels: usize, examples: &[Example]) -> Self {
        let mut class_counts = vec![0; n_labels];
        for example in examples {
            class_counts[example.label as usize] += 1;
        }
        let sorted = |key: fn(&str) -> [u8; 16]| {
            let of_row = |row: &Example| match &row.text_pair {
                None => key(&row.text),
                // A text has no digest of this form, since it is hashed without it.
                Some(text_pair) => exact_key(&format!("{:x?}\0{:x?}", key(&row.text), key(text_pair))),
            };
            let mut rows: Vec<Keyed> = examples.iter().map(|row| (of_row(row), row.label)).collect();
            rows.sort_unstable();
            rows
        };
        Self { exact: sorted(exact_key), normalised: sorted(normalised_key), class_counts }
    }

    fn count(&self, of: fn(&[Keyed]) -> usize) -> TextCount {
        TextCount { exact: of(&self.exact), normalised: of(&self.normalised) }
    }
}

fn exact_key(text: &str) -> [u8; 16] {
    first_half(Sha256::digest(text.as_bytes()).into())
}

fn normalised_key(text: &str) -> [u8; 16] {
    let is_left_out = |character: &char| {
        character.is_whitespace() || character.is_ascii_punctuation() || ('\u{2000}'..='\u{206F}').contains(character)
    };
    let normalised: String =
        text.chars().filter(|character| !is_left_out(character)).flat_map(char::to_lowercase).collect();
    exact_key(&normalised)
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|i| digest[i])
}

fn merged<'a>(parts: impl Iterator<Item = &'a [Keyed]>) -> Vec<Keyed> {
    let mut rows: Vec<Keyed> = parts.flatten().copied().collect();
    rows.sort_unstable();
    rows
}

/// Runs of rows with the same text.
fn by_text(rows: &[Keyed]) -> impl Iterator<Item = &[Keyed]> {
    rows.chunk_by(|a, b| a.0 == b.0)
}

fn n_duplicates(rows: &[Keyed]) -> usize {
    rows.len() - by_text(rows).count()
}

fn n_conflicting(rows: &[Keyed]) -> usize {
    by_text(rows).filter(|same| same.iter().any(|row| row.1 != same[0].1)).count()
}

fn n_rows_also_in(rows: &[Keyed], others: &[Keyed]) -> usize {
    by_text(rows)
        .filter(|same| others.binary_search_by(|other| other.0.cmp(&same[0].0)).is_ok())
        .map(<[Keyed]>::len)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(u32, &str)]) -> Vec<Example> {
        pairs.iter().map(|&(label, text)| Example::of_one_text(text.to_owned(), label)).collect()
    }

    fn count(exact: usize, normalised: usize) -> TextCount {
        TextCount { exact, normalised }
    }

    #[test]
    fn duplicates_overlaps_and_contradictions_are_counted_both_ways() {
        let train = rows(&[(0, "a film"), (0, "a film"), (1, "A film!"), (1, "..."), (0, "\u{1F44D}")]);
        let validation = rows(&[(0, "A  FILM"), (1, "other")]);
        let test = rows(&[(0, "a film"), (0, "a film"), (0, "“Other.”"), (0, "...")]);
        let report = DatasetReport::new(3, &[&train, &validation, &test]);

        assert_eq!(report.splits[0].class_counts, [3, 2, 0]);
        assert_eq!(report.splits[0].duplicate_rows, count(1, 2));
        assert_eq!(report.splits[0].conflicting_texts, count(0, 1));
        assert_eq!(report.splits[1].duplicate_rows, count(0, 0));
        let overlaps: Vec<_> = report.overlaps.iter().map(|o| (o.rows_of, o.also_in, o.n_rows)).collect();
        assert_eq!(
            overlaps,
            [
                (Split::Validation, Split::Train, count(0, 1)),
                (Split::Test, Split::Train, count(3, 3)),
                (Split::Test, Split::Validation, count(0, 3)),
            ]
        );
        // "..." has label 1 in train and 0 in test; "a film" and "other" disagree only when normalised.
        assert_eq!(report.conflicting_texts, count(1, 3));
    }

    #[test]
    fn absent_splits_are_left_out_and_clean_data_gives_no_warning() {
        let report = DatasetReport::new(2, &[&rows(&[(0, "a"), (1, "b")]), &[], &rows(&[(1, "c"), (0, "d")])]);
        assert_eq!(report.splits.iter().map(|split| split.split).collect::<Vec<_>>(), [Split::Train, Split::Test]);
        let names = ["bad", "good", "so-so"].map(str::to_owned);
        assert_eq!(report.warnings(&names[..2]), Vec::<String>::new());
        let leaky = DatasetReport::new(3, &[&rows(&[(0, "a"), (1, "b")]), &[], &rows(&[(0, "A"), (0, "c")])]);
        assert_eq!(
            leaky.warnings(&names),
            [
                "rows of test whose text is also in train: 0 exactly, 1 but for case, spacing and punctuation",
                "train has no row of 1 of the 3 classes: so-so",
                "test has no row of 2 of the 3 classes: good, so-so"
            ]
        );
    }
}
