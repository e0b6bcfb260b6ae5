//! Unquoted TSV: header `label<TAB>text`, each row split at its first tab.
//!
//! A CSV reader's default quoting loses rows without an error (317 of the 16,990 of Twitter Financial News Topic), so
//! quotation marks mean nothing here. Other programs write TSV with quotation marks as in CSV; where all that have one look
//! so, that is said, and a [`Delimiter`](super::Delimiter) that is asked for reads it. Lines end in LF or CRLF; a byte order
//! mark is tolerated.

use super::lines::{excerpt, lines};
use super::rows::{RawTable, assemble};
use super::{
    BadRowReason, ColumnChoice, Columns, DatasetError, LabelCell, LabelRange, LabelScheme, OnBadRow, ParsedRows, Place,
    read_csv,
};

/// The columns of every such file.
const COLUMNS: [&str; 2] = ["label", "text"];

/// Reads the bytes of a TSV file; `file` is what messages call it.
///
/// ```
/// use shared::dataset::{LabelRange, OnBadRow, Rows, parse_tsv};
/// let bytes = b"label\ttext\n1\tsays \"hello\tworld\n";
/// let Rows::Labelled(examples) = parse_tsv("toy.tsv", bytes, LabelRange::Below(2), OnBadRow::Refuse)?.rows else {
///     panic!("this file has labels");
/// };
/// assert_eq!((examples[0].label, examples[0].text.as_str()), (1, "says \"hello\tworld"));
/// # Ok::<(), shared::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// When the file is empty, its header is another or no row can be used; under [`OnBadRow::Refuse`] also when any row is
/// bad: one column, a label that is no integer or no class, no text, or bytes that are not UTF-8.
pub fn parse_tsv(
    file: &str,
    bytes: &[u8],
    labels: LabelRange,
    on_bad_row: OnBadRow,
) -> Result<ParsedRows, DatasetError> {
    let table = read_tsv(file, bytes, &ColumnChoice::default())?;
    assemble(file, table, &LabelScheme::Ids(labels), on_bad_row)
}

/// Reads the bytes of a TSV file without judging its labels. With a delimiter that was asked for it is read as CSV is.
///
/// # Errors
/// When the file is empty, its header is another or other columns are asked for.
pub fn read_tsv(file: &str, bytes: &[u8], choice: &ColumnChoice) -> Result<RawTable, DatasetError> {
    if choice.delimiter.is_some() {
        return read_csv(file, bytes, choice);
    }
    let mut lines = lines(bytes);
    let Some((_, header)) = lines.next() else {
        return Err(DatasetError::EmptyFile { file: file.to_owned() });
    };
    if header != b"label\ttext" {
        return Err(DatasetError::Header { file: file.to_owned(), got: excerpt(header) });
    }
    let columns = choice.locate(file, &COLUMNS.map(str::to_owned))?;
    // The columns are the format's, so there is no guess to speak of.
    let mut table = RawTable::new(Columns { note: None, ..columns });
    let mut marks = Marks::default();
    for (line, row) in lines {
        let cells = parse_row(row);
        if let Ok((_, text)) = &cells {
            marks.count(text);
        }
        table.push(Place::Line(line), cells);
    }
    table.note = marks.warning(file);
    Ok(table)
}

/// Texts with quotation marks.
#[derive(Default)]
struct Marks {
    n_texts: usize,
    /// Those that CSV's quoting would make of a text with marks: one at each end, and inside doubled ones only.
    n_as_in_csv: usize,
}

impl Marks {
    fn count(&mut self, text: &str) {
        let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let is_as_in_csv = inside.is_some_and(|text| text.contains("\"\"") && !text.replace("\"\"", "").contains('"'));
        self.n_texts += usize::from(text.contains('"'));
        self.n_as_in_csv += usize::from(is_as_in_csv);
    }

