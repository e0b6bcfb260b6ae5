//! The control of protocol `finetuned`: what it is, what is measured from it, and who shares it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{command, dataset, json, read_json, run_words, text, tiny_model};
use crate::schemas::violations;

fn args<'a>(model: &'a Path, data: &'a Path, out: &'a Path, plan: &'a str) -> Vec<&'a str> {
    let more = "--json --protocol finetuned --learning-rate 3e-3 --epochs 3 --batch-size 16 --max-length 32";
    [&run_words(model, data, out, more)[..], &["--corrupt", plan]].concat()
}

/// Every tensor's name and bytes; the files differ in what they tell of their history.
fn weights(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    tensors.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

fn accuracy(record: &Value, which: &str) -> f64 {
    record[which]["accuracy"].as_f64().unwrap()
}

/// A plan that changes nothing makes the healed model the control: they differ in the damage and in nothing else.
#[test]
fn the_control_is_bit_for_bit_what_healing_makes_of_an_undamaged_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 97, 40);
    let (model, out) = (tiny_model(), folder.path().join("runs/a"));
    let record = json(&args(&model, &data, &out, "zero:0@all"));
    let weights = |which: &str| weights(&out.join(format!("checkpoint/{which}/model.safetensors")));
    assert!(weights("corrupted") == weights("healthy"));
    assert!(weights("healed") == weights("control"));
    assert!(weights("control") != weights("healthy"), "it has been fine-tuned once more");
    assert_eq!(record["deficit"]["points"], 0.0);
}

#[test]
fn deficit_and_recovery_are_measured_from_the_control_and_those_from_the_healthy_model_are_kept_beside() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 150, 80);
    let (model, out) = (tiny_model(), folder.path().join("runs/a"));
    let record = json(&args(&model, &data, &out, "kaiming@all"));
    assert_eq!(violations("run", &record), Vec::<String>::new());
    let deficit = |of: &Value| of["deficit"]["points"].as_f64().unwrap();
    let points = |which: &str| 100.0 * (accuracy(&record, which) - accuracy(&record, "healed"));
    assert_eq!(
        (&record["deficit"]["reference"], &record["recovery"]["reference"]),
        (&"control".into(), &"control".into())
    );
    assert!((deficit(&record) - points("control")).abs() < 1e-9, "{record:#}");
    assert_eq!(record["against_healthy"]["deficit"]["reference"], "healthy");
    assert!((deficit(&record["against_healthy"]) - points("healthy")).abs() < 1e-9, "{record:#}");

    let mut words = args(&model, &data, &out, "kaiming@all");
    words.retain(|word| *word != "--json");
    let output = bert_heal().args(&words).assert().success();
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(said.contains("the healthy model after 3 + 3 epochs"), "{said}");
    assert!(said.contains("points") && said.contains("against the control"), "{said}");
    assert!(!said.contains("│ control"), "the three columns stay: {said}");
    let report = folder.path().join("report");
    bert_heal().args(["report", text(&out), "--out", text(&report)]).assert().success();
    let page = fs::read_to_string(report.join("report.md")).unwrap();
    assert!(page.contains("control (healthy, after 3 + 3 epochs)") && page.contains("against the control"), "{page}");
}

#[test]
fn runs_that_damage_one_healthy_model_share_its_control() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (first, second) = (folder.path().join("runs/a"), folder.path().join("runs/b"));
    let model = tiny_model();
    let one = json(&args(&model, &data, &first, "kaiming@bottom:0.5"));
    let other = json(&args(&model, &data, &second, "kaiming@top:0.5"));
    let phases = other["train"]["phases"].as_array().unwrap();
    for (phase, name) in phases.iter().zip(["healthy", "control"]) {
        assert_eq!((&phase["phase"], &phase["reused_from"]), (&name.into(), &one["run_id"]), "{name}");
    }
    assert_eq!(other["hashes"]["checkpoints"]["control"], one["hashes"]["checkpoints"]["control"]);
    assert_eq!(other["control"]["accuracy"], one["control"]["accuracy"]);
    assert_eq!(other["train"]["steps"], 3 * 4, "only the healing was trained");
}

#[test]
fn predict_export_and_cards_know_the_control() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, out) = (tiny_model(), folder.path().join("runs/a"));
    json(&args(&model, &data, &out, "kaiming@bottom:0.5"));
    let texts = folder.path().join("texts.txt");
    fs::write(&texts, "the film is good\n").unwrap();
    let more = "--which control --max-length 32 --json";
    let said = json(&command("predict", &[("--model", &out), ("--input", &texts)], more));
    assert!(said[0]["label"].is_string(), "{said}");
    let exported = folder.path().join("exported");
    let words = ["export", "--model", text(&out), "--which", "control", "--for", "hub", "--out", text(&exported)];
    bert_heal().args(words).assert().success();
    let config = read_json(&exported.join("config.json"));
    assert_eq!(config["bert_heal"]["condition"], "control");
    let card = fs::read_to_string(exported.join("README.md")).unwrap();
    assert!(card.contains("twice without damage (control)") && card.contains("| **control (this one)** |"), "{card}");
}
