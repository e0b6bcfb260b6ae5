//! CSV as RFC 4180 has it: a header, commas or another [`Delimiter`], fields that may be quoted and then hold commas, line
//! ends and doubled quotation marks.
//!
//! The crate `csv` splits and unquotes; it accepts anything, so a quotation mark that is never closed would swallow the
//! rest of the file without an error. Quoting is therefore checked here. A byte order mark is tolerated.

use ::csv::{ByteRecord, ReaderBuilder};

use super::lines::excerpt;
use super::rows::RawTable;
use super::{BadRowReason, ColumnChoice, Columns, DatasetError, Delimiter, LabelCell, Place, RowText};

/// Reads the bytes of a CSV file without judging its labels; `file` is what messages call it.
///
/// ```
/// use shared::dataset::{ColumnChoice, LabelCell, Place, read_csv};
/// let table = read_csv("toy.csv", b"id,text,label\n7,\"one,\ntwo \"\"x\"\"\",good\n", &ColumnChoice::default())?;
/// assert_eq!(table.rows[0].place, Place::Line(2));
/// assert_eq!(table.rows[0].label, LabelCell::Name("good".into()));
/// assert_eq!(table.rows[0].text, "one,\ntwo \"x\"");
/// # Ok::<(), shared::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// When the file is empty, its header is not UTF-8 or lacks a column, also since something else separates its columns, or a
/// quoted field is never closed.
pub fn read_csv(file: &str, bytes: &[u8], choice: &ColumnChoice) -> Result<RawTable, DatasetError> {
    let delimiter = choice.delimiter.unwrap_or_default();
    let mut records = Records::new(bytes, delimiter);
    let Some(Record { raw, .. }) = records.next(file)? else {
        return Err(DatasetError::EmptyFile { file: file.to_owned() });
    };
    if std::str::from_utf8(raw).is_err() {
        return Err(DatasetError::Syntax {
            file: file.to_owned(),
            expected: "a header in UTF-8",
            got: format!("bytes that are not: {}", excerpt(raw)),
        });
    }
    let header: Vec<String> =
        records.record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
    let columns = choice.locate(file, &header).map_err(|error| match error {
        DatasetError::NoColumn { .. } => delimiter.suspicion(file, raw).unwrap_or(error),
        error => error,
    })?;
    let mut table = RawTable::new(columns.clone());
    while let Some(Record { line, raw, quoting }) = records.next(file)? {
        let cells = cells(&records.record, raw, quoting, header.len(), &columns);
        table.push(Place::Line(line), cells);
    }
    Ok(table)
}

fn cells(
    record: &ByteRecord,
    raw: &[u8],
    quoting: Quoting,
    n_fields: usize,
    columns: &Columns,
) -> Result<(LabelCell, RowText), BadRowReason> {
    std::str::from_utf8(raw).map_err(|error| BadRowReason::NotUtf8 { byte: error.valid_up_to() + 1 })?;
    if quoting == Quoting::TextBehindQuote {
        return Err(BadRowReason::Quoting);
    }
    if record.len() != n_fields {
        return Err(BadRowReason::FieldCount { expected: n_fields, got: record.len() });
    }
    let field = |column: usize| {
        std::str::from_utf8(&record[column]).expect("parts of UTF-8 that begin and end at ASCII are UTF-8")
    };
    let column = columns.names.label.as_deref().unwrap_or_default();
    let label = LabelCell::from_text(field(columns.label));
    let label = label.ok_or_else(|| BadRowReason::missing_label(column, "nothing"))?;
    let (texts, is_pair) = columns.texts();
    let texts: Vec<&str> = texts.into_iter().map(field).collect();
    Ok((label, RowText::from_cells(&texts, is_pair)))
}

/// The records of a file with where they are.
struct Records<'a> {
    bytes: &'a [u8],
    reader: ::csv::Reader<&'a [u8]>,
    delimiter: u8,
    /// The fields of the current record.
    record: ByteRecord,
    /// The line that the next byte is on.
    line: usize,
}

