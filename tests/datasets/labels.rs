//! What labels mean: the same classes whatever the format, the order of names and the spelling of numbers.

use integration_tests::tables::{self, Labels, Row};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::json;
use shared::dataset::{OnBadRow, Split};
use trainer::open_dataset::{OpenOptions, OpenedDataset, Purpose, open};

use crate::{folder, message, options};

/// Opens a file of test rows, for models with `names` where they are given.
fn opened(name: &str, bytes: &[u8], names: Option<&[&str]>) -> Result<OpenedDataset, String> {
    let folder = folder(&[(name, bytes)]);
    let label_names = names.map(|names| names.iter().map(ToString::to_string).collect());
    let evaluate = OpenOptions { purpose: Purpose::Evaluate, label_names, ..options() };
    open(&folder.path().join(name), &evaluate)
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

/// The class name of each row, in their order.
fn classes(opened: &OpenedDataset) -> Vec<&str> {
    let dataset = &opened.dataset;
    let rows = Split::ALL.into_iter().flat_map(|split| dataset.split(split));
    rows.map(|row| dataset.label_names[row.label as usize].as_str()).collect()
}

fn rows(labels: &[&str]) -> Vec<Row> {
    labels.iter().enumerate().map(|(i, label)| ((*label).to_owned(), format!("text {i}"))).collect()
}

fn plain() -> WriterProperties {
    WriterProperties::builder().build()
}

#[test]
fn numbers_with_gaps_are_classes_by_value_in_every_format() {
    for (labels, names) in [
        (["1", "2", "3", "4", "1"], &["1", "2", "3", "4"][..]),
        (["0", "4", "0", "4", "4"], &["0", "4"]),
        (["1001", "2050", "9999", "1001", "2050"], &["1001", "2050", "9999"]),
    ] {
        for (ending, bytes) in tables::variants(&rows(&labels)) {
            let opened = opened(&format!("rows.{ending}"), &bytes, None).unwrap();
            assert_eq!(opened.dataset.label_names, names, "{ending}");
            assert_eq!(classes(&opened), labels, "{ending}");
            let note = format!("each is a class of that name: {}", names.join(", "));
            assert!(opened.notes.iter().any(|other| other.ends_with(&note)), "{ending}: {:?}", opened.notes);
        }
    }
}

#[test]
fn codes_keep_the_zeros_in_front_of_them() {
    let labels = ["0100", "0020", "0100", "0003"];
    for ending in ["csv", "tsv"] {
        let bytes = if ending == "csv" { tables::csv(&rows(&labels)) } else { tables::tsv(&rows(&labels)) };
        let opened = opened(&format!("rows.{ending}"), &bytes, None).unwrap();
        assert_eq!(opened.dataset.label_names, ["0003", "0020", "0100"]);
        assert_eq!(classes(&opened), labels);
    }
    let parquet = tables::parquet_with(&Labels::Strings(labels.map(Some).to_vec()), plain());
    assert_eq!(classes(&opened("rows.parquet", &parquet, None).unwrap()), labels);
    let mixed = opened("rows.csv", &tables::csv(&rows(&["01", "1", "2"])), None).unwrap_err();
    assert!(
        mixed.contains("DIR/rows.csv: column label has the labels \"01\" and \"1\", which are one number"),
        "{mixed}"
    );
}

/// Of so few rows a class that these are no classes, however they are numbered.
#[test]
fn a_column_of_numbers_or_words_that_hardly_repeat_is_refused_with_the_ratio_and_the_way_out() {
    let labels: Vec<String> = (0..100).map(|i| (1000 + 7 * i).to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    for (ending, bytes) in tables::variants(&rows(&labels)) {
        let error = opened(&format!("rows.{ending}"), &bytes, None).unwrap_err();
        assert!(error.contains("column label has 100 different labels in 100 rows, 1.0 rows a class"), "{error}");
        assert!(error.contains("--label-column") && error.contains("labels.txt or by --label-names"), "{error}");
    }
}

/// Stars, of which the rows of a file need not have all.
#[test]
fn where_class_names_are_numbers_labels_are_names_whichever_of_them_occur() {
    let stars = ["1", "2", "3"];
    for labels in [&["1", "2", "3", "2"][..], &["1", "2", "1"], &["2", "2"]] {
        for (ending, bytes) in tables::variants(&rows(labels)) {
            let of_model = opened(&format!("rows.{ending}"), &bytes, Some(&stars)).unwrap();
            assert_eq!(classes(&of_model), labels, "{ending}");
            let declared = folder(&[(&format!("test.{ending}"), &bytes), ("labels.txt", b"1\n2\n3\n")]);
            let evaluate = OpenOptions { purpose: Purpose::Evaluate, ..options() };
            assert_eq!(classes(&open(declared.path(), &evaluate).unwrap()), labels, "{ending}");
        }
    }
    let padded = opened("rows.csv", &tables::csv(&rows(&["1", "02", "3.0"])), Some(&["01", "02", "03"])).unwrap();
    assert_eq!(classes(&padded), ["01", "02", "03"]);
    let zero = opened("rows.csv", &tables::csv(&rows(&["0", "1", "2"])), Some(&stars)).unwrap_err();
    assert_eq!(zero, "DIR/rows.csv, line 2: expected a class name (1, 2, 3), got 0");
}

/// Each file encodes its labels by its own list of names.
#[test]
fn each_files_own_class_names_are_followed_whatever_their_order() {
    let huggingface = |names: &[&str]| json!({"info": tables::features(names)}).to_string();
    let ids = |names: &[&str], n: usize| -> Vec<Row> {
        let class = |i: usize| ["neg", "pos"][i % 2];
        let id = |i: usize| names.iter().position(|name| *name == class(i)).unwrap().to_string();
        (0..n).map(|i| (id(i), format!("text {i} is {}", class(i)))).collect()
    };
    let is_right = |opened: &OpenedDataset| {
        let dataset = &opened.dataset;
        let rows: Vec<_> = Split::ALL.into_iter().flat_map(|split| dataset.split(split)).collect();
        assert_eq!(rows.len(), 60);
        rows.iter().all(|row| row.text.ends_with(&dataset.label_names[row.label as usize]))
    };
    let parquet = |names: &[&str], n| tables::parquet(&ids(names, n), Compression::SNAPPY, Some(&huggingface(names)));
    let arrow = |names: &[&str], n| tables::arrow(&ids(names, n), &huggingface(names));
    let (one, other) = (["neg", "pos"], ["pos", "neg"]);

    let splits = folder(&[("train.parquet", &parquet(&one, 40)), ("test.parquet", &parquet(&other, 20))]);
    let shards = folder(&[
        ("train-00000-of-00002.parquet", &parquet(&one, 20)),
        ("train-00001-of-00002.parquet", &parquet(&other, 20)),
        ("test.arrow", &arrow(&other, 20)),
    ]);
    for folder in [&splits, &shards] {
        let opened = open(folder.path(), &options()).unwrap();
        assert!(is_right(&opened));
        assert_eq!(opened.dataset.label_names, one);
        std::fs::write(folder.path().join("labels.txt"), "pos\nneg\n").unwrap();
        let declared = open(folder.path(), &options()).unwrap();
        assert!(is_right(&declared));
        assert_eq!(declared.dataset.label_names, other);
        // As many other names are what the classes are to be called.
        std::fs::write(folder.path().join("labels.txt"), "is neg\nis pos\n").unwrap();
        let renamed = open(folder.path(), &options()).unwrap();
        assert!(is_right(&renamed));
        let note = "are called is neg, is pos, in that order";
        assert!(renamed.notes.iter().any(|other| other.ends_with(note)), "{:?}", renamed.notes);
        std::fs::write(folder.path().join("labels.txt"), "neg\npos\nneutral\n").unwrap();
        let error = message(folder, &options());
        assert!(error.contains("has the classes neg, pos in its metadata"), "{error}");
        assert!(error.contains("has neg, pos, neutral: expected as many names"), "{error}");
    }
    let foreign =
        folder(&[("train.parquet", &parquet(&one, 40)), ("test.parquet", &parquet(&["neg", "pos", "odd"], 20))]);
    assert!(is_right(&open(foreign.path(), &options()).unwrap()), "a class without rows is none");
    let unknown = tables::parquet(&ids(&other, 20), Compression::SNAPPY, Some(&huggingface(&["cat", "neg"])));
    std::fs::write(foreign.path().join("test.parquet"), unknown).unwrap();
    let error = message(&foreign, &options());
    assert!(error.starts_with("DIR/test.parquet, row 2: expected a class name (neg, pos), got \"cat\""), "{error}");
}

/// White space, missing values and whole numbers with a point.
#[test]
fn labels_are_trimmed_missing_or_whole_by_one_rule_in_every_format() {
    let labels = [" pos", "neg ", "pos\u{a0}", "neg"];
    for (ending, bytes) in tables::variants(&rows(&labels)) {
        let opened = opened(&format!("rows.{ending}"), &bytes, None).unwrap();
        assert_eq!(opened.dataset.label_names, ["neg", "pos"], "{ending}");
        assert_eq!(classes(&opened), ["pos", "neg", "pos", "neg"], "{ending}");
    }
    for missing in ["NaN", "N/A", "None", "null", "<NA>"] {
        for (ending, bytes) in tables::variants(&rows(&["pos", "neg", missing, "pos"])) {
            let error = opened(&format!("rows.{ending}"), &bytes, None).unwrap_err();
            let expected =
                format!("expected a label in column label, got {missing:?}, which other programs read as a missing");
            assert!(error.contains(&expected), "{ending}: {error}");
            let declared = folder(&[
                (&format!("test.{ending}"), &bytes),
                ("labels.txt", format!("pos\nneg\n{missing}\n").as_bytes()),
            ]);
            let evaluate = OpenOptions { purpose: Purpose::Evaluate, ..options() };
            assert_eq!(classes(&open(declared.path(), &evaluate).unwrap())[2], missing, "a declared name is a class");
        }
    }
    let floats = [0.0, 1.0, 1.0, 0.0];
    let lines: Vec<String> =
        floats.iter().enumerate().map(|(i, x)| format!("{{\"text\": \"text {i}\", \"label\": {x:?}}}\n")).collect();
    let csv: Vec<String> = floats.iter().enumerate().map(|(i, x)| format!("text {i},{x:?}\n")).collect();
    let files = [
        ("csv", format!("text,label\n{}", csv.concat()).into_bytes()),
        ("tsv", tables::tsv(&rows(&["0.0", "1.0", "1.0", "0.0"]))),
        ("jsonl", lines.concat().into_bytes()),
        ("parquet", tables::parquet_with(&Labels::Double(floats.to_vec()), plain())),
    ];
    let expected = opened("rows.tsv", &tables::tsv(&rows(&["0", "1", "1", "0"])), None).unwrap().dataset.content_hash();
    for (ending, bytes) in files {
        let opened = opened(&format!("rows.{ending}"), &bytes, None).unwrap();
        assert_eq!(
            (opened.dataset.content_hash(), opened.dataset.label_names.len()),
            (expected.clone(), 2),
            "{ending}"
        );
    }
    let halves = [
        ("csv", b"text,label\na,0\nb,1\nc,0.5\n".to_vec()),
        ("jsonl", b"{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\", \"label\": 0.5}\n".to_vec()),
    ];
    for (ending, bytes) in halves {
        let error = opened(&format!("rows.{ending}"), &bytes, None).unwrap_err();
        assert!(error.contains("expected a class name or a whole number as label, got \"0.5\""), "{error}");
    }
    let nan = tables::parquet_with(&Labels::Double(vec![0.0, 1.0, f64::NAN]), plain());
    let error = opened("rows.parquet", &nan, None).unwrap_err();
    assert_eq!(error, "DIR/rows.parquet, row 3: expected a label in column label, got NaN");
}

/// `DECIMAL(2,1)` as `duckdb` and `decimal128` as `pyarrow` store them.
#[test]
fn decimals_are_scaled_before_they_are_classes() {
    let expected = opened("rows.tsv", &tables::tsv(&rows(&["0", "1", "2", "1"])), None).unwrap().dataset.content_hash();
    let big_endian = |values: [i128; 4]| values.map(|value| value.to_be_bytes()[12..].to_vec()).to_vec();
    for labels in [
        Labels::Int32("(DECIMAL(2, 1))", vec![0, 10, 20, 10]),
        Labels::Int32("(DECIMAL(5, 2))", vec![0, 100, 200, 100]),
        Labels::Fixed("(DECIMAL(9, 3))", big_endian([0, 1000, 2000, 1000])),
        Labels::Int32("(INTEGER(8, false))", vec![0, 1, 2, 1]),
    ] {
        let opened = opened("rows.parquet", &tables::parquet_with(&labels, plain()), None).unwrap();
        assert_eq!(opened.dataset.label_names.len(), 3, "{labels:?}");
        assert_eq!(opened.dataset.content_hash(), expected, "{labels:?}");
    }
    let half = tables::parquet_with(&Labels::Int32("(DECIMAL(2, 1))", vec![0, 10, 5]), plain());
    let error = opened("rows.parquet", &half, None).unwrap_err();
    assert!(error.contains("row 3: expected a class name or a whole number as label, got \"0.5\""), "{error}");
    let dates = tables::parquet_with(&Labels::Int32("(DATE)", vec![0, 1, 1]), plain());
    let error = opened("rows.parquet", &dates, None).unwrap_err();
    assert!(error.ends_with("got Date in column label, which should hold whole numbers or strings"), "{error}");
}

/// Gzip after the levels of a data page of version 2, brotli, and LZ4.
#[test]
fn every_packing_is_read_in_both_versions_of_pages_with_nulls() {
    let labels = ["pos", "neg", "pos", "neg", "neg", "pos"].repeat(40);
    let cells = labels.iter().enumerate().map(|(i, label)| (i % 9 != 4).then_some(*label));
    let labels = Labels::Strings(cells.collect());
    let mut hashes = Vec::new();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for packing in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::ZSTD(ZstdLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
        ] {
            for has_dictionary in [true, false] {
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_compression(packing)
                    .set_dictionary_enabled(has_dictionary)
                    .set_data_page_row_count_limit(50)
                    .set_write_batch_size(25)
                    .build();
                let folder = folder(&[("test.parquet", &tables::parquet_with(&labels, properties))]);
                let evaluate = OpenOptions { purpose: Purpose::Evaluate, on_bad_row: OnBadRow::Skip, ..options() };
                let opened = open(folder.path(), &evaluate).unwrap_or_else(|e| panic!("{version:?} {packing:?}: {e}"));
                assert_eq!((opened.dataset.test.len(), opened.n_skipped), (213, 27));
                hashes.push(opened.dataset.content_hash());
            }
        }
    }
    assert_eq!(hashes.len(), 28);
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    // A page of nothing but nulls is packed to nothing.
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let packing = Compression::GZIP(GzipLevel::default());
        let properties = WriterProperties::builder().set_writer_version(version).set_compression(packing).build();
        let bytes = tables::parquet_with(&Labels::Strings(vec![None; 30]), properties);
        let error = opened("rows.parquet", &bytes, None).unwrap_err();
        assert_eq!(error, "DIR/rows.parquet, row 1: expected a label in column label, got null (and 29 more bad rows)");
    }
}

