//! A tiny model and a tiny dataset on disk, for tests of whole commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::random::Seed;

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
    copy_folder(&tiny_model(), &copy);
    copy
}

/// Copies the files of a folder.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
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

/// The words of a command: its name, flags that take a path, and more words, none of which has a blank in it.
pub fn command<'a>(name: &'a str, paths: &[(&'a str, &'a Path)], more: &'a str) -> Vec<&'a str> {
    let paths = paths.iter().flat_map(|&(flag, path)| [flag, text(path)]);
    name.split(' ').chain(paths).chain(more.split_whitespace()).collect()
}

/// The words of a run.
pub fn run_words<'a>(model: &'a Path, data: &'a Path, out: &'a Path, more: &'a str) -> Vec<&'a str> {
    command("run", &[("--model", model), ("--dataset", data), ("--out", out)], more)
}

/// Runs the program to its end and reads the one JSON value it prints.
pub fn json(args: &[&str]) -> Value {
    let output = bert_heal().args(args).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

/// What the program says of what it must refuse: with exit code 2 and nothing on stdout.
pub fn refused(args: &[&str]) -> String {
    refused_with(args, "")
}

/// The same with these texts on stdin.
pub fn refused_with(args: &[&str], texts: &str) -> String {
    let output = bert_heal().args(args).write_stdin(texts).assert().code(2).stdout("");
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = read_json(path);
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// SHA-256 (hex) of a file.
pub fn hash(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))))
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// The program as a process of its own, to be disturbed; it may say what it likes.
pub fn program(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"));
    command.args(args).env("NO_COLOR", "1").stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The steps that a run has on record.
pub fn steps(out: &Path) -> usize {
    fs::read(out.join("metrics.jsonl")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until a run has so many steps on record; `false` when it came to its end before.
pub fn wait_for_steps(child: &mut Child, out: &Path, n: usize) -> bool {
    let started = Instant::now();
    while steps(out) < n {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the run failed before step {n}: {status}");
            return false;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "no progress");
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// What `disturb` makes of a run of so many epochs. It says nothing when the run was over before it could be disturbed, as
/// on a fast machine it may be; then a longer one is taken.
pub fn long_enough<T>(disturb: impl FnMut(usize) -> Option<T>) -> T {
    [8, 40, 200, 1000].into_iter().find_map(disturb).expect("a run of 1,000 epochs can be disturbed")
}
