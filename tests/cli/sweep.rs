//! Sweeps: many runs from one experiment file.

mod killed;
#[cfg(unix)]
mod launcher;
mod life;
mod shipped;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{dataset, json, run_words, text, tiny_model};
use crate::schemas::violations;

/// A folder with rows, in which a sweep runs.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(n_train: usize, n_test: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        dataset(folder.path(), n_train, n_test);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An experiment file with these lines of a grid, and what else stands behind it.
    fn experiment(&self, grid: &str, rest: &str) -> PathBuf {
        let path = self.path("levels.toml");
        let (model, data) = (tiny_model(), self.path("data"));
        let fixed = "epochs = 2\nbatch_size = 16\nmax_length = 32\nlearning_rate = 3e-3\n";
        let head = format!("name = \"levels\"\n[grid]\nmodel = '{}'\ndataset = '{}'\n", text(&model), text(&data));
        fs::write(&path, format!("{head}{fixed}{grid}\n{rest}")).unwrap();
        path
    }

    /// The words of a sweep of an experiment file into the folder `out`.
    fn words<'a>(experiment: &'a Path, out: &'a Path) -> Vec<&'a str> {
        vec!["sweep", text(experiment), "--out", text(out), "--workers", "2", "--threads", "2"]
    }
}

/// The lines of a sweep's results.
fn results(sweep: &Path) -> Vec<Value> {
    let text = fs::read_to_string(sweep.join("results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a command says on stdout and stderr, and its exit code.
fn said(words: &[&str]) -> (i32, String) {
    let output = bert_heal().args(words).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&both).into_owned())
}

const TWO_PLANS: &str =
    "protocol = \"finetuned\"\nscheme = \"kaiming\"\nplace = \"bottom\"\nlevel = [0.5, 1]\nseed = [1, 2]";

#[test]
fn a_sweep_gives_the_figures_of_single_runs_bit_for_bit() {
    let case = Case::new(90, 40);
    let grid =
        "protocol = [\"finetuned\", \"pretrained\"]\ncorrupt = [\"kaiming@bottom:0.5\", \"zero:0.3@all\"]\nseed = 5";
    let (experiment, out) = (case.experiment(grid, ""), case.path("sweep"));
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    let records = results(&out);
    assert_eq!(records.len(), 4);
    for (i, record) in records.iter().enumerate() {
        assert_eq!(violations("run", record), Vec::<String>::new());
        let (protocol, plan) =
            (record["spec"]["protocol"].as_str().unwrap(), record["spec"]["corruption"].as_str().unwrap());
        let (model, data, run) = (tiny_model(), case.path("data"), case.path(&format!("runs-{i}/a")));
        let recipe = "--json --seed 5 --epochs 2 --batch-size 16 --max-length 32 --learning-rate 3e-3";
        let words = run_words(&model, &data, &run, recipe);
        let single = json(&[&words[..], &["--protocol", protocol, "--corrupt", plan]].concat());
        for field in
            ["run_id", "spec", "healthy", "control", "corrupted", "healed", "recovery", "deficit", "hashes", "numerics"]
        {
            assert_eq!(record[field], single[field], "{protocol} {plan}: {field}");
        }
        assert!(record["train"]["secs"].is_null() && record["peak_rss_mib"].is_null(), "no measurements: {record:#}");
    }
}

#[test]
fn a_cell_leaves_little_and_after_clean_no_weights_are_left() {
    let case = Case::new(90, 400);
    let (experiment, out) = (case.experiment(TWO_PLANS, ""), case.path("sweep"));
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(out.join(folder))
            .map(|entries| entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect());
        entries.unwrap_or_default()
    };
    assert_eq!(names("attempts"), Vec::<String>::new(), "work that is done is gone");
    assert_eq!(names("results").len(), 4);
    for name in names("results") {
        let size = fs::metadata(out.join("results").join(name)).unwrap().len();
        assert!(size < 20_000, "{size}");
    }
    assert_eq!(names("undamaged").len(), 4, "a healthy model and a control for each of two seeds");
    let before = fs::read(out.join("results.jsonl")).unwrap();
    bert_heal().args(["sweep", "clean", text(&out)]).assert().success();
    let weights =
        walk(&out).into_iter().filter(|path| path.extension().is_some_and(|end| end == "safetensors")).count();
    assert_eq!(weights, 0);
    // All that is reported is still there, and nothing is to be computed.
    fs::remove_file(out.join("results.jsonl")).unwrap();
    bert_heal().args(["sweep", "collect", text(&out)]).assert().success();
    assert!(fs::read(out.join("results.jsonl")).unwrap() == before);
    let (code, words) = said(&Case::words(&experiment, &out));
    assert!(code == 0 && !words.contains("healed "), "{words}");
}

