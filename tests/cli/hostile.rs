//! Files made to take all memory or to break their reader: exit code 2, one sentence, no folder left behind, and memory
//! within a bound. Peak memory is read from `/proc`, so it is checked on Linux only.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use integration_tests::tables;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::fixture::{copy_of_model, dataset, text, tiny_model};

/// Bytes that no refusal may take: the 64 MiB that a small file may expand to or a line may have, once more while it
/// grows, and the program itself.
const MAX_MEMORY_BYTES: u64 = 320 << 20;

/// Runs the program on a dataset or model that must be refused; returns its one sentence.
fn refused(model: &Path, data: &Path, folder: &Path) -> String {
    let out = folder.join("out/run");
    let mut child = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"))
        .args(["run", "--model", text(model), "--dataset", text(data), "--out", text(&out)])
        .args(["--max-length", "32", "--max-steps", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_bytes = None;
    while child.try_wait().unwrap().is_none() {
        peak_bytes = peak_memory_bytes(&status).or(peak_bytes);
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty() && !stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "one message: {stderr}");
    assert!(stderr.len() < 1000, "a sentence: {stderr}");
    assert!(!folder.join("out").exists(), "a folder was left behind: {stderr}");
    match peak_bytes {
        Some(peak) => assert!(peak < MAX_MEMORY_BYTES, "{} MiB: {stderr}", peak >> 20),
        None => eprintln!("skipped: peak memory, for want of {status}"),
    }
    stderr
}

/// The most memory that a process has had resident, as far as it still runs.
fn peak_memory_bytes(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

/// A dataset whose one file `write` makes; the message must name it and have every one of `expected`.
fn hostile_data(name: &str, write: impl FnOnce(&mut File), expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    write(&mut File::create(data.join(name)).unwrap());
    let stderr = refused(&tiny_model(), &data, folder.path());
    for part in [&[name], expected].concat() {
        assert!(stderr.contains(part), "expected {part:?} in: {stderr}");
    }
}

/// A good model after `damage`; the message must have every one of `expected`.
fn hostile_model(damage: impl FnOnce(&Path), expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    let model = copy_of_model(folder.path());
    damage(&model);
    let stderr = refused(&model, &data, folder.path());
    for part in expected {
        assert!(stderr.contains(part), "expected {part:?} in: {stderr}");
    }
}

/// A model whose weights are a pickle; the message must name the file and have every one of `expected`.
fn hostile_weights(bytes: &[u8], expected: &[&str]) {
    let damage = |model: &Path| {
        fs::remove_file(model.join("model.safetensors")).unwrap();
        fs::write(model.join("pytorch_model.bin"), bytes).unwrap();
    };
    hostile_model(damage, &[&["pytorch_model.bin"], expected].concat());
}

/// Gives a file of a model this beginning and gigabytes of zeros, which take no room on the disk.
fn lengthen(path: &Path, beginning: &[u8], n_bytes: u64) {
    fs::write(path, beginning).unwrap();
    File::options().write(true).open(path).unwrap().set_len(n_bytes).unwrap();
}

/// Rows without end: gzip members and zstd frames may follow each other, so 4 GiB cost no time to make.
#[test]
fn packed_files_that_expand_without_end() {
    let rows = "1\tthe film is good\n".repeat(1 << 20);
    let header = "label\ttext\n";
    let bomb = |pack: &dyn Fn(&[u8]) -> Vec<u8>| {
        let (header, part) = (pack(header.as_bytes()), pack(rows.as_bytes()));
        move |file: &mut File| {
            file.write_all(&header).unwrap();
            (0..200).for_each(|_| file.write_all(&part).unwrap());
        }
    };
    let expected = ["unpacks to at most 200 times its size or 64 MiB"];
    hostile_data("train.tsv.zst", bomb(&|bytes| zstd::encode_all(bytes, 3).unwrap()), &expected);
    // gzip reaches a ratio of 450 on these rows: 10 MB of file, of which 64 MiB and then 200 times as much are allowed.
    let part = tables::gzip(rows.as_bytes());
    let small = |file: &mut File| {
        file.write_all(&tables::gzip(header.as_bytes())).unwrap();
        (0..5).for_each(|_| file.write_all(&part).unwrap());
    };
    hostile_data("train.tsv.gz", small, &expected);
}

#[test]
fn a_line_of_a_gigabyte() {
    let line = |header: &'static str| {
        move |file: &mut File| {
            file.write_all(header.as_bytes()).unwrap();
            file.set_len(1 << 30).unwrap();
        }
    };
    let expected = ["lines of at most 64 MiB", "as line 2"];
    hostile_data("train.csv", line("text,label\n"), &expected);
    hostile_data("train.tsv", line("label\ttext\n"), &expected);
    hostile_data("train.jsonl", line("{}\n"), &expected);
}

#[test]
fn json_nested_a_million_deep() {
    let deep =
        |opening: &'static str| move |file: &mut File| file.write_all(opening.repeat(1 << 20).as_bytes()).unwrap();
    hostile_data("train.jsonl", deep("["), &["line 1", "expected a JSON object"]);
    hostile_data("train.jsonl", deep("{\"a\":"), &["line 1", "expected a JSON object"]);
    hostile_data("train.json", deep("["), &["expected an array of objects"]);
}

/// A page of one text of 70 MiB, packed to some kilobytes; and a dictionary of one text that a thousand rows name.
#[test]
fn parquet_that_expands_without_end() {
    let expected = ["unpacks to at most 200 times its size or 64 MiB"];
    let long = [("0".to_owned(), "x".repeat(70 << 20)), ("1".to_owned(), "y".to_owned())];
    for packing in [Compression::GZIP(GzipLevel::default()), Compression::ZSTD(ZstdLevel::default())] {
        let bytes = tables::parquet(&long, packing, None);
        hostile_data("train.parquet", |file| file.write_all(&bytes).unwrap(), &expected);
    }
    let text = "x".repeat(256 << 10);
    let repeated: Vec<_> = (0..1000).map(|i| ((i % 2).to_string(), text.clone())).collect();
    let bytes = tables::parquet(&repeated, Compression::SNAPPY, None);
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    hostile_data("train.parquet", |file| file.write_all(&bytes).unwrap(), &expected);
}

#[test]
fn files_of_a_model_that_have_gigabytes() {
    let too_large = "expected at most 64 MiB";
    for name in ["config.json", "tokenizer.json", "vocab.txt", "tokenizer_config.json"] {
        hostile_model(|model| lengthen(&model.join(name), b"{", 4 << 30), &[name, too_large]);
    }
    let index = "model.safetensors.index.json";
    let damage = |model: &Path| {
        fs::remove_file(model.join("model.safetensors")).unwrap();
        lengthen(&model.join(index), b"{", 4 << 30);
    };
    hostile_model(damage, &[index, too_large]);
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    lengthen(&data.join("labels.txt"), b"a\n", 4 << 30);
    let stderr = refused(&tiny_model(), &data, folder.path());
    assert!(stderr.contains("labels.txt") && stderr.contains(too_large), "{stderr}");
}

#[test]
fn weights_that_have_gigabytes() {
    let name = "model.safetensors";
    let with_header = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let tensor = r#"{"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}"#;
    for (beginning, n_bytes, expected) in [
        (Vec::new(), 6 << 30, "its header: EOF"),
        ((90_u64 << 20).to_le_bytes().to_vec(), 6 << 30, "its header"),
        (with_header("{}"), 6 << 30, "its header describes a file of 10 bytes"),
        (with_header(tensor), (4 << 30) + 8 + tensor.len() as u64, "a model of this config at most"),
    ] {
        hostile_model(|model| lengthen(&model.join(name), &beginning, n_bytes), &[name, expected]);
    }
}

#[test]
fn a_config_that_claims_a_trillion_labels() {
    let damage = |model: &Path| {
        let path = model.join("config.json");
        let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let fields = config.as_object_mut().unwrap();
        fields.remove("id2label");
        fields.insert("num_labels".into(), (1_u64 << 40).into());
        fs::write(path, config.to_string()).unwrap();
    };
    hostile_model(damage, &["config.json", "1099511627776 labels"]);
}

/// A zip as PyTorch writes it, with this program as its pickle.
fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("archive/data.pkl", pickle), ("archive/data/0", &[0; 64])] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn pickles_that_are_too_large_nested_too_deep_or_claim_too_much() {
    // Memo 0 is a number, then 21 times the pair of itself with itself: twice as many objects as are allowed.
    let doubling = [b"\x80\x02K\x01q\x00".as_slice(), &b"h\x00h\x00\x86q\x00".repeat(21), b"."].concat();
    hostile_weights(&checkpoint(&doubling), &["its pickle is larger than that of any model"]);
    let nested = [b"\x80\x02K\x01".as_slice(), &b"\x85".repeat(40), b"."].concat();
    hostile_weights(&checkpoint(&nested), &["nested without end"]);
    hostile_weights(&checkpoint(b"\x80\x02X\xFF\xFF\xFF\xFFabc."), &["a string in its pickle breaks off"]);
    hostile_weights(&checkpoint(b"\x80\x02}q\x00"), &["its pickle"]);
    // A tensor of 2^31 numbers over a storage of 64 bytes.
    let tensor = b"\x80\x02}(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
        X\x01\0\0\x000X\x03\0\0\0cpuK\x10tQK\x00J\xFF\xFF\xFF\x7F\x85K\x01\x85\x89}tRu.";
    hostile_weights(&checkpoint(tensor), &["\"w\"", "takes more than the file has"]);
}

