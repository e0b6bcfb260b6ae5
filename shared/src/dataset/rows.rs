//! From cells as they stand in a file to examples: one judgement for every format.
//!
//! A reader of a format turns a file into [`RawRow`]s; how labels are meant is decided over the rows of train
//! ([`LabelScheme::of`]); [`assemble`] then judges every row and counts what it leaves out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::excerpt;
use super::{BadRow, BadRowReason, ColumnChoice, Columns, DatasetError, Example, LabelCell, Place};

/// The highest label that is believed when no file says how many classes there are, and so one below the most classes
/// that are.
const HIGHEST_UNNAMED_LABEL: u32 = 9_999;

/// Bad rows that are described when all are skipped; the others are only counted.
const N_DESCRIBED: usize = 5;

/// The longest text that is believed to be one, in bytes: five times *War and Peace*.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// What to do with a row that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    /// Give up, naming the first.
    #[default]
    Refuse,
    /// Go on without it, and count.
    Skip,
}

/// Which labels are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRange {
    /// `0..n`, since that many classes are known.
    Below(usize),
    /// Not known: any label up to 9,999, above which it is more likely a wrong column than a class.
    Unknown,
}

/// One row of a file before its label is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    /// Where it is.
    pub place: Place,
    /// Its label.
    pub label: LabelCell,
    /// Its text.
    pub text: String,
}

/// The rows of one file before their labels are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTable {
    /// The columns that were read, by name: the choice to make for further files of the same data.
    pub columns: ColumnChoice,
    /// What was guessed, as a sentence.
    pub note: Option<String>,
    /// Class names that the file itself carries.
    pub label_names: Option<Vec<String>>,
    /// Those with label and text, in file order.
    pub rows: Vec<RawRow>,
    /// The others, which take no memory however many they are.
    pub bad: Skipped,
}

impl RawTable {
    /// A table of these columns without rows.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        Self {
            columns: columns.names,
            note: columns.note,
            label_names: None,
            rows: Vec::new(),
            bad: Skipped::default(),
        }
    }

    /// Adds the next row, or counts it as bad.
    pub fn push(&mut self, place: Place, cells: Result<(LabelCell, String), BadRowReason>) {
        match cells {
            Ok((label, text)) => self.rows.push(RawRow { place, label, text }),
            Err(reason) => self.bad.push(place, reason),
        }
    }
}

/// How labels are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelScheme {
    /// A label is the id of a class.
    Ids(LabelRange),
    /// A label is the name of a class, whose id is its place among these.
    Names(Vec<String>),
}

impl LabelScheme {
    /// Decides by the rows of train how labels are meant: as ids or as names, whichever more of them can be; as ids when
    /// both are equally many. Names that are not `known` are those found, sorted.
    ///
    /// # Errors
    /// When there are more than 10,000 different names, which is more likely a wrong column.
    pub fn of<'a>(
        file: &str,
        rows: &(impl Iterator<Item = &'a RawRow> + Clone),
        known: Option<&[String]>,
    ) -> Result<Self, DatasetError> {
        let labels = || rows.clone().map(|row| &row.label);
        let n_ids = |below: i64| {
            labels().filter(|label| matches!(label, LabelCell::Integer(id) if (0..below).contains(id))).count()
        };
        let Some(known) = known else {
            let names: BTreeSet<&str> = labels()
                .filter_map(|label| match label {
                    LabelCell::Name(name) => Some(name.as_str()),
                    LabelCell::Integer(_) => None,
                })
                .collect();
            let n_names = labels().filter(|label| matches!(label, LabelCell::Name(_))).count();
            if n_names <= n_ids(i64::MAX) {
                return Ok(Self::Ids(LabelRange::Unknown));
            }
            if names.len() > HIGHEST_UNNAMED_LABEL as usize + 1 {
                return Err(DatasetError::TooManyNames { file: file.to_owned(), got: names.len() });
            }
            return Ok(Self::Names(names.into_iter().map(str::to_owned).collect()));
        };
        let n_named = labels().filter(|label| label.position(known).is_some()).count();
        Ok(if n_named > n_ids(known.len() as i64) {
            Self::Names(known.to_vec())
        } else {
            Self::Ids(LabelRange::Below(known.len()))
        })
    }
}

