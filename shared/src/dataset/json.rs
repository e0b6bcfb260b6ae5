//! JSON: one object a line, or one array of objects. Every object is a row, its keys are columns.
//!
//! The columns are those of the first object. Empty lines and a byte order mark are tolerated; nesting is bounded by
//! `serde_json`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lines::lines;
use super::rows::{RawTable, Skipped};
use super::{BadRowReason, ColumnChoice, DatasetError, IsPair, LabelCell, Place, RowText};

/// Reads JSON that is one array of objects or one object a line, by its first character; see [`read_json_lines`].
///
/// # Errors
/// As for lines, and when the array is not JSON from end to end.
pub fn read_json(file: &str, bytes: &[u8], choice: &ColumnChoice) -> Result<RawTable, DatasetError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        return read_json_lines(file, bytes, choice);
    }
    let syntax = |got: String| DatasetError::Syntax { file: file.to_owned(), expected: "an array of objects", got };
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        return Err(syntax(format!("bytes that are not UTF-8 on line {line}")));
    }
    let mut rows = Incoming::new(file, choice);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer.deserialize_seq(ArrayVisitor(&mut rows)).and_then(|()| deserializer.end());
    match (rows.error.take(), read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(syntax(error.to_string())),
        (None, Ok(())) => rows.finish(),
    }
}

/// Reads one JSON object a line without judging labels; `file` is what messages call it.
///
/// ```
/// use shared::dataset::{ColumnChoice, LabelCell, read_json_lines};
/// let table = read_json_lines("toy.jsonl", b"{\"text\": \"fine\", \"label\": 1}\n", &ColumnChoice::default())?;
/// assert_eq!((&table.rows[0].label, table.rows[0].text.as_str()), (&LabelCell::Integer(1), "fine"));
/// # Ok::<(), shared::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// When there is no object, or the first lacks a column.
pub fn read_json_lines(file: &str, bytes: &[u8], choice: &ColumnChoice) -> Result<RawTable, DatasetError> {
    let mut rows = Incoming::new(file, choice);
    for (number, line) in lines(bytes).filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let row = std::str::from_utf8(line)
            .map_err(|error| BadRowReason::NotUtf8 { byte: error.valid_up_to() + 1 })
            .and_then(|line| {
                let mut deserializer = serde_json::Deserializer::from_str(line);
                let row = Row::deserialize(&mut deserializer).and_then(|row| deserializer.end().map(|()| row));
                row.map_err(|error| BadRowReason::NotAnObject { got: without_line(&error) })
            });
        rows.push(Place::Line(number), row)?;
    }
    rows.finish()
}

/// `serde_json` counts lines within what it was given, which is always the first.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at character ")
}

/// The rows of a file as they come in.
struct Incoming<'a> {
    file: &'a str,
    choice: &'a ColumnChoice,
    /// There from the first object on, which says what the columns are.
    table: Option<RawTable>,
    /// The rows before that.
    bad: Skipped,
    /// Why reading stopped, where the parser's own error cannot say it.
    error: Option<DatasetError>,
}

impl<'a> Incoming<'a> {
    fn new(file: &'a str, choice: &'a ColumnChoice) -> Self {
        Self { file, choice, table: None, bad: Skipped::default(), error: None }
    }

