//! Checkpoints whose head answers something else than the class of a text: never answered with a softmax, never rewritten.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{copy_of_model, dataset, json as json_of, text, tiny_distilbert};

type Tensors = HashMap<String, Tensor>;

/// A model's name, its config, its tensors, and what is said of it.
type Case = (&'static str, Value, fn(&mut Tensors), [&'static str; 2]);

/// The tiny BERT with another config and other tensors.
fn model(folder: &Path, config: &Value, change: impl FnOnce(&mut Tensors)) -> PathBuf {
    let model = copy_of_model(folder);
    rewrite(&model, config, change);
    model
}

fn rewrite(model: &Path, changes: &Value, change: impl FnOnce(&mut Tensors)) {
    let mut config = config_of(model);
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    fs::write(model.join("config.json"), config.to_string()).unwrap();
    let path = model.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
}

fn config_of(model: &Path) -> Value {
    serde_json::from_slice(&fs::read(model.join("config.json")).unwrap()).unwrap()
}

fn rows(tensors: &mut Tensors, n: usize) {
    for name in ["classifier.weight", "classifier.bias"] {
        let narrow = tensors[name].narrow(0, 0, n).unwrap().contiguous().unwrap();
        tensors.insert(name.to_owned(), narrow);
    }
}

fn without(tensors: &mut Tensors, part: &str) {
    tensors.retain(|name, _| !name.contains(part));
}

fn spans(tensors: &mut Tensors) {
    rows(tensors, 2);
    for part in ["weight", "bias"] {
        let tensor = tensors.remove(&format!("classifier.{part}")).unwrap();
        tensors.insert(format!("qa_outputs.{part}"), tensor);
    }
    without(tensors, "pooler");
}

/// What predict and evaluate say of a model that they refuse.
fn refused(model: &Path, data: &Path) -> [String; 2] {
    [vec!["predict", "--model", text(model)], vec!["evaluate", "--model", text(model), "--dataset", text(data)]].map(
        |args| {
            let output = bert_heal().args(args).write_stdin("the film\n").assert().code(2).get_output().clone();
            assert_eq!(output.stdout, b"");
            String::from_utf8(output.stderr).unwrap()
        },
    )
}

#[test]
fn a_head_for_another_task_is_refused_by_what_it_is_and_run_starts_from_its_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let cases: [Case; 6] = [
        (
            "multi",
            json!({"problem_type": "multi_label_classification"}),
            |_| {},
            ["multi-label", "problem_type is multi_"],
        ),
        (
            "number",
            json!({"id2label": {"0": "s"}, "label2id": {"s": 0}}),
            |t| rows(t, 1),
            ["a regression", "one output"],
        ),
        (
            "tokens",
            json!({"architectures": ["BertForTokenClassification"]}),
            |t| without(t, "pooler"),
            ["a token classifier", "architectures is BertForTokenClassification"],
        ),
        (
            "undeclared",
            json!({"architectures": null}),
            |t| without(t, "pooler"),
            ["a token classifier", "no bert.pooler"],
        ),
        (
            "spans",
            json!({"architectures": ["BertForQuestionAnswering"]}),
            spans,
            ["a question answerer", "architectures is"],
        ),
        (
            "choice",
            json!({"architectures": ["BertForMultipleChoice"]}),
            |t| rows(t, 1),
            ["multiple-choice", "architectures"],
        ),
    ];
    for (name, config, change, expected) in cases {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        let model = model(&place, &config, change);
        for said in refused(&model, &data) {
            assert!(expected.iter().all(|part| said.contains(part)), "{name}: {said}");
            assert!(said.contains("let `bert-heal run` start from its encoder"), "{name}: {said}");
        }
        let out = place.join("run");
        let record = json_of(&[
            "run",
            "--model",
            text(&model),
            "--dataset",
            text(&data),
            "--max-steps",
            "2",
            "--json",
            "--out",
            text(&out),
        ]);
        let notes = record["notes"].to_string();
        assert!(notes.contains("its head was dropped, and a new one for 3 classes"), "{name}: {notes}");
        let config = config_of(&out.join("checkpoint/healthy"));
        assert_eq!(config["problem_type"], "single_label_classification", "{name}");
        assert_eq!(config["architectures"][0], "BertForSequenceClassification", "{name}");
        json_of(&[
            "evaluate",
            "--model",
            text(&out),
            "--dataset",
            text(&data),
            "--json",
            "--out",
            text(&place.join("e")),
        ]);
    }
}

#[test]
fn corrupting_and_exporting_keep_what_a_config_says_of_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let changes = json!({"problem_type": "multi_label_classification", "num_labels": 3, "a_field": {"of": "its own"}});
    let multi = model(folder.path(), &changes, |_| {});
    let (damaged, exported) = (folder.path().join("damaged"), folder.path().join("exported"));
    let plan = ["--corrupt", "kaiming@bottom:0.5", "--seed", "1"];
    bert_heal().args(["corrupt", "--model", text(&multi), "--out", text(&damaged)]).args(plan).assert().success();
    bert_heal().args(["export", "--model", text(&multi), "--for", "hub", "--out", text(&exported)]).assert().success();
    let before = config_of(&multi);
    for copy in [damaged, exported] {
        let mut after = config_of(&copy);
        after.as_object_mut().unwrap().remove("bert_heal");
        assert_eq!(after, before, "{}", copy.display());
    }
    // A head that has other layers than a classifier cannot be copied, and is not replaced by one.
    let place = folder.path().join("tokens");
    fs::create_dir(&place).unwrap();
    let tokens = model(&place, &json!({"architectures": ["BertForTokenClassification"]}), |t| without(t, "pooler"));
    let output =
        bert_heal().args(["corrupt", "--model", text(&tokens), "--out", text(&place.join("d"))]).args(plan).assert();
    let said = String::from_utf8(output.code(2).get_output().stderr.clone()).unwrap();
    assert!(said.contains("a token classifier"), "{said}");
}

#[test]
fn a_distilbert_for_tokens_is_known_by_the_layer_that_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 30);
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(tiny_distilbert()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    rewrite(&model, &json!({"architectures": null}), |tensors| without(tensors, "pre_classifier"));
    for said in refused(&model, &data) {
        assert!(said.contains("a token classifier") && said.contains("no pre_classifier"), "{said}");
    }
}

#[test]
fn half_a_pooler_is_no_pooler_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), &json!({}), |tensors| without(tensors, "pooler.dense.bias"));
    let output = bert_heal().args(["predict", "--model", text(&model)]).write_stdin("a\n").assert().code(2);
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(said.contains("the first of them bert.pooler.dense.bias"), "{said}");
}

#[test]
fn names_of_another_number_of_classes_are_dropped_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), &json!({"id2label": {"0": "no", "1": "yes"}, "label2id": null}), |_| {});
    let output = bert_heal().args(["predict", "--model", text(&model), "--json"]).write_stdin("a\n").assert().success();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        said.contains("config.json names 2 classes (no, yes), the head has 3: they are called LABEL_0 to LABEL_2"),
        "{said}"
    );
}
