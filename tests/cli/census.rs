//! census, and the plan that flips one bit, on a tiny model.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{command, dataset, hash, json, read_json, refused, text, tiny_model};
use crate::schemas::violations;

fn words<'a>(model: &'a Path, data: &'a Path, out: &'a Path, more: &'a str) -> Vec<&'a str> {
    command("census", &[("--model", model), ("--dataset", data), ("--out", out)], more)
}

/// A model, data and a folder that is not there yet.
fn setting(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    (tiny_model(), dataset(folder, 30, 40), folder.join("census"))
}

fn lines(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("census.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_census_fits_its_schema_and_its_lines_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data, out) = setting(folder.path());
    let value = json(&words(&model, &data, &out, "--flips 270 --seed 3 --limit 20 --json"));
    assert_eq!(violations("census", &value), Vec::<String>::new(), "{value:#}");
    assert_eq!(value, read_json(&out.join("census.json")));
    assert_eq!((&value["healthy"]["n"], &value["summary"]["all"]["n_flips"]), (&20.into(), &270.into()));
    assert!(out.join("census-bits.svg").is_file());

    let lines = lines(&out);
    assert_eq!(lines.len(), 270);
    // The line that did most, made again by its plan, has the same accuracy.
    let worst = lines.iter().max_by(|a, b| a["cost_points"].as_f64().partial_cmp(&b["cost_points"].as_f64()).unwrap());
    let worst = worst.unwrap();
    assert!(worst["cost_points"].as_f64().unwrap() > 0.0, "a census in which nothing happens tests nothing");
    let (broken, measured) = (folder.path().join("broken"), folder.path().join("measured"));
    let plan = worst["plan"].as_str().unwrap();
    let report =
        json(&["corrupt", "--model", text(&model), "--corrupt", plan, "--seed", "0", "--out", text(&broken), "--json"]);
    let change = &report["tensors"][0];
    assert_eq!((&change["name"], &change["n_changed"]), (&worst["tensor"], &1.into()));
    assert_eq!(change["weight"]["bit"], worst["bit"]);
    let paths: [(&str, &Path); 3] = [("--model", &broken), ("--dataset", &data), ("--out", &measured)];
    let evaluated = json(&command("evaluate", &paths, "--test-limit 20 --json"));
    let n_correct = evaluated["accuracy"].as_f64().unwrap() * 20.0;
    assert!((n_correct - worst["n_correct"].as_f64().unwrap()).abs() < 1e-9, "{evaluated:#}");
}

#[test]
fn a_census_that_was_cut_off_goes_on_and_ends_with_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data, out) = setting(folder.path());
    let args = words(&model, &data, &out, "--flips 264 --seed 1 --json");
    let whole = json(&args);
    let path = out.join("census.jsonl");
    let before = hash(&path);
    let bytes = fs::read(&path).unwrap();
    // In the middle of a line.
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let resumed = json(&args);
    assert_eq!(hash(&path), before);
    assert_eq!(resumed["summary"], whole["summary"]);
    let n_now = resumed["n_flips_this_process"].as_u64().unwrap();
    assert!(n_now > 0 && n_now < 264, "{n_now}");
}

#[test]
fn a_census_refuses_another_ones_folder_and_too_few_flips() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data, out) = setting(folder.path());
    let said = refused(&words(&model, &data, &out, "--flips 100"));
    assert!(said.contains("--flips: expected 264 to ") && said.contains("flips for 132 strata, got 100"), "{said}");
    assert!(!out.exists());
    json(&words(&model, &data, &out, "--flips 264 --limit 10 --json"));
    let said = refused(&words(&model, &data, &out, "--flips 264 --limit 10 --seed 2"));
    assert!(said.contains("has a census of another seed: expected 2, found 0; choose another folder"), "{said}");
    let said = refused(&words(&model, &data, &data, "--flips 264"));
    assert!(said.contains("the folder is not empty"), "{said}");
}

#[test]
fn a_flip_that_the_model_has_not_got_is_refused_with_the_shape() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let corrupt =
        |plan| refused(&["corrupt", "--model", text(&model), "--corrupt", plan, "--seed", "0", "--out", text(&out)]);
    let said = corrupt("flip:32.0,bit30@layers:0/attention.query");
    assert!(said.contains("[32, 0] is out of range") && said.contains("has the shape [32, 32]"), "{said}");
    let said = corrupt("flip:3,bit30@classifier");
    assert!(said.contains("classifier.bias has the shape [3]"), "{said}");
    let said = corrupt("flip:0.0,bit30@all/attention.query");
    assert!(said.contains("expected layers:0/attention.query or layers:1/attention.query"), "{said}");
    assert!(!out.exists());
    let said = refused(&["inspect", text(&model), "--corrupt", "flip:0.99,bit1@pooler"]);
    assert!(said.contains("bert.pooler.dense.weight has the shape [32, 32]"), "{said}");
}

#[test]
fn corrupt_says_what_became_of_the_weight() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let args =
        command("corrupt", &[("--model", &model), ("--out", &out)], "--seed 0 --corrupt flip:1,bit31@classifier");
    let output = bert_heal().args(args).assert().success().get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("classifier.bias [1], bit 31: ") && said.contains(" became "), "{said}");
    assert!(said.contains("Flip bit 31, the sign, of entry [1] in the classifier."), "{said}");
}
