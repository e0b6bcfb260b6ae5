//! predict, corrupt, inspect, export and bench on a tiny model.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{
    command, copy_of_model, dataset, edit_json, hash, json, read_json, refused, run_words, text, tiny_distilbert,
    tiny_model,
};
use crate::schemas::violations;

#[test]
fn predictions_of_several_models_stand_side_by_side_and_fit_their_schema() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.txt");
    fs::write(&texts, "the film is good\n\nthe plot was bad <b>\n").unwrap();
    let (bert, distilbert) = (tiny_model(), tiny_distilbert());
    let one = json(&["predict", "--model", text(&bert), "--input", text(&texts), "--max-length", "32", "--json"]);
    assert_eq!(violations("predict", &one), Vec::<String>::new());
    assert_eq!(one.as_array().unwrap().len(), 3, "an empty line is a text");
    let paths: [(&str, &Path); 3] = [("--model", &bert), ("--model", &distilbert), ("--input", &texts)];
    let both = json(&command("predict", &paths, "--max-length 32 --json"));
    assert_eq!(violations("predict", &both), Vec::<String>::new());
    let of = |i: usize| (both[i]["text"].as_str().unwrap(), both[i]["model"].as_str().unwrap());
    assert_eq!((of(0), of(1)), (("the film is good", text(&bert)), ("the film is good", text(&distilbert))));
    assert_eq!(one[0]["logits"], both[0]["logits"]);
    let table = bert_heal()
        .args(["predict", "--model", text(&bert), "--max-length", "32"])
        .write_stdin("the film\n")
        .assert()
        .success();
    assert!(String::from_utf8_lossy(&table.get_output().stdout).contains('%'));
}

#[test]
fn corrupting_twice_gives_the_same_bits_and_the_report_says_what_was_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let model = tiny_model();
    let args = |out, seed| {
        command("corrupt --corrupt kaiming@bottom:0.5 --json", &[("--model", &model), ("--out", out)], seed)
    };
    let report = json(&args(&a, "--seed 5"));
    assert_eq!(report["totals"]["n_tensors"], 16);
    json(&args(&b, "--seed 5"));
    assert_eq!(hash(&a.join("model.safetensors")), hash(&b.join("model.safetensors")));
    let other = folder.path().join("c");
    json(&args(&other, "--seed 6"));
    assert_ne!(hash(&a.join("model.safetensors")), hash(&other.join("model.safetensors")));
    assert!(refused(&args(&a, "--seed 5")).contains("not empty"));
}

#[test]
fn exporting_an_unchanged_model_keeps_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("exported");
    let model = tiny_model();
    bert_heal().args(["export", "--model", text(&model), "--for", "hub", "--out", text(&out)]).assert().success();
    let load = |folder: &Path| {
        candle_core::safetensors::load(folder.join("model.safetensors"), &candle_core::Device::Cpu).unwrap()
    };
    let (ours, theirs) = (load(&out), load(&model));
    assert_eq!(ours.len(), theirs.len());
    for name in ["bert.embeddings.word_embeddings.weight", "classifier.bias"] {
        let flat = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(flat(&ours[name]), flat(&theirs[name]));
    }
    let config = read_json(&out.join("config.json"));
    assert_eq!(config["id2label"]["2"], "positive");
    assert_eq!(config["architectures"][0], "BertForSequenceClassification");
    assert!(out.join("tokenizer.json").is_file());
}

#[test]
fn inspect_counts_parameters_and_marks_what_a_plan_touches() {
    let model = tiny_model();
    let value = json(&["inspect", text(&model), "--corrupt", "kaiming@top:1L/ffn", "--max-length", "32", "--json"]);
    let touched: Vec<&str> = value["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|parameter| parameter["touched"] == true)
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        touched,
        [
            "bert.encoder.layer.1.intermediate.dense.weight",
            "bert.encoder.layer.1.intermediate.dense.bias",
            "bert.encoder.layer.1.output.dense.weight",
            "bert.encoder.layer.1.output.dense.bias"
        ]
    );
    let shape = json(&["inspect", "bert-base", "--random-init", "--json"]);
    // BertForSequenceClassification with two labels, as transformers counts it.
    assert_eq!(shape["n_parameters"], 109_483_778);
}

#[test]
fn a_built_in_shape_refuses_to_have_weights() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    assert!(refused(&["run", "--model", "bert-base", "--dataset", text(&data)]).contains("--random-init"));
}