struct Record<'a> {
    /// The line it begins on.
    line: usize,
    /// Its bytes, without the line end.
    raw: &'a [u8],
    quoting: Quoting,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8], delimiter: Delimiter) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let delimiter = delimiter.byte();
        let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
        Self { bytes, reader, delimiter, record: ByteRecord::new(), line: 1 }
    }

    fn next(&mut self, file: &str) -> Result<Option<Record<'a>>, DatasetError> {
        let start = self.reader.position().byte() as usize;
        let is_there = self
            .reader
            .read_byte_record(&mut self.record)
            .expect("reading a slice cannot fail, and any number of fields is accepted");
        if !is_there {
            return Ok(None);
        }
        let end = self.reader.position().byte() as usize;
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        // Empty lines, and the LF of the CRLF before, are part of what the reader passed over.
        let all = &self.bytes[start..end];
        let n_before = all.iter().position(|byte| !is_line_end(byte)).unwrap_or(all.len());
        let n_raw = all.iter().rposition(|byte| !is_line_end(byte)).map_or(n_before, |last| last + 1);
        let (before, raw) = (&all[..n_before], &all[n_before..n_raw]);
        let line = self.line + n_lines(before);
        self.line += n_lines(all);
        let quoting = quoting(raw, self.delimiter);
        if quoting == Quoting::Unclosed {
            return Err(DatasetError::Syntax {
                file: file.to_owned(),
                expected: "every quoted field to be closed",
                got: format!("none of the quotation marks that would close the one in the row of line {line}"),
            });
        }
        Ok(Some(Record { line, raw, quoting }))
    }
}

fn n_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Sound,
    /// As in `"a"b`.
    TextBehindQuote,
    /// The record ends inside a quoted field, and so does the file.
    Unclosed,
}

