//! Copies of the hub's repositories, and what `save_to_disk` leaves.

use std::path::PathBuf;

use integration_tests::tables::{self, Row};
use parquet::basic::Compression;
use serde_json::json;
use shared::dataset::Split;
use tempfile::TempDir;
use trainer::open_dataset::{DatasetFiles, OpenOptions, Purpose, find, open, open_files};

use crate::{folder, message, options, sizes, tsv};

fn rows(prefix: &str, n: usize) -> Vec<Row> {
    (0..n).map(|row| ((row % 2).to_string(), format!("{prefix} {row}"))).collect()
}

fn names(files: &DatasetFiles, folder: &TempDir) -> Vec<(Split, Vec<String>)> {
    let relative = |path: &PathBuf| {
        let inside = path.strip_prefix(folder.path()).expect("a file in the folder");
        inside.to_str().expect("ASCII").replace('\\', "/")
    };
    files.splits.iter().map(|(split, files)| (*split, files.iter().map(relative).collect())).collect()
}

#[test]
fn a_copy_of_a_repository_is_the_same_data_as_its_rows_in_files() {
    let (train, test) = (rows("train", 40), rows("test", 8));
    let plain = folder(&[("train.tsv", &tables::tsv(&train)), ("test.tsv", &tables::tsv(&test))]);
    let expected = open(plain.path(), &options()).unwrap().dataset.content_hash();
    let parquet = |rows: &[Row]| tables::parquet(rows, Compression::SNAPPY, None);
    let [first, second] = [&train[..20], &train[20..]].map(parquet);
    let (csv, tsv, test) = (tables::csv(&train), tables::tsv(&train), parquet(&test));
    let readme = b"# Rows".as_slice();
    let shards = folder(&[
        ("README.md", readme),
        (".git/config", b"[core]"),
        (".git/train.tsv", b"no rows"),
        ("data/train-00000-of-00002.parquet", &first),
        ("data/train-00001-of-00002.parquet", &second),
        ("data/test-00000-of-00001.parquet", &test),
    ]);
    let folders = folder(&[("train/0000.parquet", &first), ("train/0001.parquet", &second), ("test/a.parquet", &test)]);
    let configured = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: train.csv\n  \
                      - split: test\n    path: 'test/*'\n---\n";
    let configs = folder(&[
        ("README.md", configured.as_bytes()),
        ("train.csv", &csv),
        ("train_noisy.tsv", &tsv),
        ("test/a.parquet", &test),
    ]);
    for (kind, folder) in [("shards", &shards), ("folders", &folders), ("README", &configs)] {
        let opened = open(folder.path(), &options()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(sizes(&opened), [40, 0, 8], "{kind}");
        assert_eq!(opened.dataset.content_hash(), expected, "{kind}");
    }
    let evaluated = open(folders.path(), &OpenOptions { purpose: Purpose::Evaluate, ..options() }).unwrap();
    assert_eq!(evaluated.report_split, Split::Test);
}

#[test]
fn a_configuration_of_a_copy_is_chosen_by_its_name() {
    let readme = b"---\nconfigs:\n- config_name: clean\n  default: true\n  data_files: clean.csv\n\
                   - config_name: noisy\n  data_files: [clean.csv, noisy.csv]\n  sep: ';'\n---\n";
    let csv = tables::csv(&rows("film", 20));
    let folder = folder(&[("README.md", readme), ("clean.csv", &csv), ("noisy.csv", &csv)]);
    let chosen = |config| find(folder.path(), config, Purpose::Train);
    let train = |files: &[&str]| vec![(Split::Train, files.iter().map(|file| (*file).to_owned()).collect())];
    assert_eq!(names(&chosen(None).unwrap(), &folder), train(&["clean.csv"]));
    let noisy = chosen(Some("noisy")).unwrap();
    assert_eq!(names(&noisy, &folder), train(&["clean.csv", "noisy.csv"]));
    assert!(noisy.notes.iter().any(|note| note.starts_with("sep of the configuration noisy")), "{:?}", noisy.notes);
    let error = chosen(Some("other")).unwrap_err().to_string();
    assert!(error.ends_with("it has no configuration other: README.md names clean, noisy"), "{error}");
}

#[test]
fn what_a_copy_lacks_is_said() {
    let csv = tables::csv(&rows("film", 20));
    let shards = folder(&[("data/train-00001-of-00002.csv", &csv)]);
    assert_eq!(message(&shards, &options()), "dataset DIR: some files of train are missing: data/train-00000-of-00002");
    let several = folder(&[("a/train.csv", &csv), ("b/train.csv", &csv)]);
    assert_eq!(
        message(&several, &options()),
        "dataset DIR: it has the configurations a, b: choose one, as in --config a"
    );
    let readme = b"---\nconfigs:\n- config_name: clean\n  data_files: clean*.csv\n---\n";
    let missing = folder(&[("README.md", readme), ("train.csv", &csv)]);
    assert_eq!(
        message(&missing, &options()),
        "dataset DIR: README.md: data_files of clean names clean*.csv: expected such a table, got README.md, train.csv"
    );
}

/// A folder as `datasets` 5 writes it.
fn saved() -> TempDir {
    let info = tables::features(&["bad", "good"]);
    let huggingface = json!({"info": info}).to_string();
    let (train, test) = (rows("train", 40), rows("test", 8));
    let stream = |rows: &[Row]| tables::arrow(rows, &huggingface);
    let state = |split: &str, files: &[&str]| {
        let files: Vec<_> = files.iter().map(|file| json!({"filename": file})).collect();
        json!({
            "_data_files": files,
            "_fingerprint": "8d1c",
            "_format_columns": null,
            "_format_kwargs": {},
            "_format_type": null,
            "_output_all_columns": false,
            "_split": split,
        })
        .to_string()
        .into_bytes()
    };
    let shards = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"];
    folder(&[
        ("dataset_dict.json", b"{\"splits\": [\"train\", \"unsupervised\", \"test\"]}"),
        ("train/state.json", &state("train", &shards)),
        ("train/dataset_info.json", info.to_string().as_bytes()),
        ("train/data-00000-of-00002.arrow", &stream(&train[..20])),
        ("train/data-00001-of-00002.arrow", &stream(&train[20..])),
        ("test/state.json", &state("test", &["data-00000-of-00001.arrow"])),
        ("test/dataset_info.json", info.to_string().as_bytes()),
        ("test/data-00000-of-00001.arrow", &stream(&test)),
    ])
}

#[test]
fn what_save_to_disk_leaves_is_the_same_data_with_its_class_names() {
    let names = b"bad\ngood\n";
    let plain = folder(&[("train.tsv", &tsv("train", 40)), ("test.tsv", &tsv("test", 8)), ("labels.txt", names)]);
    let expected = open(plain.path(), &options()).unwrap().dataset;
    let saved = saved();
    let opened = open(saved.path(), &options()).unwrap();
    assert_eq!(opened.dataset.label_names, ["bad", "good"]);
    assert_eq!(opened.dataset.content_hash(), expected.content_hash());
    assert!(opened.notes.contains(&"the split unsupervised of dataset_dict.json is not used".to_owned()));
    // One split by itself, and one of its streams.
    let split = open(&saved.path().join("train"), &options()).unwrap();
    assert_eq!(split.dataset.train.len() + split.dataset.validation.len() + split.dataset.test.len(), 40);
    let evaluate = OpenOptions { purpose: Purpose::Evaluate, ..options() };
    let stream = open(&saved.path().join("test/data-00000-of-00001.arrow"), &evaluate).unwrap();
    assert_eq!((stream.dataset.test.len(), stream.dataset.label_names.len()), (8, 2));
}

#[test]
fn a_damaged_stream_and_a_lying_state_end_with_a_sentence() {
    let saved = saved();
    let stream = saved.path().join("train/data-00001-of-00002.arrow");
    let whole = std::fs::read(&stream).unwrap();
    // Whatever byte is wrong, it is rows or one sentence.
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&stream, &damaged).unwrap();
        let files = find(saved.path(), None, Purpose::Train).unwrap();
        if let Err(error) = open_files(files, &options()) {
            assert!(!error.to_string().is_empty());
        }
    }
    for n_bytes in [0, 7, whole.len() / 2] {
        std::fs::write(&stream, &whole[..n_bytes]).unwrap();
        let error = message(&saved, &options());
        assert!(
            error.starts_with("DIR/train/data-00001-of-00002.arrow: expected a whole Arrow stream, got "),
            "{error}"
        );
    }
    std::fs::write(&stream, b"ARROW1\0\0").unwrap();
    assert!(message(&saved, &options()).ends_with("got Arrow's format of files with a footer (Feather)"));
    std::fs::remove_file(&stream).unwrap();
    assert!(message(&saved, &options()).contains("expected data-00001-of-00002.arrow, which its state.json names"));
    std::fs::write(saved.path().join("train/state.json"), b"{\"_data_files\": [{\"filename\": \"../x\"}]}").unwrap();
    assert!(message(&saved, &options()).contains("got \"../x\""));
}
