//! The experiment files that come with the program.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Case, results, said, walk};
use crate::fixture::{text, tiny_model};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("trainer/experiments");
    let mut files: Vec<PathBuf> =
        walk(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

#[test]
fn every_shipped_experiment_is_one() {
    let files = shipped();
    assert_eq!(
        files.iter().filter(|path| path.parent().unwrap().ends_with("paper")).count(),
        12,
        "six and their twins"
    );
    for path in files {
        let (code, words) = said(&["sweep", text(&path), "--out", "/nonexistent/sweep", "--list"]);
        assert_eq!(code, 0, "{}: {words}", path.display());
        let is_paper = path.parent().unwrap().ends_with("paper") && !text(&path).ends_with("-small.toml");
        let cells = words.lines().filter(|line| line.contains(" new ")).count();
        // 3 models, 2 ends, 4 levels, 10 seeds; the twins 2 ends, 3 levels, 2 seeds.
        if is_paper {
            assert_eq!(cells, 240, "{}", path.display());
            assert!(words.contains("FLOP of training") && words.contains("MiB for each of"), "{words}");
        }
    }
}

#[test]
fn the_experiment_file_of_the_documentation_is_one() {
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/sweeps.md")).unwrap();
    let block = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documented.toml");
    fs::write(&path, block).unwrap();
    let (code, words) = said(&["sweep", text(&path), "--out", "/nonexistent/sweep", "--list"]);
    assert_eq!(code, 0, "{words}");
}

/// With a tiny model and tiny rows in place of those that it names.
#[test]
fn the_small_twin_of_every_experiment_of_the_paper_runs() {
    for path in shipped().iter().filter(|path| text(path).ends_with("-small.toml")) {
        let case = Case::new(60, 20);
        let (model, data, out) = (tiny_model(), case.path("data"), case.path("sweep"));
        let set = [format!("model={}", text(&model)), format!("dataset={}", text(&data))];
        let words = ["sweep", text(path), "--out", text(&out), "--set", &set[0], "--set", &set[1], "--set", "seed=0"];
        let (code, said) = said(&[&words[..], &["--set", "max_length=32", "--set", "level=[0.5, 1]"]].concat());
        assert_eq!(code, 0, "{}: {said}", path.display());
        assert_eq!(results(&out).len(), 4);
    }
}
