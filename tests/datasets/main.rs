//! Datasets as they lie on a disk: small ones made here, and the real ones where they are at hand.

mod formats;
mod hostile;
mod labels;
mod layouts;
mod splits;

use std::fs;
use std::path::{Path, PathBuf};

use shared::dataset::{Limits, OnBadRow, Split, TextCount};
use shared::random::Seed;
use tempfile::TempDir;
use trainer::open_dataset::{OpenDatasetError, OpenOptions, OpenedDataset, Purpose, RowSeeds, open};

/// What a folder and a file must be, as messages say it.
const TRAIN: &str = "train.tsv (or .csv, .jsonl, .json, .parquet, .arrow)";
const FILE: &str = "a file that ends in .tsv, .csv, .jsonl, .ndjson, .json (also with .gz or .zst), .parquet or .arrow";

fn options() -> OpenOptions {
    OpenOptions {
        purpose: Purpose::Train,
        on_bad_row: OnBadRow::Refuse,
        limits: Limits::default(),
        seeds: RowSeeds::default(),
        label_names: None,
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in it");
        fs::write(path, bytes).expect("a file in it");
    }
    folder
}

/// A TSV file of `n` rows in two classes whose texts begin with `prefix`.
fn tsv(prefix: &str, n: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..n).map(|row| format!("{}\t{prefix} {row}\n", row % 2)).collect();
    format!("label\ttext\n{}", rows.concat()).into_bytes()
}

fn sizes(opened: &OpenedDataset) -> [usize; 3] {
    Split::ALL.map(|split| opened.dataset.split(split).len())
}