#[test]
fn bench_prints_what_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 300, 30);
    let model = tiny_model();
    let more = "--max-steps 6 --max-length 32 --json";
    let value = json(&command("bench train", &[("--model", &model), ("--dataset", &data)], more));
    assert_eq!(violations("bench-train", &value), Vec::<String>::new(), "{value:#}");
    assert_eq!(value["train"]["steps"], 3);
    let value = json(&["bench", "corrupt", "--model", text(&model), "--repeat", "2", "--json"]);
    assert!(value["corrupt"]["values"].as_u64().unwrap() > 10_000, "{value:#}");
}

/// A copy of the tiny model whose `tokenizer.json` keeps upper case, with or without the file that says so.
fn cased_model(folder: &Path, has_config: bool) -> PathBuf {
    let model = copy_of_model(folder);
    edit_json(&model.join("tokenizer.json"), |file| file["normalizer"]["lowercase"] = false.into());
    let config = model.join("tokenizer_config.json");
    if has_config {
        fs::write(config, r#"{"do_lower_case": false}"#).unwrap();
    } else {
        fs::remove_file(config).unwrap();
    }
    model
}

#[test]
fn every_checkpoint_says_how_its_tokenizer_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, run, damaged) =
        (cased_model(folder.path(), true), folder.path().join("run"), folder.path().join("damaged"));
    json(&run_words(&model, &data, &run, "--max-steps 2 --json --protocol finetuned --corrupt kaiming@bottom:0.5"));
    let more = "--seed 1 --json --corrupt kaiming@bottom:0.5";
    json(&command("corrupt", &[("--model", &model), ("--out", &damaged)], more));
    let checkpoints = ["healthy", "control", "corrupted", "healed"].map(|which| run.join("checkpoint").join(which));
    for checkpoint in checkpoints.iter().chain([&damaged]) {
        let config = read_json(&checkpoint.join("tokenizer_config.json"));
        assert_eq!(config["do_lower_case"], false, "{}", checkpoint.display());
        assert_eq!(config["tokenizer_class"], "BertTokenizer", "{}", checkpoint.display());
    }
}

#[test]
fn a_tokenizer_that_transformers_would_build_otherwise_is_built_so_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let predict = |model: &Path| {
        let args = ["predict", "--model", text(model), "--json"];
        let output = bert_heal().args(args).write_stdin("The FILM was Good\n").assert().success().get_output().clone();
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        (rows[0]["logits"].clone(), String::from_utf8(output.stderr).unwrap())
    };
    let (lower_cased, _) = predict(&tiny_model());
    let (logits, said) = predict(&cased_model(folder.path(), false));
    assert_eq!(logits, lower_cased);
    assert!(said.contains("contradict each other") && said.contains("it lower-cases"), "{said}");
}

#[test]
fn a_default_length_is_at_most_what_the_model_reads_and_a_runs_own_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, out, again) = (tiny_model(), folder.path().join("run"), folder.path().join("again"));
    // The tiny model has 48 positions, the default is 128.
    assert_eq!(json(&run_words(&model, &data, &out, "--max-steps 2 --json"))["spec"]["training"]["max_length"], 48);

    let short = folder.path().join("short");
    let record = json(&run_words(&model, &data, &short, "--max-steps 2 --json --max-length 8"));
    let notes = record["notes"].as_array().unwrap();
    let n_cut = notes.iter().filter(|note| note.as_str().unwrap().contains("truncated to 8 tokens")).count();
    assert_eq!(n_cut, 2, "train and test: {notes:?}");
    for model in [short.clone(), short.join("checkpoint/healthy")] {
        let paths: [(&str, &Path); 3] = [("--model", &model), ("--dataset", &data), ("--out", &again)];
        let value = json(&command("evaluate", &paths, "--json"));
        assert_eq!(value["accuracy"], record["healthy"]["accuracy"], "{}", model.display());
        assert_eq!((&value["max_length"], value["n_cut"].as_u64().unwrap() > 0), (&8.into(), true));
        let texts = "the film was good and the plot of the film was bad\nthe film\n";
        let said = bert_heal().args(["predict", "--model", text(&model)]).write_stdin(texts).assert().success();
        let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
        assert!(said.contains("1 of 2 given texts was truncated to 8 tokens"), "{said}");
    }
    bert_heal().args(["predict", "--model", text(&model), "--max-length", "49"]).write_stdin("a\n").assert().code(2);
}