    fn push(&mut self, place: Place, row: Result<Row, BadRowReason>) -> Result<(), DatasetError> {
        let row = row.and_then(|row| match row {
            Row::Object(object) => Ok(object),
            Row::Other(what) => Err(BadRowReason::NotAnObject { got: what.to_owned() }),
        });
        match (&mut self.table, row) {
            (None, Err(reason)) => self.bad.push(place, reason),
            (Some(table), Err(reason)) => table.bad.push(place, reason),
            (Some(table), Ok(object)) => {
                let cells = cells(object, &table.columns);
                table.push(place, cells);
            }
            (none, Ok(object)) => {
                let keys: Vec<String> = object.iter().map(|(key, _)| key.clone()).collect();
                let table = none.insert(RawTable::new(self.choice.locate(self.file, &keys)?));
                table.bad = std::mem::take(&mut self.bad);
                let cells = cells(object, &table.columns);
                table.push(place, cells);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<RawTable, DatasetError> {
        self.table.ok_or_else(|| match self.bad.first.into_iter().next() {
            Some(row) => DatasetError::BadRow { file: self.file.to_owned(), row, n_more: self.bad.n_rows - 1 },
            None => DatasetError::Syntax {
                file: self.file.to_owned(),
                expected: "a JSON object for every row",
                got: "none".to_owned(),
            },
        })
    }
}

fn cells(mut object: Object, columns: &ColumnChoice) -> Result<(LabelCell, RowText), BadRowReason> {
    let label_column = columns.label.as_deref().unwrap_or_default();
    let missing = |got: &str| BadRowReason::missing_label(label_column, got);
    let label = match take(&mut object, label_column) {
        Ok(Cell::Text(text)) => LabelCell::from_text(&text).ok_or_else(|| missing("nothing"))?,
        Ok(Cell::Integer(id)) => LabelCell::Integer(id),
        Ok(Cell::Float(value)) => LabelCell::from_float(value).map_err(|got| missing(&got))?,
        Ok(Cell::Null) => return Err(missing("null")),
        Ok(Cell::Other(got)) | Err(got) => {
            let expected = "a string or a whole number".to_owned();
            return Err(BadRowReason::Value { column: label_column.to_owned(), expected, got });
        }
    };
    let texts = columns.text.iter().flatten().chain(&columns.text_pair).map(|column| {
        let got = match take(&mut object, column) {
            Ok(Cell::Text(text)) => return Ok(text),
            Ok(Cell::Integer(id)) => id.to_string(),
            Ok(Cell::Float(value)) => format!("{value:?}"),
            Ok(Cell::Null) => "null".to_owned(),
            Ok(Cell::Other(what)) | Err(what) => what,
        };
        Err(BadRowReason::Value { column: column.clone(), expected: "a string".to_owned(), got })
    });
    let texts = texts.collect::<Result<Vec<String>, _>>()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok((label, RowText::from_cells(&texts, IsPair::of(columns.text_pair.as_ref()))))
}

/// Takes the value of a key out of an object, or says what is there instead of one.
fn take(object: &mut Object, key: &str) -> Result<Cell, String> {
    let mut found = object.iter_mut().filter(|(other, _)| other == key);
    match (found.next(), found.next()) {
        (None, _) => Err("no such key".to_owned()),
        (Some(_), Some(_)) => Err("the key twice".to_owned()),
        (Some((_, cell)), None) => Ok(std::mem::replace(cell, Cell::Null)),
    }
}

/// The keys and values of an object, in their order.
type Object = Vec<(String, Cell)>;

/// A value as far as it can matter.
enum Cell {
    Text(String),
    Integer(i64),
    Float(f64),
    Null,
    /// Anything else, in words.
    Other(String),
}

/// What should be an object.
enum Row {
    Object(Object),
    /// Anything else, in words.
    Other(&'static str),
}

/// Reads an array, row by row.
struct ArrayVisitor<'a, 'b>(&'a mut Incoming<'b>);

impl<'de> Visitor<'de> for ArrayVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(row) = rows.next_element()? {
            number += 1;
            if let Err(error) = self.0.push(Place::Row(number), Ok(row)) {
                self.0.error = Some(error);
                return Err(A::Error::custom("the table has no such columns"));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut object = Object::new();
                while let Some(entry) = map.next_entry()? {
                    object.push(entry);
                }
                Ok(Row::Object(object))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Row, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row::Other("an array"))
            }

            fn visit_str<E>(self, _: &str) -> Result<Row, E> {
                Ok(Row::Other("a string"))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Row, E> {
                Ok(Row::Other("true or false"))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Row, E> {
                Ok(Row::Other("a number"))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Row, E> {
                Ok(Row::Other("a number"))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Row, E> {
                Ok(Row::Other("a number"))
            }

            fn visit_unit<E>(self) -> Result<Row, E> {
                Ok(Row::Other("null"))
            }
        }
        deserializer.deserialize_any(RowVisitor)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Cell::Other("an object".to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Cell::Other("an array".to_owned()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Cell, E> {
                Ok(Cell::Text(text))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Cell, E> {
                Ok(Cell::Integer(i64::from(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
                Ok(Cell::Integer(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
                Ok(i64::try_from(value).map_or_else(|_| Cell::Other(value.to_string()), Cell::Integer))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
                Ok(Cell::Float(value))
            }

            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell::Null)
            }
        }
        deserializer.deserialize_any(CellVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: Result<RawTable, DatasetError>) -> Vec<(String, LabelCell, String)> {
        table.unwrap().rows.into_iter().map(|row| (row.place.to_string(), row.label, row.text)).collect()
    }

    fn read(bytes: &[u8]) -> Result<RawTable, DatasetError> {
        read_json("toy.json", bytes, &ColumnChoice::default())
    }

    fn bad(row: &[u8]) -> String {
        let bytes = [b"{\"text\": \"fine\", \"label\": 0}\n", row].concat();
        let table = read_json_lines("toy.jsonl", &bytes, &ColumnChoice::default()).unwrap();
        assert_eq!((table.rows.len(), table.bad.n_rows), (1, 1));
        table.bad.first[0].to_string()
    }

    #[test]
    fn lines_and_arrays_hold_the_same_rows() {
        let lines =
            b"\xEF\xBB\xBF{\"text\": \"a\\tb \\u00e9\", \"label\": 1}\r\n\n{\"label\": \"good\", \"text\": \"b\"}\n";
        let expected = [
            ("line 1".to_owned(), LabelCell::Integer(1), "a\tb é".to_owned()),
            ("line 3".to_owned(), LabelCell::Name("good".into()), "b".to_owned()),
        ];
        assert_eq!(rows(read(lines)), expected);
        let array = b"\n[{\"text\": \"a\\tb \\u00e9\", \"label\": 1}, {\"label\": \"good\", \"text\": \"b\"}]\n";
        let found = rows(read(array));
        assert_eq!(found.iter().map(|(place, ..)| place.as_str()).collect::<Vec<_>>(), ["row 1", "row 2"]);
        assert!(found.iter().zip(&expected).all(|(a, b)| (&a.1, &a.2) == (&b.1, &b.2)));
    }

    #[test]
    fn each_kind_of_bad_row_says_what_was_expected() {
        assert_eq!(bad(b"[1, 2]"), "line 2: expected a JSON object, got an array");
        assert_eq!(
            bad(b"{\"text\": \"cut"),
            "line 2: expected a JSON object, got EOF while parsing a string at character 13"
        );
        assert_eq!(
            bad(b"{\"text\": \"a\"}"),
            "line 2: expected a string or a whole number in column label, got no such key"
        );
        assert_eq!(bad(b"{\"text\": \"a\", \"label\": null}"), "line 2: expected a label in column label, got null");
        assert_eq!(
            bad(b"{\"text\": \"a\", \"label\": [1]}"),
            "line 2: expected a string or a whole number in column label, got an array"
        );
        assert_eq!(bad(b"{\"text\": 7, \"label\": 1}"), "line 2: expected a string in column text, got 7");
        assert_eq!(
            bad(b"{\"text\": \"a\", \"label\": 1, \"text\": \"b\"}"),
            "line 2: expected a string in column text, got the key twice"
        );
        assert_eq!(bad(b"{\"\xFF\": 1}"), "line 2: expected UTF-8, got an invalid byte at position 3 of the row");
    }

    #[test]
    fn a_whole_number_is_one_whether_or_not_it_has_a_point() {
        let label = |json: &str| {
            let line = format!("{{\"text\": \"a\", \"label\": {json}}}");
            rows(read_json_lines("toy.jsonl", line.as_bytes(), &ColumnChoice::default())).remove(0).1
        };
        assert_eq!(
            (label("1.0"), label("1"), label("\" 1 \"")),
            (LabelCell::Integer(1), LabelCell::Integer(1), LabelCell::Integer(1))
        );
        assert_eq!(label("0.5"), LabelCell::Name("0.5".into()));
        assert_eq!(label("\" pos\""), LabelCell::Name("pos".into()));
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_stack_overflow() {
        for opening in ["[", "{\"text\":"] {
            let deep = opening.repeat(1_000_000);
            let message = bad(deep.as_bytes());
            assert!(message.starts_with("line 2: expected a JSON object, got "), "{message}");
            let array = read(format!("[{deep}").as_bytes()).unwrap_err().to_string();
            assert!(array.starts_with("toy.json: expected an array of objects, got "), "{array}");
        }
    }

    #[test]
    fn files_without_an_object_are_refused() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(message(b""), "toy.json: expected a JSON object for every row, got none");
        assert_eq!(message(b"[]"), "toy.json: expected a JSON object for every row, got none");
        assert_eq!(message(b"7\n8\n"), "toy.json, line 1: expected a JSON object, got a number (and 1 more bad row)");
        assert_eq!(
            message(b"[{\"a\": 1}]"),
            "toy.json: expected a column for the label (label, labels, target, class, category, coarse_label, …), got the columns a"
        );
        assert!(message(b"[{\"text\": \"a\", \"label\": 1},").contains("EOF while parsing"));
        assert!(message(b"[\n\xFF]").ends_with("bytes that are not UTF-8 on line 2"));
    }
}
