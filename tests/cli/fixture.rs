//! A tiny model and a tiny dataset on disk, for tests of whole commands.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::seed::Seed;

use crate::bert_heal;

/// The golden BERT: two layers, hidden size 32, a head for three classes.
pub fn tiny_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tiny-bert")
}

/// The golden DistilBERT.
pub fn tiny_distilbert() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tiny-distilbert")
}

/// A copy of the tiny model that a test may damage.
pub fn copy_of_model(folder: &Path) -> PathBuf {
    let copy = folder.join("model");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(tiny_model()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}

/// Sentences of three classes in the tiny vocabulary, of different lengths, with a rule that can be learnt: the
/// adjective decides.
pub fn dataset(folder: &Path, n_train: usize, n_test: usize) -> PathBuf {
    let path = folder.join("data");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("labels.txt"), "negative\nneutral\npositive\n").unwrap();
    fs::write(path.join("train.tsv"), rows("train", n_train)).unwrap();
    fs::write(path.join("test.tsv"), rows("test", n_test)).unwrap();
    path
}

fn rows(split: &str, n: usize) -> String {
    let words = [["bad", "sad", "worst"], ["slow", "cold", "was"], ["good", "happy", "warm"]];
    let stream = Seed(17).stream("test/rows", split);
    let pick = |index: usize, bound: usize| stream.below_at(index as u64, bound as u64) as usize;
    let row = |i: usize| {
        let label = pick(4 * i, 3);
        let noun = ["film", "plot", "actor", "cafe"][pick(4 * i + 1, 4)];
        let filler = "the and of ".repeat(pick(4 * i + 2, 4));
        let adjective = words[label][pick(4 * i + 3, 3)];
        format!("{label}\t{filler}the {noun} {i} is {adjective}\n")
    };
    std::iter::once("label\ttext\n".to_owned()).chain((0..n).map(row)).collect()
}

/// Runs the program to its end and reads the one JSON value it prints.
pub fn json(args: &[&str]) -> Value {
    let output = bert_heal().args(args).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

/// SHA-256 (hex) of a file.
pub fn hash(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))))
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
