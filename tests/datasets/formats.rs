//! Every format that a table may come in, and what its columns and labels are taken for.

use std::fs;

use integration_tests::tables::{self, Row};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use shared::dataset::{ColumnChoice, OnBadRow};
use trainer::open_dataset::{OpenOptions, find, open, open_files};

use crate::{folder, message, options, real_data};

/// Texts that formats are likely to stumble over; TSV has no way to write a tab at a text's beginning or a line end.
fn rows(prefix: &str, n: usize) -> Vec<Row> {
    let awkward =
        ["says \"hello\"", "a, b; c", "5\" disk", "\"", "café π 😀", "back\\slash \\n", "  spaces  ", "'", "x\ty"];
    (0..n).map(|i| ((i % 3).to_string(), format!("{prefix} {i} {}", awkward[i % awkward.len()]))).collect()
}

#[test]
fn the_same_rows_are_the_same_data_in_every_format() {
    let (train, test) = (rows("train", 90), rows("test", 21));
    let mut hashes = Vec::new();
    for ((ending, train), (_, test)) in tables::variants(&train).into_iter().zip(tables::variants(&test)) {
        let folder = folder(&[(&format!("train.{ending}"), &train), (&format!("test.{ending}"), &test)]);
        let opened = open(folder.path(), &options()).unwrap_or_else(|error| panic!("{ending}: {error}"));
        assert_eq!((opened.dataset.train.len(), opened.dataset.test.len()), (90, 21), "{ending}");
        hashes.push((ending, opened.dataset.content_hash()));
    }
    assert_eq!(hashes.len(), 9);
    assert!(hashes.iter().all(|(_, hash)| *hash == hashes[0].1), "{hashes:?}");
}

/// Twitter Financial News Topic has 317 rows that a CSV reader would lose from its TSV.
#[test]
fn real_rows_with_quotation_marks_are_the_same_data_in_every_format() {
    let Some(data) = real_data() else { return };
    let tsv = fs::read_to_string(data.join("tfn_topic/train.tsv")).unwrap();
    let row = |line: &str| line.split_once('\t').map(|(label, text)| (label.to_owned(), text.to_owned())).unwrap();
    let rows: Vec<Row> = tsv.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), 16_990);
    let expected = open(&data.join("tfn_topic/train.tsv"), &options()).unwrap().dataset.content_hash();
    for (ending, bytes) in tables::variants(&rows) {
        let folder = folder(&[(&format!("train.{ending}"), &bytes)]);
        let opened = open(folder.path(), &options()).unwrap();
        assert_eq!(opened.dataset.content_hash(), expected, "{ending}");
    }
}

#[test]
fn every_packing_of_parquet_pages_is_read() {
    let rows = rows("text", 500);
    let expected = folder(&[("train.tsv", &tables::tsv(&rows))]);
    let expected = open(expected.path(), &options()).unwrap().dataset;
    let packings = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for packing in packings {
        let folder = folder(&[("train.parquet", &tables::parquet(&rows, packing, None))]);
        let opened = open(folder.path(), &options()).unwrap();
        assert_eq!(opened.dataset.content_hash(), expected.content_hash(), "{packing:?}");
    }
}

#[test]
fn a_folder_may_mix_formats_but_not_within_a_split() {
    let train = rows("train", 90);
    let mixed = folder(&[
        ("train.csv", &tables::csv(&train)),
        ("test.parquet", &tables::parquet(&rows("test", 9), Compression::SNAPPY, None)),
        ("readme.txt", b"not a table"),
    ]);
    assert_eq!(open(mixed.path(), &options()).unwrap().dataset.test.len(), 9);
    fs::write(mixed.path().join("train.jsonl.gz"), b"").unwrap();
    assert_eq!(
        message(&mixed, &options()),
        "dataset DIR: expected one file for train, got train.csv and train.jsonl.gz (move the other away)"
    );
}