/// The report of a sweep judges its own claims, over rows as well as seeds, and knows the sentences.
#[test]
fn the_report_of_a_sweep_judges_its_claims_with_the_predictions_that_were_kept() {
    let case = Case::new(90, 40);
    let claims = "[[claims]]\nname = \"does it heal\"\nfamily = \"primary\"\nquestion = \"full-recovery\"";
    let (experiment, out) = (case.experiment(TWO_PLANS, claims), case.path("sweep"));
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    bert_heal().args(["sweep", "clean", text(&out)]).assert().success();
    let report = json(&["report", text(&out), "--json"]);
    let judgements = report["judgements"].as_array().unwrap();
    assert_eq!(judgements.len(), 2, "one for each plan: {report:#}");
    for judgement in judgements {
        assert_eq!((&judgement["claim"], &judgement["n_pairs"]), (&"does it heal".into(), &2.into()));
        assert!(judgement["sentence"].as_str().unwrap().contains("over seeds and rows"), "{judgement:#}");
    }
    let page = fs::read_to_string(out.join("report/report.md")).unwrap();
    assert!(page.contains("the plot") || page.contains("the film"), "sentences that only one model gets right: {page}");
    assert!(out.join("report/runs.csv").is_file());
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn a_cell_without_damage_and_kept_checkpoints() {
    let case = Case::new(60, 30);
    let grid = "corrupt = [\"none\", \"kaiming@top:0.5\"]\nseed = 1";
    let (experiment, out) = (case.experiment(grid, ""), case.path("sweep"));
    bert_heal().args(Case::words(&experiment, &out)).arg("--keep-checkpoints").assert().success();
    let records = results(&out);
    assert!(records[0]["corrupted"].is_null() && records[0]["spec"]["corruption"].is_null());
    assert_eq!(records[0]["healthy"], records[1]["healthy"]);
    let kept: Vec<PathBuf> =
        walk(&out.join("checkpoints")).into_iter().filter(|path| path.ends_with("model.safetensors")).collect();
    assert_eq!(kept.len(), 2, "corrupted and healed of the one cell that has them");
    for path in kept {
        let which = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(crate::fixture::hash(&path), records[1]["hashes"]["checkpoints"][&which]);
    }
}

#[test]
fn mistakes_in_an_experiment_file_are_told_with_line_and_way_out() {
    let case = Case::new(10, 5);
    let out = case.path("sweep");
    for (grid, rest, expected) in [
        ("learnin_rate = 1e-4", "", "unknown key \"learnin_rate\"; did you mean \"learning_rate\"?"),
        ("train-limit = 5", "", "did you mean \"train_limit\"?"),
        ("seed = 1\nwhich = 1", "", "line 10: unknown key \"which\""),
        ("corrupt = \"kaiming@bottum:0.5\"", "", "plan kaiming@bottum:0.5"),
        ("scheme = \"kaiming\"\nlevel = 1", "", "has no place"),
        ("seed = \"5-1\"", "", "a range such as \"0-5\""),
        ("seed = [1, 1]", "", "seed has 1 twice"),
        ("epochs = [2, 3]", "", "key"),
        ("freeze = \"bottum\"", "", "freeze"),
        ("seed = [1, 2]", "[[exclude]]\nseed = 3", "seed of [grid] has no 3"),
        ("seed = 1", "[[exclude]]\nseed = 1", "has no cell"),
        ("seed = 1", "[[claims]]\nname = \"a\"\nfamly = \"primary\"", "did you mean \"family\"?"),
        ("dropout = 2", "", "--dropout"),
        ("random_init = 3", "", "random_init = 3: expected true or false"),
    ] {
        let experiment = case.experiment(grid, rest);
        let (code, words) = said(&[&Case::words(&experiment, &out)[..], &["--list"]].concat());
        assert_eq!(code, 2, "{grid}: {words}");
        assert!(words.contains(expected) && words.contains("levels.toml"), "{grid}\n{words}");
    }
    assert!(!out.exists(), "nothing was left behind");
    let (code, words) = said(&["sweep", "missing.toml"]);
    assert!(code == 2 && words.contains("missing.toml"), "{words}");
}
