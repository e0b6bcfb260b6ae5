//! Files that are damaged or lie, read in this process: an error that names the file, and never a panic or an abort.
//! How much memory they take is tested with the whole program, in `cli`.

use std::fs;
use std::sync::Arc;

use integration_tests::tables::{self, Row};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use trainer::open_dataset::open;

use crate::{folder, message, options};

fn rows(n: usize) -> Vec<Row> {
    (0..n).map(|i| ((i % 2).to_string(), format!("text {i}"))).collect()
}

fn refused(name: &str, bytes: &[u8]) -> String {
    message(&folder(&[(name, bytes)]), &options())
}

#[test]
fn packed_files_that_break_off_or_are_not_packed_are_refused() {
    let csv = tables::csv(&rows(2000));
    let (gzip, zstd) = (tables::gzip(&csv), zstd::encode_all(csv.as_slice(), 3).unwrap());
    for (name, bytes, expected) in [
        ("train.csv.gz", &gzip[..gzip.len() / 2], "DIR/train.csv.gz: expected a whole gzip file, got "),
        ("train.csv.gz", &gzip[..5], "DIR/train.csv.gz: expected a whole gzip file, got "),
        ("train.csv.gz", &csv, "DIR/train.csv.gz: expected a whole gzip file, got "),
        ("train.csv.zst", &zstd[..zstd.len() / 2], "DIR/train.csv.zst: expected a whole zstd file, got "),
        ("train.csv.zst", &gzip, "DIR/train.csv.zst: expected a whole zstd file, got "),
        ("train.csv", &gzip, "DIR/train.csv: expected a header in UTF-8, got bytes that are not"),
        ("train.csv.gz", b"", "DIR/train.csv.gz: expected a "),
        ("train.tsv.zst", b"", "DIR/train.tsv.zst: expected a "),
    ] {
        let message = refused(name, bytes);
        assert!(message.starts_with(expected), "{message}");
    }
    // A flipped byte fails the checksum, or earlier.
    let mut flipped = gzip.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    assert!(refused("train.csv.gz", &flipped).starts_with("DIR/train.csv.gz: expected "));
}

#[test]
fn text_in_another_encoding_is_refused_with_its_place() {
    let utf16: Vec<u8> = "text,label\na,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes, expected) in [
        ("train.csv", &utf16[..], "DIR/train.csv: expected a column for the label"),
        (
            "train.csv",
            b"text,label\ncaf\xE9,1\n",
            "DIR/train.csv, line 2: expected UTF-8, got an invalid byte at position 4",
        ),
        ("train.csv", b"text,label\na\0b,1\n", "DIR/train.csv, line 2: expected text, got a NUL byte as byte 2 of it"),
        (
            "train.tsv",
            b"label\ttext\n1\ta\0b\n",
            "DIR/train.tsv, line 2: expected text, got a NUL byte as byte 2 of it",
        ),
        (
            "train.jsonl",
            b"{\"text\": \"a\\u0000\", \"label\": 1}\n",
            "DIR/train.jsonl, line 1: expected text, got a NUL",
        ),
        (
            "train.jsonl",
            b"{\"text\": \"\\ud800\", \"label\": 1}\n",
            "DIR/train.jsonl, line 1: expected a JSON object, got",
        ),
    ] {
        let message = refused(name, bytes);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn repeated_columns_are_refused_in_every_format() {
    let message = refused("train.csv", b"text,label,text\na,1,b\n");
    assert_eq!(message, "DIR/train.csv: expected one column text, got several: text, label, text");
    let message = refused("train.jsonl", b"{\"text\": \"a\", \"text\": \"b\", \"label\": 1}\n");
    assert_eq!(message, "DIR/train.jsonl: expected one column text, got several: text, text, label");
    let schema = "message m { required binary text (UTF8); required binary text (UTF8); required int64 label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let bytes = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap().into_inner().unwrap();
    let message = refused("train.parquet", &bytes);
    assert_eq!(message, "DIR/train.parquet: expected one column text, got several: text, text, label");
}

#[test]
fn a_parquet_file_whose_footer_lies_is_refused() {
    let good = tables::parquet(&rows(200), Compression::SNAPPY, None);
    let tail = good.len() - 8;
    let footer_of = |length: u32| [&good[..tail], &length.to_le_bytes(), b"PAR1"].concat();
    for (bytes, expected) in [
        (footer_of(u32::MAX), "got a footer of 4294967295 bytes in a file of "),
        (footer_of(1 << 30), "got a footer of 1073741824 bytes in a file of "),
        (footer_of(0), "got "),
        (footer_of(5), "got "),
        (good[..tail].to_vec(), "got an end that is not a Parquet footer's"),
        (good[good.len() / 2..].to_vec(), "got "),
        (b"PAR1".to_vec(), "got 4 bytes"),
        (Vec::new(), "got 0 bytes"),
        (tables::csv(&rows(20)), "got an end that is not a Parquet footer's"),
    ] {
        let message = refused("train.parquet", &bytes);
        assert!(message.starts_with("DIR/train.parquet: expected a whole Parquet file, got"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

/// Groups of one group each, a few more than are followed.
#[test]
fn a_parquet_schema_of_too_deep_groups_is_refused() {
    // version 1; schema: a list of structures, each with repetition 0 (field 3), a name (4) and one child (5).
    let n = 110;
    let mut footer = vec![0x15, 0x02, 0x19, 0xFC, n];
    for _ in 0..n {
        footer.extend([0x35, 0x00, 0x18, 0x01, b'x', 0x15, 0x02, 0x00]);
    }
    let length = footer.len() as u32;
    let bytes = [b"PAR1", footer.as_slice(), &length.to_le_bytes(), b"PAR1"].concat();
    let message = refused("train.parquet", &bytes);
    assert!(message.ends_with("expected a whole Parquet file, got columns nested more than 100 deep"), "{message}");
}

#[test]
fn a_parquet_group_of_one_column_too_many_is_refused() {
    let good = tables::parquet(&rows(20), Compression::SNAPPY, None);
    // The root: its name (field 4), the number of its children (5), zigzag, and the end.
    let root = b"\x48\x06schema\x15\x04\x00";
    let at = good.windows(root.len()).rposition(|bytes| bytes == root).unwrap() + root.len() - 2;
    let mut bytes = good;
    bytes[at] = 6;
    let message = refused("train.parquet", &bytes);
    assert!(message.ends_with("got 3 more columns in a schema that has 2"), "{message}");
}

/// Every byte of small files changed, in one of several ways, and many lengths cut: whatever the outcome, there is one.
#[test]
fn no_single_changed_byte_of_a_parquet_file_takes_the_program_down() {
    let packings =
        [Compression::SNAPPY, Compression::GZIP(GzipLevel::default()), Compression::ZSTD(ZstdLevel::default())];
    let folder = folder(&[]);
    let path = folder.path().join("train.parquet");
    let mut n_refused = 0;
    for packing in packings {
        let good = tables::parquet(&rows(40), packing, None);
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= [0x01, 0x80, 0xFF][at % 3];
            fs::write(&path, &bytes).unwrap();
            if let Err(error) = open(&path, &options()) {
                n_refused += 1;
                assert!(error.to_string().contains("train.parquet"), "{error}");
            }
            if at % 7 == 0 {
                fs::write(&path, &good[..at]).unwrap();
                assert!(open(&path, &options()).is_err(), "cut at {at}");
            }
        }
    }
    assert!(n_refused > 300, "changes are noticed: {n_refused}");
}
