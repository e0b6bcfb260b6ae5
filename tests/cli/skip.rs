//! Plans that delete layers, through whole commands.

use std::path::Path;

use crate::bert_heal;
use crate::fixture::{command, dataset, json, read_json, refused, run_words, text, tiny_distilbert, tiny_model};

#[test]
fn a_corrupted_copy_without_a_layer_is_a_smaller_model_that_opens() {
    for (model, key) in [(tiny_model(), "num_hidden_layers"), (tiny_distilbert(), "n_layers")] {
        let folder = tempfile::tempdir().unwrap();
        let (out, again) = (folder.path().join("small"), folder.path().join("again"));
        let more = "--seed 0 --json --corrupt skip@layers:0";
        let report = json(&command("corrupt", &[("--model", &model), ("--out", &out)], more));
        assert_eq!(report["tensors"].as_array().unwrap().len(), 16);
        let config = read_json(&out.join("config.json"));
        assert_eq!(config[key], 1);
        assert!(config["bert_heal"].to_string().contains("skip@layers:0"), "{config:#}");
        let shape = json(&["inspect", text(&out), "--json"]);
        assert_eq!(shape["n_layers"], 1);
        let said = json_predict(&out);
        assert_eq!(said.as_array().unwrap().len(), 1);
        // It is a model like others: its last layer may not go.
        let more = "--seed 0 --corrupt skip@layers:0";
        let said = refused(&command("corrupt", &[("--model", &out), ("--out", &again)], more));
        assert!(said.contains("skip would delete all 1 layers: one at least must stay"), "{said}");
    }
}

fn json_predict(model: &Path) -> serde_json::Value {
    let args = ["predict", "--model", text(model), "--max-length", "32", "--json"];
    let output = bert_heal().args(args).write_stdin("the film was good\n").assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_run_heals_a_model_without_a_layer_and_resumes_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (tiny_model(), dataset(folder.path(), 120, 30));
    let out = folder.path().join("run");
    let more = "--epochs 1 --json --protocol finetuned --corrupt skip@top:1L --early-stopping 2";
    let record = json(&run_words(&model, &data, &out, more));
    assert_eq!(record["spec"]["corruption"], "skip@top:1L");
    for (which, n_layers) in [("healthy", 2), ("control", 2), ("corrupted", 1), ("healed", 1)] {
        let config = read_json(&out.join("checkpoint").join(which).join("config.json"));
        assert_eq!(config["num_hidden_layers"], n_layers, "{which}");
        let measured = folder.path().join(which);
        let paths: [(&str, &Path); 3] = [("--model", &out), ("--dataset", &data), ("--out", &measured)];
        let more = format!("--which {which} --json");
        let evaluated = json(&command("evaluate", &paths, &more));
        assert_eq!(evaluated["accuracy"], record[which]["accuracy"], "{which}");
    }
    // Finished but for its record: the healed model is read again.
    let hashes = record["hashes"].clone();
    std::fs::remove_file(out.join("run.json")).unwrap();
    let again = json(&run_words(&model, &data, &out, more));
    assert_eq!(again["hashes"], hashes);
    assert_eq!(again["healed"]["accuracy"], record["healed"]["accuracy"]);
    let bundle = folder.path().join("bundle");
    let said = refused(&command("export", &[("--model", &out), ("--dataset", &data), ("--out", &bundle)], "--for web"));
    assert!(said.contains("a bundle keeps all layers") && said.contains("--for hub"), "{said}");
}

#[test]
fn inspect_says_which_layers_a_plan_deletes() {
    let model = tiny_model();
    let output = bert_heal().args(["inspect", text(&model), "--corrupt", "skip@layers:0;zero:1@all/bias"]).assert();
    let said = String::from_utf8(output.success().get_output().stdout.clone()).unwrap();
    assert!(said.contains("Delete layer 0 of 2, so that the model computes without"), "{said}");
    assert!(said.contains("layer 1 of 2 without layer 0, which is deleted"), "{said}");
}