/// Judges the quotation marks of one record. A mark inside an unquoted field is a character like any other, as every
/// reader of CSV has it.
fn quoting(raw: &[u8], delimiter: u8) -> Quoting {
    enum State {
        FieldStart,
        Unquoted,
        Quoted,
        QuoteInQuoted,
    }
    let mut state = State::FieldStart;
    for &byte in raw {
        state = match (state, byte) {
            (State::FieldStart | State::QuoteInQuoted, b'"') => State::Quoted,
            (State::FieldStart | State::Unquoted | State::QuoteInQuoted, byte) if byte == delimiter => {
                State::FieldStart
            }
            (State::FieldStart | State::Unquoted, _) => State::Unquoted,
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) => State::Quoted,
            (State::QuoteInQuoted, _) => return Quoting::TextBehindQuote,
        };
    }
    if matches!(state, State::Quoted) { Quoting::Unclosed } else { Quoting::Sound }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::RawRow;

    fn read(bytes: &[u8]) -> RawTable {
        read_csv("toy.csv", bytes, &ColumnChoice::default()).unwrap()
    }

    fn rows(bytes: &[u8]) -> Vec<(usize, String)> {
        let row = |row: RawRow| match row.place {
            Place::Line(line) => (line, format!("{:?} {}", row.label, row.text)),
            Place::Row(_) => panic!("CSV has lines"),
        };
        read(bytes).rows.into_iter().map(row).collect()
    }

    fn bad(row: &[u8]) -> String {
        let table = read(&[b"label,text\n0,fine\n", row].concat());
        assert_eq!(table.bad.n_rows, 1);
        table.bad.first[0].to_string()
    }

    fn refused(bytes: &[u8]) -> String {
        read_csv("toy.csv", bytes, &ColumnChoice::default()).unwrap_err().to_string()
    }

    #[test]
    fn quoted_fields_hold_commas_line_ends_and_quotation_marks() {
        let expected = [(2, "Integer(0) a, b".to_owned()), (3, "Integer(1) x\r\ny \"z\"".to_owned())];
        assert_eq!(rows(b"label,text\r\n0,\"a, b\"\r\n\"1\",\"x\r\ny \"\"z\"\"\"\r\n"), expected);
        assert_eq!(rows(b"label,text\n0,5\" disk\n"), [(2, "Integer(0) 5\" disk".to_owned())]);
    }

    #[test]
    fn lines_are_counted_through_empty_lines_and_quoted_line_ends() {
        let lines = |bytes: &[u8]| rows(bytes).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines(b"\xEF\xBB\xBFlabel,text\n\n0,a\n1,\"b\n\nb\"\n\n\n0,c"), [3, 4, 9]);
        assert_eq!(lines(b"label,text\r\n\r\n0,a\r\n1,b\r\n"), [3, 4]);
    }

    #[test]
    fn several_text_columns_are_joined_without_empty_ones() {
        let table = read(b"label,title,content\n0,one,two\n1,,alone\n");
        let texts: Vec<String> = table.rows.into_iter().map(|row| row.text).collect();
        assert_eq!(texts, ["one two", "alone"]);
    }

    #[test]
    fn each_kind_of_bad_row_says_what_was_expected() {
        assert_eq!(bad(b"1\n"), "line 3: expected 2 fields as in the header, got 1");
        assert_eq!(bad(b"1,a,b\n"), "line 3: expected 2 fields as in the header, got 3");
        assert_eq!(bad(b",a\n"), "line 3: expected a label in column label, got nothing");
        assert_eq!(bad(b"1,caf\xE9\n"), "line 3: expected UTF-8, got an invalid byte at position 6 of the row");
        assert_eq!(
            bad(b"1,\"a\"b\n"),
            "line 3: expected a separator or the row's end behind a closing quotation mark, got more text"
        );
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest() {
        let message = refused(b"label,text\n0,fine\n1,\"open\n0,swallowed\n1,swallowed\n");
        assert!(message.starts_with("toy.csv: expected every quoted field to be closed"), "{message}");
        assert!(message.ends_with("the one in the row of line 3"), "{message}");
        // Closed by the next row's opening mark: the crate would read on as if nothing had happened.
        let next = bad(b"1,\"open\n0,\"swallowed\"\n");
        assert!(next.starts_with("line 3: expected a separator"), "{next}");
    }

    #[test]
    fn other_separators_are_read_when_asked_for_and_named_when_not() {
        let semicolons = b"text;label\n\"a; b\";1\nc, d;0\n";
        let message = refused(semicolons);
        assert!(
            message.starts_with("toy.csv: expected columns separated by commas, got a header that looks"),
            "{message}"
        );
        assert!(
            message.contains("separated by semicolons: \"text;label\"") && message.contains("--delimiter semicolon")
        );
        assert!(refused(b"text\tlabel\na\t1\n").contains("--delimiter tab"));
        assert!(refused(b"a,b\n1,2\n").contains("got the columns a, b"));
        let choice = ColumnChoice { delimiter: Some(Delimiter::Semicolon), ..ColumnChoice::default() };
        let table = read_csv("toy.csv", semicolons, &choice).unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (&row.label, row.text.as_str())).collect();
        assert_eq!(rows, [(&LabelCell::Integer(1), "a; b"), (&LabelCell::Integer(0), "c, d")]);
        assert_eq!(table.columns.delimiter, Some(Delimiter::Semicolon), "further files are read alike");
        let commas = read_csv("toy.csv", b"text,label\na,1\n", &choice).unwrap_err().to_string();
        assert!(
            commas.contains("expected columns separated by semicolons, got a header that looks separated by commas")
        );
    }

    #[test]
    fn blanks_around_names_and_labels_are_no_part_of_them() {
        let table = read(b"text , label\na , 1\n b,pos \n");
        let rows: Vec<_> = table.rows.iter().map(|row| (&row.label, row.text.as_str())).collect();
        assert_eq!(rows, [(&LabelCell::Integer(1), "a "), (&LabelCell::Name("pos".into()), " b")]);
    }

    #[test]
    fn files_that_are_empty_or_binary_are_refused() {
        assert_eq!(refused(b""), "toy.csv: expected a header line and rows, got an empty file");
        assert_eq!(refused(b"\n\n"), "toy.csv: expected a header line and rows, got an empty file");
        assert!(refused(b"\xFF\xFEl\0a\0").starts_with("toy.csv: expected a header in UTF-8"));
    }
}