#[test]
fn zips_that_claim_more_than_they_have() {
    let mut bytes = checkpoint(b"\x80\x02}.");
    let entry = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    // The sizes of the first entry of the directory: 2 GiB packed and unpacked.
    bytes[entry + 20..entry + 28].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F]);
    hostile_weights(&bytes, &["expected a PyTorch checkpoint"]);
    hostile_weights(b"PK\x03\x04 and then nothing", &["expected a PyTorch checkpoint"]);
}

/// The file would be there if anything had called what the pickle names.
#[test]
fn pickles_that_call_a_function_call_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("called");
    let command = format!("touch {}", text(&witness));
    let length = u8::try_from(command.len()).unwrap();
    let call = [b"\x80\x02cos\nsystem\nX".as_slice(), &[length, 0, 0, 0], command.as_bytes(), b"\x85R."].concat();
    hostile_weights(&checkpoint(&call), &["its pickle is no table of tensors"]);
    let in_table = [b"\x80\x02}X\x01\0\0\0w".as_slice(), &call[2..call.len() - 1], b"s."].concat();
    hostile_weights(&checkpoint(&in_table), &["\"w\" in its table is no plain tensor"]);
    assert!(!witness.exists());
}

#[test]
fn checkpoints_that_are_older_or_something_else_say_what_to_do() {
    hostile_weights(
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
        &["from before PyTorch 1.6", "it has not the protocol of one", "safe_serialization=True"],
    );
    hostile_weights(b"<!DOCTYPE html>", &["does not begin as a zip does"]);
    hostile_weights(b"", &["does not begin as a zip does"]);
}
