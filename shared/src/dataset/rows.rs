//! From cells as they stand in a file to examples: one judgement for every format.
//!
//! A reader of a format turns a file into [`RawRow`]s; how labels are meant is decided over the rows of train
//! ([`Labelling::decide`](super::Labelling::decide)); [`assemble`] then judges every row and counts what it leaves out.

use serde::{Deserialize, Serialize};

use super::label_cell::ClassIndex;
use super::label_scheme::HIGHEST_UNNAMED_LABEL;
use super::lines::excerpt;
use super::{
    BadRow, BadRowReason, ColumnChoice, Columns, DatasetError, Example, LabelCell, LabelRange, LabelScheme, Place,
    RowText,
};

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

/// One row of a file before its label is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    /// Where it is.
    pub place: Place,
    /// Its label.
    pub label: LabelCell,
    /// Its text; the first of a pair.
    pub text: String,
    /// The second text of a pair.
    pub text_pair: Option<String>,
}

/// The rows of one file before their labels are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTable {
    /// The columns that were read, by name: the choice to make for further files of the same data.
    pub columns: ColumnChoice,
    /// What was guessed, as a sentence.
    pub note: Option<String>,
    /// Class names that the file itself carries, in the order of the ids that its labels are.
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
    pub fn push(&mut self, place: Place, cells: Result<(LabelCell, impl Into<RowText>), BadRowReason>) {
        match cells {
            Ok((label, texts)) => {
                let RowText { text, text_pair } = texts.into();
                self.rows.push(RawRow { place, label, text, text_pair });
            }
            Err(reason) => self.bad.push(place, reason),
        }
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
    let judge = Judge::new(labels, table.columns.label.as_deref().unwrap_or_default());
    for RawRow { place, label, text, text_pair } in table.rows {
        match judge.judge(&label, text, text_pair) {
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

/// A label scheme, ready to look labels up.
struct Judge<'a> {
    labels: &'a LabelScheme,
    index: Option<ClassIndex<'a>>,
    /// The column of the label, for messages.
    column: &'a str,
}

impl<'a> Judge<'a> {
    fn new(labels: &'a LabelScheme, column: &'a str) -> Self {
        let index = match labels {
            LabelScheme::Names(names) => Some(ClassIndex::new(names)),
            LabelScheme::Ids(_) | LabelScheme::Encoded(_) => None,
        };
        Self { labels, index, column }
    }

    fn judge(&self, label: &LabelCell, text: String, text_pair: Option<String>) -> Result<Example, BadRowReason> {
        for text in [Some(&text), text_pair.as_ref()].into_iter().flatten() {
            if text.trim().is_empty() {
                return Err(BadRowReason::EmptyText);
            }
            if text.len() > MAX_TEXT_BYTES {
                return Err(BadRowReason::TextTooLong { got: text.len(), max: MAX_TEXT_BYTES });
            }
            if let Some(at) = text.bytes().position(|byte| byte == 0) {
                return Err(BadRowReason::Nul { byte: at + 1 });
            }
        }
        Ok(Example { text, text_pair, label: self.class(label)? })
    }

    fn class(&self, label: &LabelCell) -> Result<u32, BadRowReason> {
        let within = |highest: u32| {
            let id = label.whole().ok_or_else(|| self.no_number(label))?;
            let found = u32::try_from(id).ok().filter(|id| *id <= highest);
            found.ok_or(BadRowReason::LabelOutOfRange { got: id, highest })
        };
        match (self.labels, &self.index) {
            (LabelScheme::Ids(LabelRange::Unknown), _) => within(HIGHEST_UNNAMED_LABEL),
            (LabelScheme::Ids(LabelRange::Below(n_labels)), _) => within((*n_labels as u32).saturating_sub(1)),
            (LabelScheme::Encoded(encoded), _) => {
                let id = within((encoded.own.len() as u32).saturating_sub(1))? as usize;
                let unknown = || BadRowReason::unknown_name(&LabelCell::Name(encoded.own[id].clone()), &encoded.names);
                Ok(encoded.classes[id].ok_or_else(unknown)? as u32)
            }
            (LabelScheme::Names(names), index) => match index.as_ref().and_then(|index| index.position(label)) {
                Some(class) => Ok(class as u32),
                None if label.is_missing() => Err(self.missing(label)),
                None => Err(BadRowReason::unknown_name(label, names)),
            },
        }
    }

    /// Why a label is no id.
    fn no_number(&self, label: &LabelCell) -> BadRowReason {
        let got = excerpt(label.written().as_bytes());
        if label.is_missing() {
            self.missing(label)
        } else if label.is_fraction() {
            BadRowReason::LabelIsAFraction { got }
        } else {
            BadRowReason::LabelNotAnInteger { got }
        }
    }

    fn missing(&self, label: &LabelCell) -> BadRowReason {
        BadRowReason::missing_label(self.column, excerpt(label.written().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: impl IntoIterator<Item = (LabelCell, String)>) -> RawTable {
        let names = ColumnChoice::default();
        let mut table = RawTable::new(Columns { text: Vec::new(), text_pair: None, label: 0, names, note: None });
        for (i, cells) in rows.into_iter().enumerate() {
            table.push(Place::Row(i + 1), Ok(cells));
        }
        table
    }

    fn labelled(labels: &[&str]) -> RawTable {
        table(labels.iter().map(|label| (LabelCell::from_text(label).unwrap(), "a text".to_owned())))
    }

    fn names(names: &[&str]) -> LabelScheme {
        LabelScheme::Names(names.iter().map(ToString::to_string).collect())
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
}
