//! Labelled texts: to heal with, and to judge on.

use crate::failure::{Failure, computation};
use crate::protocol::{Accuracy, RowCounts};
use shared::dataset::{
    ColumnChoice, DatasetError, Delimiter, EncodedExample, Example, FileKind, Known, Labelling, OnBadRow, Packing,
    RawTable, ReadBytes, Reader, Rows as TableRows, Split, assemble, class_places, content_hash, read_json,
    stratified_sample, unpacked_endings,
};
use shared::random::Seed;
use shared::statistics::{Interval, wilson};
use shared::tokenizer::{Input, Tokenizer};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The share of a visitor's table that is held out.
const HELD_OUT_SHARE: f64 = 0.2;

/// Held-out rows at most: a thousand tell 3 points apart, and are judged in seconds.
const MAX_HELD_OUT: usize = 1_000;

/// The file with class names in the order of the labels of the tables beside it.
pub(super) const LABELS_FILE: &str = "labels.txt";

/// Token ids and classes of rows.
type Encoded = Arc<Vec<EncodedExample>>;

/// Labelled texts; token ids are made when they are first needed.
pub(super) struct Rows {
    train: Vec<Example>,
    held_out: Vec<Example>,
    /// What to call them.
    name: Option<String>,
    hash: OnceCell<String>,
    encoded_train: OnceCell<Encoded>,
    encoded_held_out: OnceCell<Encoded>,
}

impl Rows {
    /// Rows whose parts are known.
    pub(super) fn new(train: Vec<Example>, held_out: Vec<Example>) -> Self {
        let (encoded_train, encoded_held_out) = (OnceCell::new(), OnceCell::new());
        Self { train, held_out, name: None, hash: OnceCell::new(), encoded_train, encoded_held_out }
    }

    /// The same by a name.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// What they are called, where they have a name.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// SHA-256 (hex) of the rows, those to judge on as the split `test`; made when it is first asked for.
    pub(super) fn content_hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let rows = |split: Split| match split {
                Split::Train => self.train.as_slice(),
                Split::Validation => &[],
                Split::Test => self.held_out.as_slice(),
            };
            content_hash(Split::ALL.into_iter().map(|split| (split.name(), rows(split))))
        })
    }

    /// Reads a visitor's table, holds a fifth of it out, stratified and always the same, and keeps no text in both.
    /// Labels are ids or class names: of the names that are `declared` beside the table, which are matched with the model's by
    /// name, else of the model's. Also returns what was guessed and left out, as a sentence.
    ///
    /// # Errors
    /// [`Failure::WrongFile`] when it is no table of texts and labels of this model.
    pub(super) fn read(
        file: &str,
        bytes: &[u8],
        labels: &[String],
        declared: Option<&[String]>,
    ) -> Result<(Self, Option<String>), Failure> {
        let wrong = |reason: String| Failure::wrong_file(file, &reason);
        let read = match FileKind::of(file) {
            Some((FileKind { format, packing: Packing::None }, _)) => match format.entry().reader {
                Reader::Bytes(read) => read,
                Reader::File(_) => {
                    let name = format.entry().name;
                    return Err(wrong(format!("a page cannot read {name}: expected {}", unpacked_endings())));
                }
            },
            Some(_) => return Err(wrong(format!("it is packed: expected {}", unpacked_endings()))),
            // Other names say nothing of what is in the file, which may well be JSON.
            None => read_json,
        };
        let table = read_separated(read, file, bytes).map_err(|error| wrong(error.to_string()))?;
        let column = table.columns.label.clone().unwrap_or_default();
        let cells = table.rows.iter().map(|row| &row.label);
        let known = declared.map_or(Known::Model(labels), Known::Declared);
        let labelling = Labelling::decide(file, &column, cells, known).map_err(|error| wrong(error.to_string()))?;
        let separated = table
            .columns
            .delimiter
            .map(|delimiter| format!("{file}: its columns are separated by a {}, and were read so", delimiter.name()));
        let mut notes: Vec<String> = [separated, table.note.clone(), labelling.note].into_iter().flatten().collect();
        let parsed = assemble(file, table, &labelling.scheme, OnBadRow::Skip)
            .map_err(|error| wrong(format!("{error}; this model's classes are {}", labels.join(", "))))?;
        let TableRows::Labelled(mut examples) = parsed.rows else {
            return Err(wrong("its rows have no labels (all are −1)".to_owned()));
        };
        if let Some(declared) = declared {
            let places = class_places((LABELS_FILE, declared), ("the model", labels));
            let (places, note) = places.map_err(|error| wrong(error.to_string()))?;
            notes.extend(note);
            for example in &mut examples {
                example.label = places[example.label as usize] as u32;
            }
        }
        let (rows, n_double) = Self::split(examples);
        if rows.train.is_empty() || rows.held_out.is_empty() {
            return Err(wrong(
                "it needs at least two different texts: one to heal with and one to judge on".to_owned(),
            ));
        }
        let skipped = &parsed.skipped;
        let mut left_out = Vec::new();
        if let Some(first) = skipped.first.first() {
            left_out.push(format!("{} rows that cannot be used (the first: {first})", skipped.n_rows));
        }
        if n_double > 0 {
            left_out.push(format!("{n_double} rows whose text is there twice"));
        }
        if !left_out.is_empty() {
            notes.push(format!("{file}: left out {}", left_out.join(" and ")));
        }
        Ok((rows, (!notes.is_empty()).then(|| notes.join(". "))))
    }

    /// The rows, and how many were left out since their text was there before.
    fn split(examples: Vec<Example>) -> (Self, usize) {
        let mut texts = BTreeSet::new();
        let n_before = examples.len();
        let examples: Vec<Example> =
            examples.into_iter().filter(|example| texts.insert(example.in_words().into_owned())).collect();
        let n_double = n_before - examples.len();
        let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
        let n = ((examples.len() as f64 * HELD_OUT_SHARE).round() as usize).clamp(1, MAX_HELD_OUT);
        let mut chosen = stratified_sample(&labels, n, Seed(0), "page/held-out").into_iter().peekable();
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for (at, example) in examples.into_iter().enumerate() {
            if chosen.next_if_eq(&at).is_some() { held_out.push(example) } else { train.push(example) }
        }
        (Self::new(train, held_out), n_double)
    }

    pub(super) fn counts(&self) -> RowCounts {
        RowCounts { n_train: self.train.len(), n_held_out: self.held_out.len() }
    }

    /// The held-out texts.
    pub(super) fn held_out_texts(&self) -> &[Example] {
        &self.held_out
    }

    /// The share of held-out rows in the most frequent class.
    pub(super) fn majority_share(&self, n_labels: usize) -> f64 {
        let count = |label| self.held_out.iter().filter(|row| row.label as usize == label).count();
        (0..n_labels).map(count).max().unwrap_or_default() as f64 / self.held_out.len().max(1) as f64
    }

    /// Names of the held-out rows.
    pub(super) fn held_out_hashes(&self) -> Vec<String> {
        self.held_out.iter().map(Example::row_hash).collect()
    }

    /// Rows to heal with, as the models read them.
    pub(super) fn train(&self, tokenizer: &Tokenizer, max_length: usize) -> Result<Encoded, Failure> {
        encoded(&self.encoded_train, &self.train, tokenizer, max_length)
    }

    /// Rows to judge on, as the models read them.
    pub(super) fn held_out(&self, tokenizer: &Tokenizer, max_length: usize) -> Result<Encoded, Failure> {
        encoded(&self.encoded_held_out, &self.held_out, tokenizer, max_length)
    }
}

