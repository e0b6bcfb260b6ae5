//! Tables of text and label, from a file's bytes to rows.

use shared::dataset::{
    ColumnChoice, Delimiter, Encoded, Known, LabelRange, LabelScheme, Labelling, OnBadRow, RawTable, ReadBytes, Rows,
    assemble, default_label_names,
};

/// Which columns and which delimiter somebody asks for, by a byte.
#[must_use]
pub fn choice(byte: u8) -> ColumnChoice {
    let delimiter = Delimiter::ALL.get(usize::from(byte & 7)).copied();
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let (text, text_pair) = match byte >> 3 & 3 {
        0 => (None, None),
        1 => (names(&["text"]), None),
        2 => (names(&["title", "content"]), None),
        _ => (names(&["a"]), Some("b".to_owned())),
    };
    let label = [None, Some("label"), Some("a"), Some("b")][usize::from(byte >> 5 & 3)].map(str::to_owned);
    ColumnChoice { text, text_pair, label, delimiter }
}

/// The byte of a choice without a delimiter or columns.
pub const ANY: u8 = 7;

/// Reads a table and judges its labels in every way that there is.
///
/// # Panics
/// When rows appear from nowhere.
pub fn read(reader: ReadBytes, bytes: &[u8], choice: &ColumnChoice) {
    let Ok(table) = reader("file", bytes, choice) else { return };
    // Every row takes a line or, in an array of JSON, two braces.
    let n_rows = table.rows.len() + table.bad.n_rows;
    assert!(n_rows <= bytes.len(), "{n_rows} rows in {} bytes", bytes.len());
    let names =
        [vec!["neg".to_owned(), "pos".to_owned()], vec!["1".to_owned(), "2".to_owned()], default_label_names(3)];
    let encoded = Encoded::new(vec!["pos".to_owned(), "other".to_owned()], &names[0]);
    let mut schemes = vec![
        LabelScheme::Ids(LabelRange::Unknown),
        LabelScheme::Ids(LabelRange::Below(2)),
        LabelScheme::Encoded(encoded),
    ];
    let column = table.columns.label.as_deref().unwrap_or_default();
    for known in [Known::Nothing].into_iter().chain(names.iter().map(|names| Known::Declared(names))) {
        schemes.extend(decide(&table, column, known));
    }
    for names in &names {
        schemes.extend(decide(&table, column, Known::Model(names)));
    }
    for scheme in &schemes {
        for on_bad_row in [OnBadRow::Refuse, OnBadRow::Skip] {
            let Ok(parsed) = assemble("file", table.clone(), scheme, on_bad_row) else { continue };
            let n_used = match parsed.rows {
                Rows::Labelled(examples) => examples.len(),
                Rows::Unlabelled { n_rows } => n_rows,
            };
            assert_eq!(n_used + parsed.skipped.n_rows, n_rows, "no row is lost without being counted");
        }
    }
}

fn decide(table: &RawTable, column: &str, known: Known<'_>) -> Option<LabelScheme> {
    Labelling::decide("file", column, table.rows.iter().map(|row| &row.label), known).ok().map(|found| found.scheme)
}