#[test]
fn all_classes_without_rows_are_named() {
    let folder =
        folder(&[("train.tsv", &tables::tsv(&rows(&["0", "4", "0", "4"]))), ("labels.txt", b"a\nb\nc\nd\ne\n")]);
    let opened = open(folder.path(), &OpenOptions { purpose: Purpose::Train, ..options() }).unwrap();
    assert_eq!(opened.dataset.label_names.len(), 5, "declared names keep ids as ids");
    let note = "train has no row of 3 of the 5 classes: b, c, d";
    assert!(opened.notes.iter().any(|other| other == note), "{:?}", opened.notes);
}

#[test]
fn names_that_differ_in_what_cannot_be_seen_are_shown_quoted() {
    let csv = tables::csv(&rows(&["pos", "pos\u{200b}", "neg", "pos"]));
    let opened = opened("rows.csv", &csv, None).unwrap();
    let note = r#"sorted: neg, pos, "pos\u{200b}""#;
    assert!(opened.notes.iter().any(|other| other.ends_with(note)), "{:?}", opened.notes);
}

#[test]
fn labels_that_are_none_of_a_models_classes_are_refused_with_both_lists() {
    let model = ["negative", "neutral", "positive"];
    let csv = |labels: &[&str]| tables::csv(&rows(labels));
    assert_eq!(
        classes(&opened("a.csv", &csv(&["POSITIVE", "Negative"]), Some(&model)).unwrap()),
        ["positive", "negative"]
    );
    let ids = opened("a.csv", &csv(&["2", "0"]), Some(&model)).unwrap();
    let note = "the labels are taken as the numbers of the classes: 0 negative, 1 neutral, 2 positive";
    assert!(ids.notes.iter().any(|other| other.ends_with(note)), "{:?}", ids.notes);
    let error = opened("a.csv", &csv(&["cat", "dog"]), Some(&model)).unwrap_err();
    assert!(
        error.starts_with("DIR/a.csv has the classes cat, dog, the model has negative, neutral, positive"),
        "{error}"
    );
}