#[test]
fn shards_are_read_in_order_and_all_of_them_are_needed() {
    let rows = rows("train", 90);
    let shard = |rows: &[Row]| tables::parquet(rows, Compression::SNAPPY, None);
    let names = ["train-00000-of-00003.parquet", "train-00001-of-00003.parquet", "train-00002-of-00003.parquet"];
    let sharded =
        folder(&[(names[1], &shard(&rows[30..60])), (names[0], &shard(&rows[..30])), (names[2], &shard(&rows[60..]))]);
    let whole = folder(&[("train.tsv", &tables::tsv(&rows))]);
    let hash = |folder: &tempfile::TempDir| open(folder.path(), &options()).unwrap().dataset.content_hash();
    assert_eq!(hash(&sharded), hash(&whole));

    fs::remove_file(sharded.path().join(names[1])).unwrap();
    let missing =
        "dataset DIR: expected all 3 shards of train, got all but number 1 (counted from 0), and maybe others";
    assert_eq!(message(&sharded, &options()), missing);
    fs::write(sharded.path().join("train.parquet"), b"").unwrap();
    let message = message(&sharded, &options());
    assert!(message.contains("expected one file for train, got train"), "{message}");
}

#[test]
fn a_single_file_of_any_format_is_a_dataset() {
    for (ending, bytes) in tables::variants(&rows("text", 90)) {
        let folder = folder(&[(&format!("my.data.{ending}"), &bytes)]);
        let opened = open(&folder.path().join(format!("my.data.{ending}")), &options()).unwrap();
        assert_eq!((opened.dataset.name.as_str(), opened.dataset.train.len()), ("my.data", 73), "{ending}");
    }
}

#[test]
fn names_as_labels_are_sorted_or_in_the_order_of_labels_txt() {
    let name = |i: usize| ["sports", "business", "world"][i % 3].to_owned();
    let rows: Vec<Row> = (0..60).map(|i| (name(i), format!("text {i}"))).collect();
    for (ending, bytes) in tables::variants(&rows).into_iter().filter(|(ending, _)| !ending.starts_with("tsv")) {
        let folder = folder(&[(&format!("train.{ending}"), &bytes)]);
        let opened = open(folder.path(), &options()).unwrap();
        assert_eq!(opened.dataset.label_names, ["business", "sports", "world"], "{ending}");
        let note = opened.notes.iter().find(|note| note.starts_with("no labels.txt")).unwrap();
        assert!(note.ends_with("sorted: business, sports, world"), "{note}");
        assert!(opened.dataset.train.iter().all(|row| {
            let number: usize = row.text.trim_start_matches("text ").parse().unwrap();
            opened.dataset.label_names[row.label as usize] == name(number)
        }));

        fs::write(folder.path().join("labels.txt"), "world\nsports\nbusiness\n").unwrap();
        let ordered = open(folder.path(), &options()).unwrap();
        assert_eq!(ordered.dataset.label_names, ["world", "sports", "business"]);
        fs::write(folder.path().join("labels.txt"), "world\nsports\n").unwrap();
        let refused = message(&folder, &options());
        assert!(refused.contains("expected a class name (world, sports), got \"business\""), "{refused}");
    }
}

#[test]
fn class_names_in_the_metadata_of_a_parquet_file_are_used() {
    let metadata = r#"{"info": {"features": {"text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["neg", "neutral", "pos"], "_type": "ClassLabel"}}}}"#;
    let rows = rows("text", 60);
    let with = |json: &str| folder(&[("train.parquet", &tables::parquet(&rows, Compression::SNAPPY, Some(json)))]);
    let opened = open(with(metadata).path(), &options()).unwrap();
    assert_eq!(opened.dataset.label_names, ["neg", "neutral", "pos"]);
    assert!(opened.notes.iter().any(|note| note.starts_with("class names are those in the metadata of ")));

    let others = with(metadata);
    fs::write(others.path().join("labels.txt"), "a\nb\nc\n").unwrap();
    assert_eq!(open(others.path(), &options()).unwrap().dataset.label_names, ["a", "b", "c"]);
    let repeated = with(&metadata.replace("\"pos\"", "\"neg\""));
    let refused = message(&repeated, &options());
    assert_eq!(refused, "DIR/train.parquet: expected class names that are not empty, each once; got \"neg\" twice");
    for useless in ["", "{", "[1]", r#"{"info": {"features": {"label": {"names": [1]}}}}"#] {
        let opened = open(with(useless).path(), &options()).unwrap();
        assert_eq!(opened.dataset.label_names, ["LABEL_0", "LABEL_1", "LABEL_2"], "{useless:?}");
    }
}