/// Reads a table; where its header has none of the columns but something else than a comma separates it, as spreadsheets
/// write where the comma is in decimals, once more by that.
fn read_separated(read: ReadBytes, file: &str, bytes: &[u8]) -> Result<RawTable, DatasetError> {
    read(file, bytes, &ColumnChoice::default()).or_else(|error| match error {
        DatasetError::Delimiter { .. } => {
            let choice = ColumnChoice { delimiter: Some(Delimiter::of_header(bytes)), ..ColumnChoice::default() };
            read(file, bytes, &choice)
        }
        error => Err(error),
    })
}

/// Token ids of the rows, made when they are first asked for: the tokenizer is that of the model they came for.
fn encoded(
    cell: &OnceCell<Encoded>,
    rows: &[Example],
    tokenizer: &Tokenizer,
    max_length: usize,
) -> Result<Encoded, Failure> {
    if let Some(encoded) = cell.get() {
        return Ok(Arc::clone(encoded));
    }
    let inputs: Vec<Input<'_>> = rows.iter().map(Example::input).collect();
    let ids = tokenizer.encode_inputs(&inputs, max_length).map_err(|e| computation(&e))?;
    let examples = ids.into_iter().zip(rows).map(|(ids, row)| EncodedExample::new(ids, row.label));
    let encoded = Arc::new(examples.collect());
    Ok(Arc::clone(cell.get_or_init(|| encoded)))
}

