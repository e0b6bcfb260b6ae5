//! Rows that are pairs of texts, such as premise and hypothesis.

use std::fs;
use std::path::Path;

use integration_tests::tables;
use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{json, refused, run_words, text, tiny_distilbert, tiny_model};
use crate::schemas::violations;

const NAMES: [&str; 3] = ["negative", "neutral", "positive"];

/// Pairs with the class that the model itself gives them, so that a right evaluation gives 100 %.
fn oracle(folder: &Path, model: &Path) -> Vec<[String; 3]> {
    let first =
        ["the film is good", "the plot was bad", "a slow cafe", "happy warm actor", "sad worst plot", "cold film"];
    let second = ["good", "the actor was sad and the plot slow", "bad film", "a warm cafe", "the worst"];
    let pairs: Vec<String> = (0..60).map(|i| format!("{}\t{}", first[i % 6], second[i / 6 % 5])).collect();
    let file = folder.join("pairs.txt");
    fs::write(&file, pairs.join("\n")).unwrap();
    let said = json(&["predict", "--model", text(model), "--input", text(&file), "--pairs", "--json"]);
    assert_eq!(violations("predict", &said), Vec::<String>::new());
    let field = |said: &Value, name: &str| said[name].as_str().unwrap().to_owned();
    let rows = said.as_array().unwrap().iter();
    rows.map(|said| [field(said, "text"), field(said, "text_pair"), field(said, "label")]).collect()
}

fn csv(header: &str, rows: &[[String; 3]]) -> String {
    let lines = rows.iter().map(|row| row.join(","));
    std::iter::once(header.to_owned()).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
}

fn evaluated(model: &Path, data: &Path, more: &[&str]) -> (Value, String) {
    let out = data.with_extension("out");
    let args = ["evaluate", "--model", text(model), "--dataset", text(data), "--out", text(&out), "--json"];
    let output = bert_heal().args(args).args(more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

/// C24: joined by a space the tiny BERT had 62.5 %, the tiny DistilBERT 58.3 %.
#[test]
fn pairs_are_read_as_pairs_by_guess_and_by_flag_from_every_format() {
    for model in [tiny_model(), tiny_distilbert()] {
        let folder = tempfile::tempdir().unwrap();
        let rows = oracle(folder.path(), &model);
        let distinct = NAMES.iter().filter(|name| rows.iter().any(|[.., label]| label == **name)).count();
        assert!(distinct >= 2, "{rows:?}");
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let of_json = |[text, pair, label]: &[String; 3]| {
            json!({"idx": 3, "question": text, "sentence": pair, "label": label}).to_string()
        };
        let lines: Vec<String> = rows.iter().map(of_json).collect();
        let tsv = csv("premise,hypothesis,label", &rows).replace(',', "\t");
        let other = ["--text-column", "a", "--text-pair-column", "b", "--label-column", "label"];
        let both = ["--text-column", "premise,hypothesis"];
        let files: [(&str, String, &[&str]); 5] = [
            ("test.csv", csv("premise,hypothesis,label", &rows), &[]),
            ("test.csv", csv("premise,hypothesis,label", &rows), &both),
            ("test.csv", csv("a,b,label", &rows), &other),
            ("test.jsonl", lines.join("\n"), &[]),
            ("test.tsv", tsv, &["--delimiter", "tab"]),
        ];
        for (name, content, flags) in files {
            fs::write(data.join(name), content).unwrap();
            let (value, said) = evaluated(&model, &data, flags);
            assert_eq!(value["accuracy"], 1.0, "{name} {flags:?}: {said}");
            assert_eq!(said.contains("is a pair of texts"), flags != other, "{name} {flags:?}: {said}");
            fs::remove_file(data.join(name)).unwrap();
        }
        // One of the two alone is another question.
        fs::write(data.join("test.csv"), csv("premise,hypothesis,label", &rows)).unwrap();
        let (value, _) = evaluated(&model, &data, &["--text-column", "hypothesis"]);
        assert!(value["accuracy"].as_f64().unwrap() < 1.0);
    }
}

#[test]
fn a_parquet_file_of_pairs_is_read_as_its_csv_is() {
    let folder = tempfile::tempdir().unwrap();
    let rows = oracle(folder.path(), &tiny_model());
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    fs::create_dir(&a).unwrap();
    fs::create_dir(&b).unwrap();
    fs::write(a.join("test.csv"), csv("sentence1,sentence2,label", &rows)).unwrap();
    let table = tables::parquet_of_strings(["sentence1", "sentence2", "label"], &rows);
    fs::write(b.join("test.parquet"), table).unwrap();
    let hash = |data: &Path| evaluated(&tiny_model(), data, &[]).0["hashes"]["data"].clone();
    assert_eq!(hash(&a), hash(&b));
}

#[test]
fn a_run_on_pairs_is_evaluated_and_reported_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let rows = oracle(folder.path(), &tiny_model());
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    for split in ["train", "test"] {
        fs::write(data.join(format!("{split}.csv")), csv("premise,hypothesis,label", &rows)).unwrap();
    }
    let (model, run) = (tiny_model(), folder.path().join("run"));
    let more = "--corrupt kaiming@bottom:0.5 --max-steps 4 --batch-size 8 --json";
    let record = json(&run_words(&model, &data, &run, more));
    for which in ["healthy", "corrupted", "healed"] {
        let (value, _) = evaluated(&run, &data, &["--which", which]);
        assert_eq!(value["accuracy"], record[which]["accuracy"], "{which}");
        assert_eq!(value["hashes"]["data"], record["hashes"]["data"]);
    }
    let report = folder.path().join("report");
    bert_heal().args(["report", text(&run), "--out", text(&report)]).assert().success();
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    assert!(page.contains(" [SEP] ") && !page.contains("was not kept"), "sentences of pairs are shown as pairs");
}

#[test]
fn a_line_that_is_no_pair_is_refused_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.txt");
    fs::write(&file, "good\tbad\nonly one\n").unwrap();
    let said = refused(&["predict", "--model", text(&tiny_model()), "--pairs", "--input", text(&file)]);
    assert!(said.contains("line 2: expected two texts with one tab between them (--pairs), got 0 tabs"), "{said}");
}