fn message(folder: &TempDir, options: &OpenOptions) -> String {
    let error = open(folder.path(), options).expect_err("it cannot be opened");
    error.to_string().replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn a_full_folder_is_taken_as_it_is_and_reported_on_test() {
    let labels = b"bad\ngood\n";
    let folder = folder(&[
        ("train.tsv", &tsv("train", 40)),
        ("validation.tsv", &tsv("validation", 10)),
        ("test.tsv", &tsv("test", 8)),
        ("labels.txt", labels),
    ]);
    let opened = open(folder.path(), &options()).unwrap();
    assert_eq!(sizes(&opened), [40, 10, 8]);
    assert_eq!(opened.report_split, Split::Test);
    assert_eq!(opened.report_rows(), opened.dataset.test);
    assert_eq!(opened.dataset.label_names, ["bad", "good"]);
    assert_eq!(opened.dataset.name, folder.path().file_name().unwrap().to_string_lossy());
    assert_eq!(opened.notes, ["reported on test"]);
}

#[test]
fn validation_may_be_called_dev_or_valid_but_only_once() {
    for name in ["dev.tsv", "valid.tsv", "validation.tsv"] {
        let folder = folder(&[("train.tsv", &tsv("train", 40)), (name, &tsv("validation", 10))]);
        let opened = open(folder.path(), &options()).unwrap();
        assert_eq!(sizes(&opened), [40, 10, 0], "nothing is carved while there is a labelled split");
        assert_eq!(opened.report_split, Split::Validation);
    }
    let both = folder(&[("train.tsv", &tsv("a", 40)), ("dev.tsv", &tsv("b", 4)), ("valid.tsv", &tsv("c", 4))]);
    assert_eq!(
        message(&both, &options()),
        "dataset DIR: expected one file for validation, got dev.tsv and valid.tsv (move the other away)"
    );
}

#[test]
fn an_unlabelled_test_split_is_left_out_and_said() {
    let test = b"label\ttext\n-1\ta\n-1\tb\n";
    let folder =
        folder(&[("train.tsv", &tsv("train", 40)), ("validation.tsv", &tsv("validation", 10)), ("test.tsv", test)]);
    let opened = open(folder.path(), &options()).unwrap();
    assert_eq!((sizes(&opened), opened.report_split), ([40, 10, 0], Split::Validation));
    assert!(
        opened.notes.iter().any(|note| note.ends_with("test.tsv: all 2 rows have the label -1, so it is not used"))
    );
}

#[test]
fn missing_splits_are_carved_by_the_split_seed_and_said() {
    let folder = folder(&[("train.tsv", &tsv("train", 100))]);
    let opened = open(folder.path(), &options()).unwrap();
    assert_eq!((sizes(&opened), opened.report_split), ([81, 9, 10], Split::Test));
    assert!(
        opened
            .notes
            .iter()
            .any(|note| note.starts_with("no test split: 10 rows were carved out of train by split seed 0"))
    );
    assert!(opened.notes.iter().any(|note| note.starts_with("no validation split: 9 rows were carved")));
    assert!(opened.dataset.report.overlaps.iter().all(|overlap| overlap.n_rows == TextCount::default()));

    // A single file of the same rows gives the same splits.
    let single = open(&folder.path().join("train.tsv"), &options()).unwrap();
    assert_eq!(single.dataset.content_hash(), opened.dataset.content_hash());
    assert_eq!(single.dataset.name, "train");
    let other_seed =
        open(folder.path(), &OpenOptions { seeds: RowSeeds { train: Seed(0), split: Seed(1) }, ..options() }).unwrap();
    assert_ne!(other_seed.dataset.content_hash(), opened.dataset.content_hash());
}

#[test]
fn limits_apply_after_carving_and_are_said() {
    let folder = folder(&[("train.tsv", &tsv("train", 1000))]);
    let limits = Limits { train: Some(20), validation: None, test: Some(30) };
    let opened = open(folder.path(), &OpenOptions { limits, ..options() }).unwrap();
    assert_eq!(sizes(&opened), [20, 90, 30]);
    assert!(opened.notes.contains(&"train is limited to 20 of 810 rows, stratified, by data seed 0".to_owned()));
    assert_eq!(opened.dataset.report.splits[0].class_counts, [10, 10]);
}

#[test]
fn evaluation_takes_a_single_file_or_a_lone_test_split_whole() {
    let evaluate = OpenOptions { purpose: Purpose::Evaluate, ..options() };
    let folder = folder(&[("test.tsv", &tsv("test", 12))]);
    for path in [folder.path().to_owned(), folder.path().join("test.tsv")] {
        let opened = open(&path, &evaluate).unwrap();
        assert_eq!((sizes(&opened), opened.report_split), ([0, 0, 12], Split::Test));
    }
    let model_names = OpenOptions { label_names: Some(vec!["a".into(), "b".into(), "c".into()]), ..evaluate };
    assert_eq!(open(folder.path(), &model_names).unwrap().dataset.label_names, ["a", "b", "c"]);
    assert_eq!(message(&folder, &options()), format!("dataset DIR: expected {TRAIN} in the folder, got test.tsv"));
}

#[test]
fn skipped_rows_are_counted_over_all_files_and_named() {
    let folder = folder(&[
        ("train.tsv", &[tsv("train", 40), b"no tab\nx\ty\n".to_vec()].concat()),
        ("test.tsv", &[tsv("test", 8), b"0\t\xFF\n".to_vec()].concat()),
    ]);
    let refused = message(&folder, &options());
    assert_eq!(
        refused,
        "DIR/train.tsv, line 42: expected two columns `label<TAB>text`, got one without a tab: \"no tab\" (and 1 more bad row)"
    );
    let opened = open(folder.path(), &OpenOptions { on_bad_row: OnBadRow::Skip, ..options() }).unwrap();
    assert_eq!((opened.n_skipped, sizes(&opened)), (3, [40, 0, 8]));
    assert!(
        opened.notes.iter().any(|note| note.contains("train.tsv: 2 bad rows were skipped: line 42: ")),
        "{:?}",
        opened.notes
    );
}

#[test]
fn what_cannot_be_opened_is_named() {
    let missing = Path::new("no/such/place");
    let error = open(missing, &options()).unwrap_err();
    assert!(matches!(error, OpenDatasetError::NotFound { .. }));
    assert_eq!(
        error.to_string(),
        format!("dataset no/such/place: expected a folder with {TRAIN} or {FILE}, got nothing at that path")
    );

    let nothing = format!("dataset DIR: expected {TRAIN} in the folder, got an empty folder");
    assert_eq!(message(&folder(&[]), &options()), nothing);
    let other = folder(&[("data.csv", b""), ("readme", b"")]);
    let others = format!("dataset DIR: expected {TRAIN} in the folder, got data.csv, readme");
    assert_eq!(message(&other, &options()), others);
    let readme = open(&other.path().join("readme"), &options()).unwrap_err();
    assert!(readme.to_string().ends_with(&format!("expected {FILE}, or a folder with {TRAIN}")), "{readme}");

    let unlabelled = folder(&[("train.tsv", b"label\ttext\n-1\ta\n")]);
    assert_eq!(message(&unlabelled, &options()), "DIR/train.tsv: expected labels to train on, got -1 in every row");
    let train_only = OpenOptions { purpose: Purpose::Evaluate, ..options() };
    let train = folder(&[("train.tsv", &tsv("train", 4))]);
    assert_eq!(
        message(&train, &train_only),
        "dataset DIR: expected test.tsv or validation.tsv (or .csv, .jsonl, .json, .parquet, .arrow) in the folder, got train.tsv"
    );

    let beyond = folder(&[("train.tsv", &tsv("train", 40)), ("test.tsv", b"label\ttext\n2\ta\n")]);
    assert_eq!(message(&beyond, &options()), "DIR/test.tsv, line 2: expected a label from 0 to 1, got 2");
    let labels = folder(&[("train.tsv", &tsv("train", 40)), ("labels.txt", b"a\na\n")]);
    assert!(message(&labels, &options()).starts_with("DIR/labels.txt, line 2: "));
    let directory = folder(&[("test.tsv", &tsv("test", 4))]);
    fs::create_dir(directory.path().join("train.tsv")).unwrap();
    assert!(message(&directory, &options()).starts_with("DIR/train.tsv: cannot read it"));
}

/// Rows of train, validation and test and the number of classes, as `data/MANIFEST.md` states them.
const MANIFEST: [(&str, [usize; 3], usize); 8] = [
    ("sst2", [67_349, 872, 0], 2),
    ("imdb", [25_000, 0, 25_000], 2),
    ("agnews", [8_843, 0, 7_600], 4),
    ("emotion", [16_000, 2_000, 2_000], 6),
    ("dbpedia14", [14_000, 0, 7_600], 14),
    ("tfn_topic", [16_990, 4_117, 0], 20),
    ("rotten_tomatoes", [8_530, 1_066, 1_066], 2),
    ("trec6", [5_452, 0, 500], 6),
];

/// The folder of real datasets: `data` of `$BERT_HEAL_SHARED`, or of `shared` beside the workspace.
fn real_data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("BERT_HEAL_SHARED").map_or_else(beside, PathBuf::from);
    let data = shared.join("data");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("skipped: no real datasets at {}", data.display());
    None
}