/// A share with its interval; `n` must not be 0.
pub(super) fn accuracy(n_correct: usize, n: usize) -> Option<Accuracy> {
    let estimate = wilson(n_correct as u64, n as u64, 0.95).ok()?;
    let Interval { low, high, .. } = estimate.interval;
    Some(Accuracy { n, n_non_finite: 0, value: estimate.value, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn labels() -> Vec<String> {
        ["bad", "good"].map(str::to_owned).to_vec()
    }

    fn file(rows: &str) -> String {
        format!("label\ttext\n{rows}")
    }

    fn table(n: usize) -> String {
        let row = |i| format!("{}\ttext number {i}\n", 1 - i % 2);
        (0..n).map(row).collect()
    }

    #[wasm_bindgen_test]
    fn a_fifth_is_held_out_by_class_and_always_the_same() {
        let (rows, note) = Rows::read("rows.tsv", file(&table(50)).as_bytes(), &labels(), None).unwrap();
        assert_eq!(rows.counts(), RowCounts { n_train: 40, n_held_out: 10 });
        let note = note.unwrap();
        assert_eq!(note, "rows.tsv: the labels are taken as the numbers of the classes: 0 bad, 1 good");
        assert_eq!(rows.held_out.iter().filter(|row| row.label == 1).count(), 5);
        assert!((rows.majority_share(2) - 0.5).abs() < 1e-12);
        let (again, _) = Rows::read("rows.tsv", file(&table(50)).as_bytes(), &labels(), None).unwrap();
        assert_eq!(rows.held_out, again.held_out);
    }

    #[wasm_bindgen_test]
    fn no_text_is_in_both_parts_and_what_is_left_out_is_told() {
        let bytes = file(&format!("{0}{0}great\tnot a class\n", table(20)));
        let (rows, note) = Rows::read("rows.tsv", bytes.as_bytes(), &labels(), None).unwrap();
        assert_eq!(rows.counts(), RowCounts { n_train: 16, n_held_out: 4 });
        let note = note.unwrap();
        assert!(note.contains("rows.tsv: left out 1 rows that cannot be used"), "{note}");
        assert!(note.ends_with("and 20 rows whose text is there twice"), "{note}");
    }

    #[wasm_bindgen_test]
    fn classes_are_matched_by_name_whatever_their_order_beside_the_table() {
        let read = |table: &str, declared: [&str; 2]| {
            let declared = declared.map(str::to_owned);
            Rows::read("rows.csv", table.as_bytes(), &labels(), Some(&declared))
        };
        let ids: Vec<String> = (0..10).map(|i| format!("text {i},{}\n", i % 2)).collect();
        for (declared, of_even) in [(["bad", "good"], 0), (["good", "bad"], 1), (["GOOD", "BAD"], 1)] {
            let (rows, note) = read(&format!("text,label\n{}", ids.concat()), declared).unwrap();
            let is_right = |row: &Example| {
                let is_even = row.text.ends_with(['0', '2', '4', '6', '8']);
                row.label == if is_even { of_even } else { 1 - of_even }
            };
            assert!(rows.train.iter().chain(&rows.held_out).all(is_right), "{declared:?}");
            assert_eq!(note.is_some_and(|note| note.ends_with("matched by name")), declared != ["bad", "good"]);
        }
        let Err(Failure::WrongFile { reason, .. }) = read("text,label\na,0\nb,1\n", ["cat", "dog"]) else { panic!() };
        assert!(reason.starts_with("labels.txt has the classes cat, dog, the model has bad, good"), "{reason}");
    }

    #[wasm_bindgen_test]
    fn columns_may_be_separated_as_a_spreadsheet_writes_them_and_that_is_told() {
        for (separator, name) in [(';', "semicolon"), ('\t', "tab"), ('|', "bar")] {
            let row = |i: usize| format!("{}{separator}\"text, number {i}\"\r\n", ["bad", "good"][i % 2]);
            let table = format!("\u{feff}label{separator}text\r\n{}", (0..10).map(row).collect::<String>());
            let (rows, note) = Rows::read("rows.csv", table.as_bytes(), &labels(), None).unwrap();
            assert_eq!(rows.counts(), RowCounts { n_train: 8, n_held_out: 2 }, "{name}");
            assert!(rows.train.iter().all(|row| row.text.starts_with("text, number ")), "{name}");
            let note = note.unwrap();
            assert!(
                note.starts_with(&format!("rows.csv: its columns are separated by a {name}, and were read so")),
                "{note}"
            );
        }
        // The file's name once, and one full stop.
        let Err(failure) = Rows::read("rows.csv", b"colour;size\nred;4\n", &labels(), None) else { panic!() };
        let said = failure.to_string();
        assert!(
            said.starts_with("rows.csv cannot be used: expected a column") && said.matches("rows.csv").count() == 1
        );
        assert!(!said.ends_with(".."), "{said}");
    }

    #[wasm_bindgen_test]
    fn every_format_is_read_and_what_is_no_table_is_refused() {
        let csv = "label,text\n1,fine\n0,awful\n1,so so\n";
        let json = r#"[{"text": "fine", "label": "good"}, {"text": "awful", "label": "bad"}]"#;
        let lines = "{\"text\": \"fine\", \"label\": 1}\n{\"text\": \"awful\", \"label\": 0}\n";
        for (file, text) in [("a.csv", csv), ("a.json", json), ("a.jsonl", lines)] {
            assert!(Rows::read(file, text.as_bytes(), &labels(), None).is_ok(), "{file}");
        }
        for (file, text) in [
            ("a.csv", "colour,size\nred,4\n"),
            ("a.json", "{"),
            ("a.tsv", "label\ttext\n7\tfine\n8\tawful\n"),
            ("a.csv.gz", csv),
            ("a.parquet", csv),
        ] {
            let Err(Failure::WrongFile { file: named, .. }) = Rows::read(file, text.as_bytes(), &labels(), None) else {
                panic!("{file} was read")
            };
            assert_eq!(named, file);
        }
        let Err(Failure::WrongFile { reason, .. }) = Rows::read("a.tsv", b"label\ttext\n1\tfine\n", &labels(), None)
        else {
            panic!()
        };
        assert!(reason.starts_with("it needs at least two different texts"), "{reason}");
    }
}
