//! Checkpoints whose head answers something else than the class of a text: never answered with a softmax, never rewritten.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{
    self, command, copy_folder, copy_of_model, dataset, edit_json, json as json_of, read_json, refused_with, run_words,
    text, tiny_distilbert,
};

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
    edit_json(&model.join("config.json"), |config| {
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
    });
    let path = model.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
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
    let evaluate = command("evaluate", &[("--model", model), ("--dataset", data)], "");
    [vec!["predict", "--model", text(model)], evaluate].map(|args| refused_with(&args, "the film\n"))
}

#[test]
fn a_head_for_another_task_is_refused_by_what_it_is_and_run_starts_from_its_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let built = |name: &str| json!({"architectures": [name]});
    let multi = json!({"problem_type": "multi_label_classification"});
    let tokens = ["a token classifier", "architectures is BertForTokenClassification"];
    let number = json!({"id2label": {"0": "s"}, "label2id": {"s": 0}});
    let undeclared = json!({"architectures": null});
    let cases: [Case; 6] = [
        ("multi", multi, |_| {}, ["multi-label", "problem_type is multi_"]),
        ("number", number, |t| rows(t, 1), ["a regression", "one output"]),
        ("tokens", built("BertForTokenClassification"), |t| without(t, "pooler"), tokens),
        ("undeclared", undeclared, |t| without(t, "pooler"), ["a token classifier", "no bert.pooler"]),
        ("spans", built("BertForQuestionAnswering"), spans, ["a question answerer", "architectures is"]),
        ("choice", built("BertForMultipleChoice"), |t| rows(t, 1), ["multiple-choice", "architectures"]),
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
        let record = json_of(&run_words(&model, &data, &out, "--max-steps 2 --json"));
        let notes = record["notes"].to_string();
        assert!(notes.contains("its head was dropped, and a new one for 3 classes"), "{name}: {notes}");
        let config = read_json(&out.join("checkpoint/healthy/config.json"));
        assert_eq!(config["problem_type"], "single_label_classification", "{name}");
        assert_eq!(config["architectures"][0], "BertForSequenceClassification", "{name}");
        let again = place.join("e");
        json_of(&command("evaluate", &[("--model", &out), ("--dataset", &data), ("--out", &again)], "--json"));
    }
}

#[test]
fn corrupting_and_exporting_keep_what_a_config_says_of_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let changes = json!({"problem_type": "multi_label_classification", "num_labels": 3, "a_field": {"of": "its own"}});
    let multi = model(folder.path(), &changes, |_| {});
    let (damaged, exported) = (folder.path().join("damaged"), folder.path().join("exported"));
    let plan = "--corrupt kaiming@bottom:0.5 --seed 1";
    bert_heal().args(command("corrupt", &[("--model", &multi), ("--out", &damaged)], plan)).assert().success();
    bert_heal().args(["export", "--model", text(&multi), "--for", "hub", "--out", text(&exported)]).assert().success();
    let before = read_json(&multi.join("config.json"));
    for copy in [damaged, exported] {
        let mut after = read_json(&copy.join("config.json"));
        after.as_object_mut().unwrap().remove("bert_heal");
        assert_eq!(after, before, "{}", copy.display());
    }
    // A head that has other layers than a classifier cannot be copied, and is not replaced by one.
    let place = folder.path().join("tokens");
    fs::create_dir(&place).unwrap();
    let tokens = model(&place, &json!({"architectures": ["BertForTokenClassification"]}), |t| without(t, "pooler"));
    let said = fixture::refused(&command("corrupt", &[("--model", &tokens), ("--out", &place.join("d"))], plan));
    assert!(said.contains("a token classifier"), "{said}");
}

#[test]
fn a_distilbert_for_tokens_is_known_by_the_layer_that_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 30);
    let model = folder.path().join("model");
    copy_folder(&tiny_distilbert(), &model);
    rewrite(&model, &json!({"architectures": null}), |tensors| without(tensors, "pre_classifier"));
    for said in refused(&model, &data) {
        assert!(said.contains("a token classifier") && said.contains("no pre_classifier"), "{said}");
    }
}

#[test]
fn half_a_pooler_is_no_pooler_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), &json!({}), |tensors| without(tensors, "pooler.dense.bias"));
    let said = refused_with(&["predict", "--model", text(&model)], "a\n");
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