#[test]
fn columns_are_guessed_aloud_or_given() {
    let csv = b"fine_label,title,content,coarse_label\n3,a,b,0\n4,c,d,1\n5,e,f,0\n6,g,h,1\n";
    let folder = folder(&[("train.csv", csv), ("test.csv", csv)]);
    let guessed = open(folder.path(), &options()).unwrap();
    let row = &guessed.dataset.test[0];
    assert_eq!((row.text.as_str(), row.label), ("a b", 0));
    let note = "the text is column title and content, the label column coarse_label \
                (guessed among fine_label, title, content, coarse_label)";
    assert_eq!(guessed.notes.iter().filter(|other| other.ends_with(note)).count(), 1, "{:?}", guessed.notes);

    let mut files = find(folder.path(), None, options().purpose).unwrap();
    let choice = ColumnChoice {
        text: Some(vec!["content".into()]),
        label: Some("fine_label".into()),
        ..ColumnChoice::default()
    };
    files.columns = choice;
    let given = open_files(files.clone(), &options()).unwrap();
    let row = &given.dataset.test[0];
    assert_eq!((row.text.as_str(), given.dataset.label_names[row.label as usize].as_str()), ("b", "3"));
    files.columns.label = Some("lable".into());
    let error = open_files(files, &options()).unwrap_err().to_string();
    let expected = "expected a column for the label (lable), got the columns fine_label, title, content, coarse_label";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn bad_rows_are_named_by_line_or_row_and_skipped_when_asked_in_every_format() {
    let concat = |row: &dyn Fn(usize) -> String| (0..40).map(row).collect::<Vec<_>>().concat();
    let good = concat(&|i| format!("{{\"text\": \"t {i}\", \"label\": {}}}\n", i % 2));
    let lines = format!("{good}{{\"text\": null, \"label\": 1}}\n{{\"text\": \"a\", \"label\": 0.5}}\n");
    let csv_rows = concat(&|i| format!("t {i},{}\n", i % 2));
    let csv = format!("text,label\n{csv_rows}only one field\nx,0.5\n");
    let mut rows: Vec<Row> = (0..40).map(|i| ((i % 2).to_string(), format!("t {i}"))).collect();
    rows.extend([("0".to_owned(), " ".to_owned()), ("-1".to_owned(), "a".to_owned())]);
    let cases = [
        ("jsonl", lines.clone().into_bytes(), "line 41: expected a string in column text, got null"),
        ("csv", csv.into_bytes(), "line 42: expected 2 fields as in the header, got 1"),
        ("json", tables::json(&rows), "row 41: expected a text, got none"),
        ("parquet", tables::parquet(&rows, Compression::SNAPPY, None), "row 41: expected a text, got none"),
    ];
    for (ending, bytes, expected) in cases {
        let folder = folder(&[(&format!("train.{ending}"), &bytes)]);
        let expected = format!("DIR/train.{ending}, {expected} (and 1 more bad row)");
        assert_eq!(message(&folder, &options()), expected);
        let opened = open(folder.path(), &OpenOptions { on_bad_row: OnBadRow::Skip, ..options() }).unwrap();
        assert_eq!(opened.n_skipped, 2, "{ending}");
        assert_eq!(opened.dataset.report.splits.iter().map(|split| split.n_rows).sum::<usize>(), 40, "{ending}");
    }
}

#[test]
fn columns_of_parquet_that_cannot_be_text_or_label_are_named() {
    let bytes = tables::parquet(&rows("text", 6), Compression::SNAPPY, None);
    let folder = folder(&[("train.parquet", &bytes)]);
    let mut files = find(folder.path(), None, options().purpose).unwrap();
    files.columns =
        ColumnChoice { text: Some(vec!["label".into()]), label: Some("text".into()), ..ColumnChoice::default() };
    let error = open_files(files, &options()).unwrap_err().to_string();
    assert!(error.ends_with("got INT64 in column label, which should hold strings"), "{error}");
}