/// The rows of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Texts with their classes, in file order.
    Labelled(Vec<Example>),
    /// Every row has the label −1, as in GLUE's public test files: there is nothing to compare with.
    Unlabelled {
        /// The number of rows.
        n_rows: usize,
    },
}

/// Rows that were left out as bad.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub n_rows: usize,
    /// The first five.
    pub first: Vec<BadRow>,
}

impl Skipped {
    pub(super) fn push(&mut self, place: Place, reason: BadRowReason) {
        self.n_rows += 1;
        if self.first.len() < N_DESCRIBED {
            self.first.push(BadRow { place, reason });
        }
    }

    /// Counts rows of the same file together.
    fn merge(&mut self, other: Self) {
        self.n_rows += other.n_rows;
        self.first.extend(other.first);
        self.first.sort_by_key(|row| row.place);
        self.first.truncate(N_DESCRIBED);
    }
}

/// One file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedRows {
    /// What could be used.
    pub rows: Rows,
    /// What could not; empty under [`OnBadRow::Refuse`].
    pub skipped: Skipped,
}

/// Judges the rows of a table; `file` is what messages call it.
///
/// # Errors
/// When no row can be used; under [`OnBadRow::Refuse`] also when any row is bad.
pub fn assemble(
    file: &str,
    table: RawTable,
    labels: &LabelScheme,
    on_bad_row: OnBadRow,
) -> Result<ParsedRows, DatasetError> {
    let mut examples = Vec::new();
    // Rows labelled −1 are bad only if the file has any other label.
    let mut unlabelled = Skipped::default();
    let mut bad = Skipped::default();
    for RawRow { place, label, text } in table.rows {
        match judge(&label, text, labels) {
            Ok(example) => examples.push(example),
            Err(reason) if reason.is_unlabelled() => unlabelled.push(place, reason),
            Err(reason) => bad.push(place, reason),
        }
    }
    bad.merge(table.bad);
    let n_unlabelled = unlabelled.n_rows;
    let all_unlabelled = examples.is_empty() && n_unlabelled > 0;
    if !all_unlabelled {
        bad.merge(unlabelled);
    }

    if let (OnBadRow::Refuse, Some(row)) = (on_bad_row, bad.first.first()) {
        return Err(DatasetError::BadRow { file: file.to_owned(), row: row.clone(), n_more: bad.n_rows - 1 });
    }
    let rows = if all_unlabelled {
        Rows::Unlabelled { n_rows: n_unlabelled }
    } else if examples.is_empty() {
        return Err(DatasetError::NoRows { file: file.to_owned(), n_bad: bad.n_rows });
    } else {
        Rows::Labelled(examples)
    };
    Ok(ParsedRows { rows, skipped: bad })
}