    fn warning(&self, file: &str) -> Option<String> {
        (self.n_as_in_csv > 0 && self.n_as_in_csv == self.n_texts).then(|| {
            format!(
                "{file}: all {} texts with quotation marks look as CSV quotes them, and are taken as they stand: --delimiter tab \
                 reads them as CSV",
                self.n_texts
            )
        })
    }
}

fn parse_row(row: &[u8]) -> Result<(LabelCell, String), BadRowReason> {
    let row_text = std::str::from_utf8(row).map_err(|error| BadRowReason::NotUtf8 { byte: error.valid_up_to() + 1 })?;
    let Some((label, text)) = row_text.split_once('\t') else {
        return Err(BadRowReason::MissingColumn { got: excerpt(row) });
    };
    let label = LabelCell::from_text(label).ok_or_else(|| BadRowReason::missing_label(COLUMNS[0], "nothing"))?;
    Ok((label, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Delimiter, Example, Rows};

    const TWO: LabelRange = LabelRange::Below(2);

    fn refused(bytes: &[u8]) -> String {
        parse_tsv("toy.tsv", bytes, TWO, OnBadRow::Refuse).unwrap_err().to_string()
    }

    fn read(bytes: &[u8]) -> Vec<(u32, String)> {
        match parse_tsv("toy.tsv", bytes, TWO, OnBadRow::Refuse).unwrap().rows {
            Rows::Labelled(examples) => examples.into_iter().map(|row| (row.label, row.text)).collect(),
            Rows::Unlabelled { .. } => panic!("the rows have labels"),
        }
    }

    #[test]
    fn quotes_tabs_and_spaces_inside_a_text_are_kept() {
        let rows = read("label\ttext\n0\t\"never closed\n1\ta\tb \n0\tπ\u{a0}x\n".as_bytes());
        let expected = [(0, "\"never closed"), (1, "a\tb "), (0, "π\u{a0}x")];
        assert_eq!(rows, expected.map(|(label, text)| (label, text.to_owned())));
    }

    #[test]
    fn crlf_a_byte_order_mark_and_a_missing_last_line_end_change_nothing() {
        let plain = read(b"label\ttext\n0\ta\n1\tb\n");
        assert_eq!(read(b"\xEF\xBB\xBFlabel\ttext\r\n0\ta\r\n1\tb"), plain);
    }

    #[test]
    fn each_kind_of_bad_row_is_named_by_file_line_expected_and_got() {
        assert_eq!(refused(b""), "toy.tsv: expected a header line and rows, got an empty file");
        assert_eq!(
            refused(b"text\tlabel\n"),
            "toy.tsv, line 1: expected the header `label<TAB>text`, got \"text\\tlabel\" (with --delimiter tab it is read as \
             CSV is, with other columns and quoted fields)"
        );
        assert_eq!(
            refused(b"label\ttext\n"),
            "toy.tsv: expected at least one row below the header, got none that can be used (0 bad rows)"
        );
        let row = |row: &[u8]| refused(&[b"label\ttext\n0\tfine\n", row].concat());
        assert_eq!(
            row(b"only text"),
            "toy.tsv, line 3: expected two columns `label<TAB>text`, got one without a tab: \"only text\""
        );
        assert_eq!(row(b"\n"), "toy.tsv, line 3: expected two columns `label<TAB>text`, got one without a tab: \"\"");
        assert_eq!(row(b"good\tfilm"), "toy.tsv, line 3: expected an integer as label, got \"good\"");
        assert_eq!(row(b"\tfilm"), "toy.tsv, line 3: expected a label in column label, got nothing");
        assert_eq!(row(b"2\tfilm"), "toy.tsv, line 3: expected a label from 0 to 1, got 2");
        assert_eq!(row(b"-1\tfilm"), "toy.tsv, line 3: expected a label from 0 to 1, got -1");
        assert_eq!(row(b"1\t \n"), "toy.tsv, line 3: expected a text, got none");
        assert_eq!(row(b"1\tcaf\xE9"), "toy.tsv, line 3: expected UTF-8, got an invalid byte at position 6 of the row");
    }

    /// As `to_csv(sep="\t")` of pandas writes them, and as a reader of unquoted TSV finds them.
    #[test]
    fn texts_that_look_quoted_are_said_and_read_as_csv_when_asked() {
        let written = b"label\ttext\n1\t\"says \"\"hello\"\" twice\"\n0\tplain\n";
        let read = |choice| read_tsv("toy.tsv", written, &choice).unwrap();
        let table = read(ColumnChoice::default());
        assert_eq!(table.rows[0].text, "\"says \"\"hello\"\" twice\"");
        assert!(table.note.unwrap().starts_with("toy.tsv: all 1 texts with quotation marks look as CSV quotes them"));
        let as_csv = ColumnChoice { delimiter: Some(Delimiter::Tab), ..ColumnChoice::default() };
        assert_eq!(read(as_csv).rows[0].text, "says \"hello\" twice");
        let unquoted = read_tsv("toy.tsv", b"label\ttext\n1\t\"hello\"\n0\t5\" disk\n", &ColumnChoice::default());
        assert_eq!(unquoted.unwrap().note, None);
    }

    #[test]
    fn words_are_labels_as_in_every_format() {
        let table = read_tsv("toy.tsv", b"label\ttext\npos \ta\n1.0\tb\n", &ColumnChoice::default()).unwrap();
        let labels: Vec<String> = table.rows.iter().map(|row| row.label.written()).collect();
        assert_eq!(labels, ["pos", "1.0"]);
    }

    #[test]
    fn refusing_counts_the_rows_it_did_not_name() {
        let message = refused(b"label\ttext\n7\ta\n0\tb\nx\tc\n-1\td\n");
        assert_eq!(message, "toy.tsv, line 2: expected a label from 0 to 1, got 7 (and 2 more bad rows)");
    }

    #[test]
    fn skipping_counts_every_bad_row_and_describes_the_first_five() {
        let mut bytes = b"label\ttext\n0\tgood\n-1\tfirst bad\n".to_vec();
        bytes.extend(b"x\tbad\n".repeat(7));
        let parsed = parse_tsv("toy.tsv", &bytes, TWO, OnBadRow::Skip).unwrap();
        assert_eq!(parsed.rows, Rows::Labelled(vec![Example::of_one_text("good".into(), 0)]));
        assert_eq!(parsed.skipped.n_rows, 8);
        assert_eq!(
            parsed.skipped.first.iter().map(|row| row.place).collect::<Vec<_>>(),
            [3, 4, 5, 6, 7].map(Place::Line)
        );
        let none = parse_tsv("toy.tsv", b"label\ttext\nx\ta\n", TWO, OnBadRow::Skip).unwrap_err();
        assert_eq!(none, DatasetError::NoRows { file: "toy.tsv".into(), n_bad: 1 });
    }

    #[test]
    fn a_file_of_minus_ones_is_unlabelled_rather_than_wrong() {
        let parsed = parse_tsv("toy.tsv", b"label\ttext\n-1\ta\n-1\tb\n", TWO, OnBadRow::Refuse).unwrap();
        assert_eq!(parsed.rows, Rows::Unlabelled { n_rows: 2 });
    }

    #[test]
    fn an_absurd_label_is_refused_even_when_the_classes_are_unknown() {
        let bytes = b"label\ttext\n1688947200\ta\n";
        let error = parse_tsv("toy.tsv", bytes, LabelRange::Unknown, OnBadRow::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "toy.tsv, line 2: expected a label from 0 to 9999, got 1688947200");
    }

    #[test]
    fn a_long_row_is_shortened_in_its_message() {
        let message = refused(&[b"label\ttext\n".to_vec(), vec![b'x'; 10_000]].concat());
        assert!(message.len() < 200, "{message}");
    }
}