#[test]
fn real_datasets_have_the_rows_of_their_manifest() {
    let Some(data) = real_data() else { return };
    for (name, n_rows, n_labels) in MANIFEST {
        let opened = open(&data.join(name), &options()).unwrap();
        assert_eq!((sizes(&opened), opened.dataset.label_names.len()), (n_rows, n_labels), "{name}");
        let expected = if n_rows[2] > 0 { Split::Test } else { Split::Validation };
        assert_eq!((opened.dataset.name.as_str(), opened.report_split, opened.n_skipped), (name, expected, 0));
        if name == "tfn_topic" {
            let counts = &opened.dataset.report.splits.iter().map(|split| &split.class_counts).collect::<Vec<_>>();
            assert_eq!((counts[0].iter().min(), counts[0].iter().max()), (Some(&44), Some(&3_545)), "{counts:?}");
        }
    }
}

/// The manifest counts texts that agree but for case, spacing and punctuation; by their bytes it is 5 in SST-2 and 10 in
/// TREC-6.
#[test]
fn real_datasets_have_the_leaks_of_their_manifest() {
    let Some(data) = real_data() else { return };
    let report = |name: &str| open(&data.join(name), &options()).unwrap().dataset.report;
    let test_in_train = |name: &str| {
        let report = report(name);
        let overlap = |rows_of, also_in| {
            report
                .overlaps
                .iter()
                .find(|overlap| (overlap.rows_of, overlap.also_in) == (rows_of, also_in))
                .unwrap()
                .n_rows
        };
        overlap(Split::Test, Split::Train)
    };
    let count = |exact, normalised| TextCount { exact, normalised };
    assert_eq!(report("sst2").conflicting_texts, count(5, 157));
    assert_eq!(test_in_train("imdb"), count(123, 123));
    assert_eq!(test_in_train("emotion"), count(11, 11));
    assert_eq!(test_in_train("trec6"), count(10, 11));
    assert_eq!(test_in_train("rotten_tomatoes"), count(0, 0));
}