fn judge(label: &LabelCell, text: String, labels: &LabelScheme) -> Result<Example, BadRowReason> {
    if text.trim().is_empty() {
        return Err(BadRowReason::EmptyText);
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(BadRowReason::TextTooLong { got: text.len(), max: MAX_TEXT_BYTES });
    }
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        return Err(BadRowReason::Nul { byte: at + 1 });
    }
    let label = match (labels, label) {
        (LabelScheme::Ids(range), LabelCell::Integer(id)) => {
            let highest = match range {
                LabelRange::Below(n_labels) => (*n_labels as u32).saturating_sub(1),
                LabelRange::Unknown => HIGHEST_UNNAMED_LABEL,
            };
            u32::try_from(*id)
                .ok()
                .filter(|id| *id <= highest)
                .ok_or(BadRowReason::LabelOutOfRange { got: *id, highest })?
        }
        (LabelScheme::Ids(_), LabelCell::Name(name)) => {
            return Err(BadRowReason::LabelNotAnInteger { got: excerpt(name.as_bytes()) });
        }
        (LabelScheme::Names(names), label) => {
            label.position(names).ok_or_else(|| BadRowReason::unknown_name(label, names))? as u32
        }
    };
    Ok(Example { text, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: impl IntoIterator<Item = (LabelCell, String)>) -> RawTable {
        let names = ColumnChoice::default();
        let mut table = RawTable::new(Columns { text: Vec::new(), label: 0, names, note: None });
        for (i, cells) in rows.into_iter().enumerate() {
            table.push(Place::Row(i + 1), Ok(cells));
        }
        table
    }

    fn labelled(labels: &[&str]) -> RawTable {
        table(labels.iter().map(|label| (LabelCell::from_text(label), "a text".to_owned())))
    }

    fn scheme(labels: &[&str], known: Option<&[&str]>) -> LabelScheme {
        let known: Option<Vec<String>> = known.map(|names| names.iter().map(ToString::to_string).collect());
        LabelScheme::of("toy.csv", &labelled(labels).rows.iter(), known.as_deref()).unwrap()
    }

    fn names(names: &[&str]) -> LabelScheme {
        LabelScheme::Names(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn labels_are_ids_or_names_by_what_most_rows_can_be() {
        assert_eq!(scheme(&["0", "1", "x"], None), LabelScheme::Ids(LabelRange::Unknown));
        assert_eq!(scheme(&["good", "bad", "good", "3"], None), names(&["bad", "good"]));
        assert_eq!(scheme(&["1", "0"], Some(&["bad", "good"])), LabelScheme::Ids(LabelRange::Below(2)));
        assert_eq!(scheme(&["good", "bad"], Some(&["good", "bad"])), names(&["good", "bad"]));
        assert_eq!(scheme(&["-1", "-1"], None), LabelScheme::Ids(LabelRange::Unknown));
    }

    /// Stars: the names are whole numbers themselves.
    #[test]
    fn names_that_are_numbers_are_told_from_ids_by_the_labels_that_occur() {
        let stars = ["1", "2", "3"];
        assert_eq!(scheme(&["1", "2", "3"], Some(&stars)), names(&stars));
        assert_eq!(scheme(&["0", "1", "2"], Some(&stars)), LabelScheme::Ids(LabelRange::Below(3)));
    }

    #[test]
    fn a_name_that_train_has_not_is_bad_and_minus_one_is_no_name() {
        let judged =
            |labels: &[&str]| assemble("toy.csv", labelled(labels), &names(&["bad", "good"]), OnBadRow::Refuse);
        assert_eq!(
            judged(&["good", "bed"]).unwrap_err().to_string(),
            "toy.csv, row 2: expected a class name (bad, good), got \"bed\""
        );
        assert_eq!(judged(&["-1", "-1"]).unwrap().rows, Rows::Unlabelled { n_rows: 2 });
    }

    #[test]
    fn a_text_with_a_nul_byte_or_of_absurd_length_is_bad() {
        let judged = |text: String| {
            let table = table([(LabelCell::Integer(0), text)]);
            let scheme = LabelScheme::Ids(LabelRange::Unknown);
            assemble("toy.csv", table, &scheme, OnBadRow::Refuse).unwrap_err().to_string()
        };
        assert_eq!(judged("a\0b".into()), "toy.csv, row 1: expected text, got a NUL byte as byte 2 of it");
        assert_eq!(
            judged("x".repeat(MAX_TEXT_BYTES + 1)),
            "toy.csv, row 1: expected a text of at most 16777216 bytes, got 16777217"
        );
    }

    #[test]
    fn a_column_of_texts_is_not_taken_for_class_names() {
        let labels: Vec<String> = (0..=10_000).map(|i| format!("sentence {i}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let error = LabelScheme::of("toy.csv", &labelled(&labels).rows.iter(), None).unwrap_err().to_string();
        assert_eq!(error, "toy.csv: expected at most 10000 different labels, got 10001: is it the right column?");
    }
}
