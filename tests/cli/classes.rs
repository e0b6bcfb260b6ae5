//! The classes of a model and those of a dataset: matched by name, whatever their order, or refused.

use std::fs;
use std::path::{Path, PathBuf};

use integration_tests::tables;
use parquet::basic::Compression;
use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{
    command, copy_of_model, dataset, edit_json, json, read_json, run_words, text, tiny_distilbert, tiny_model,
};

const NAMES: [&str; 3] = ["negative", "neutral", "positive"];

/// The same names in another order.
const TURNED: [&str; 3] = ["positive", "negative", "neutral"];

/// Texts with the class that the model itself gives them, so that a right evaluation gives 100 %.
fn oracle(folder: &Path, model: &Path) -> Vec<(usize, String)> {
    let words =
        ["the film is good", "the plot was bad", "a slow cafe", "happy warm actor", "sad worst plot", "cold film"];
    let texts: Vec<String> =
        (0..36).map(|i| format!("{} {}", words[i % 6], ["and", "of", "the film"][i % 3].repeat(i / 6))).collect();
    let file = folder.join("texts.txt");
    fs::write(&file, texts.join("\n")).unwrap();
    let said = json(&["predict", "--model", text(model), "--input", text(&file), "--max-length", "32", "--json"]);
    let id = |said: &Value| said["label_id"].as_u64().unwrap() as usize;
    said.as_array().unwrap().iter().map(|said| (id(said), said["text"].as_str().unwrap().to_owned())).collect()
}

/// A model as `tiny_model`, whose classes are called so.
fn model_called(folder: &Path, names: &[&str]) -> PathBuf {
    let model = copy_of_model(folder);
    edit_json(&model.join("config.json"), |config| {
        config["id2label"] = names.iter().enumerate().map(|(id, name)| (id.to_string(), json!(name))).collect();
        config["label2id"] = names.iter().enumerate().map(|(id, name)| ((*name).to_owned(), json!(id))).collect();
    });
    model
}

fn csv(rows: &[(usize, String)], label: impl Fn(usize) -> String) -> String {
    let rows: Vec<String> = rows.iter().map(|(id, text)| format!("\"{text}\",{}\n", label(*id))).collect();
    format!("text,label\n{}", rows.concat())
}

/// A command's exit code, the JSON value that it prints and what it says.
fn outcome(args: &[&str], more: &[&str]) -> (Option<i32>, Value, String) {
    let output = bert_heal().args(args).args(more).output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), value, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn evaluated(model: &Path, data: &Path, out: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let paths = [("--model", model), ("--dataset", data), ("--out", out)];
    outcome(&command("evaluate", &paths, "--max-length 32 --json"), more)
}

/// Ids or names in the rows, and `labels.txt`, `ClassLabel` or a flag that names classes in another order.
#[test]
fn a_dataset_in_another_order_of_classes_is_evaluated_by_name() {
    for model in [tiny_model(), tiny_distilbert()] {
        let folder = tempfile::tempdir().unwrap();
        let rows = oracle(folder.path(), &model);
        let turned = |id: usize| TURNED.iter().position(|name| *name == NAMES[id]).unwrap();
        let out = folder.path().join("out");
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let labels = TURNED.join("\n");
        let huggingface = json!({"info": tables::features(&TURNED)}).to_string();
        let as_rows: Vec<tables::Row> = rows.iter().map(|(id, text)| (turned(*id).to_string(), text.clone())).collect();
        let parquet = tables::parquet(&as_rows, Compression::SNAPPY, Some(&huggingface));
        let ids = csv(&rows, |id| turned(id).to_string()).into_bytes();
        let names = csv(&rows, |id| NAMES[id].to_owned()).into_bytes();
        let capitals = csv(&rows, |id| NAMES[id].to_uppercase()).into_bytes();
        let flag: &[&str] = &["--label-names", "positive, negative ,neutral"];
        for (case, file, bytes, labels, flags) in [
            ("ids, labels.txt", "test.csv", &ids, Some(labels.clone()), &[][..]),
            ("ids, labels.txt in capitals", "test.csv", &ids, Some(labels.to_uppercase()), &[]),
            ("names, labels.txt", "test.csv", &names, Some(labels.clone()), &[]),
            ("ClassLabel", "test.parquet", &parquet, None, &[]),
            ("ids, --label-names", "test.csv", &ids, None, flag),
            ("names alone", "test.csv", &names, None, &[]),
            ("names in capitals", "test.csv", &capitals, None, &[]),
        ] {
            fs::write(data.join(file), bytes).unwrap();
            if let Some(labels) = labels {
                fs::write(data.join("labels.txt"), labels).unwrap();
            }
            let (code, value, stderr) = evaluated(&model, &data, &out, flags);
            assert_eq!((code, value["accuracy"].as_f64()), (Some(0), Some(1.0)), "{case}: {stderr}");
            assert_eq!(value["labels"], json!(NAMES));
            let is_said = stderr.contains("calls the classes") && stderr.contains("they are matched by name");
            assert_eq!(is_said, !case.starts_with("names alone") && !case.starts_with("names in"), "{case}: {stderr}");
            let _ = fs::remove_file(data.join("labels.txt"));
            fs::remove_file(data.join(file)).unwrap();
        }
    }
}

#[test]
fn a_dataset_of_other_classes_is_refused_with_both_lists_and_generic_names_are_matched_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let rows = oracle(folder.path(), &tiny_model());
    let (data, out) = (folder.path().join("rows.csv"), folder.path().join("out"));
    fs::write(&data, csv(&rows, |id| id.to_string())).unwrap();
    let flags = ["--label-names", "apple,bird,car"];
    let (code, _, stderr) = evaluated(&tiny_model(), &data, &out, &flags);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("has the classes apple, bird, car, model tiny-bert has negative, neutral, positive"),
        "{stderr}"
    );
    assert!(stderr.contains("labels.txt or --label-names"), "{stderr}");
    let (code, _, stderr) = evaluated(&tiny_model(), &data, &out, &["--label-names", "negative,neutral,positive,odd"]);
    assert_eq!(code, Some(2), "{stderr}");
    let generic = model_called(folder.path(), &["LABEL_0", "LABEL_1", "LABEL_2"]);
    let (code, value, stderr) = evaluated(&generic, &data, &out, &flags);
    assert_eq!((code, value["accuracy"].as_f64()), (Some(0), Some(1.0)), "{stderr}");
    assert!(stderr.contains("they are matched by number, since one of them has no names"), "{stderr}");
    let (_, value, stderr) = evaluated(&tiny_model(), &data, &out, &["--label-names", "0,1,2"]);
    assert_eq!(value["accuracy"], 1.0, "{stderr}");
    let (_, value, stderr) = evaluated(&tiny_model(), &data, &out, &[]);
    assert_eq!(value["accuracy"], 1.0);
    assert!(stderr.contains("the numbers of the classes: 0 negative, 1 neutral, 2 positive"), "{stderr}");
}

/// A test file without the highest class.
#[test]
fn stars_are_names_whichever_of_them_a_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let rows = oracle(folder.path(), &tiny_model());
    let stars = ["1", "2", "3"];
    let model = model_called(folder.path(), &stars);
    let highest = rows.iter().map(|(id, _)| *id).max().unwrap();
    let some: Vec<_> = rows.iter().filter(|(id, _)| *id < highest).cloned().collect();
    assert!(!some.is_empty() && some.len() < rows.len());
    for rows in [&rows, &some] {
        let data = folder.path().join("rows.csv");
        fs::write(&data, csv(rows, |id| stars[id].to_owned())).unwrap();
        let (code, value, stderr) = evaluated(&model, &data, &folder.path().join("out"), &[]);
        assert_eq!((code, value["accuracy"].as_f64()), (Some(0), Some(1.0)), "{stderr}");
    }
}

fn run(model: &Path, data: &Path, out: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let fixed = "--json --learning-rate 3e-3 --max-steps 4 --batch-size 16 --max-length 32 \
                 --corrupt kaiming@bottom:0.5 --protocol finetuned";
    outcome(&run_words(model, data, out, fixed), more)
}

fn names_in(checkpoint: &Path) -> Vec<String> {
    let config = read_json(&checkpoint.join("config.json"));
    let names = config["id2label"].as_object().unwrap();
    (0..names.len()).map(|id| names[&id.to_string()].as_str().unwrap().to_owned()).collect()
}

/// The head's names are the task's in every checkpoint, and the run's own figures come out again.
fn assert_named_and_evaluated(out: &Path, record: &Value, data: &Path, names: &[&str]) {
    for which in ["healthy", "control", "corrupted", "healed"] {
        let checkpoint = out.join("checkpoint").join(which);
        assert_eq!(names_in(&checkpoint), names, "{which}");
        let (code, value, stderr) = evaluated(&checkpoint, data, &out.join("evaluated"), &[]);
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(value["accuracy"], record[which]["accuracy"], "{which}");
    }
    assert_eq!(record["spec"]["dataset"]["label_names"], json!(names));
}

#[test]
fn a_run_on_other_classes_has_a_new_head_and_their_names_and_evaluates_to_its_own_figures() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    fs::write(data.join("labels.txt"), "apple\nbird\ncar\n").unwrap();
    let (drawn, kept) = (folder.path().join("runs/drawn"), folder.path().join("runs/kept"));
    let (code, record, stderr) = run(&tiny_model(), &data, &drawn, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let note = "the checkpoint calls its classes negative, neutral, positive, the dataset apple, bird, car: these are other \
                classes, so a new head was created from head seed 0 (--keep-head keeps it)";
    assert!(stderr.contains(note), "{stderr}");
    assert_eq!(record["spec"]["model"]["head"], "drawn_anew");
    assert_named_and_evaluated(&drawn, &record, &data, &["apple", "bird", "car"]);

    let (code, other, stderr) = run(&tiny_model(), &data, &kept, &["--keep-head"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("its head is kept all the same, matched by number"), "{stderr}");
    assert_ne!(other["run_id"], record["run_id"]);
    assert_eq!(other["spec"]["model"]["head"], "kept_by_number");
    assert!(other["train"]["phases"][0]["reused_from"].is_null(), "{other:#}");
    assert_named_and_evaluated(&kept, &other, &data, &["apple", "bird", "car"]);

    fs::write(data.join("labels.txt"), "apple\nbird\ncar\ndog\n").unwrap();
    let (code, _, stderr) = run(&tiny_model(), &data, &folder.path().join("runs/more"), &["--keep-head"]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("--keep-head: model tiny-bert has no head of 4 classes, which dataset data has"),
        "{stderr}"
    );
}

#[test]
fn a_head_in_another_order_is_put_into_the_datasets_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    // The rows' own labels, and a head that was turned together with its names: the same classifier.
    let straight = folder.path().join("runs/straight");
    let (code, expected, stderr) = run(&tiny_model(), &data, &straight, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(expected["spec"]["model"]["head"].is_null());

    let model = model_called(folder.path(), &TURNED);
    let weights = model.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&weights, &candle_core::Device::Cpu).unwrap();
    let places = TURNED.map(|name| NAMES.iter().position(|other| *other == name).unwrap() as u32);
    let places = candle_core::Tensor::new(&places, &candle_core::Device::Cpu).unwrap();
    for name in ["classifier.weight", "classifier.bias"] {
        let turned = tensors[name].index_select(&places, 0).unwrap();
        tensors.insert(name.to_owned(), turned);
    }
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let turned = folder.path().join("runs/turned");
    let (code, record, stderr) = run(&model, &data, &turned, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("its head was put into the dataset's order, by name"), "{stderr}");
    assert_eq!(record["spec"]["model"]["head"], "reordered_by_name");
    for which in ["healthy", "healed"] {
        assert_eq!(record[which]["loss"], expected[which]["loss"], "{which}");
    }
    assert_named_and_evaluated(&turned, &record, &data, &NAMES);
}

#[test]
fn a_head_without_names_is_kept_by_number_and_gets_those_of_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let generic = model_called(folder.path(), &["LABEL_0", "LABEL_1", "LABEL_2"]);
    let (named, unnamed) = (folder.path().join("runs/named"), folder.path().join("runs/unnamed"));
    let (code, record, stderr) = run(&generic, &data, &named, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("its head is kept, matched by number, since one of them has no names"), "{stderr}");
    assert_named_and_evaluated(&named, &record, &data, &NAMES);
    // The other way round: what was trained on has no names, so none are saved.
    fs::remove_file(data.join("labels.txt")).unwrap();
    let (code, record, stderr) = run(&tiny_model(), &data, &unnamed, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("matched by number, since one of them has no names"), "{stderr}");
    assert_named_and_evaluated(&unnamed, &record, &data, &["LABEL_0", "LABEL_1", "LABEL_2"]);
}

#[test]
fn numbers_with_gaps_and_stars_are_the_names_that_a_run_saves() {
    for (labels, declared) in
        [(["1", "2", "3"], None), (["1", "2", "3"], Some("1\n2\n3\n")), (["010", "020", "300"], None)]
    {
        let folder = tempfile::tempdir().unwrap();
        let data = dataset(folder.path(), 60, 30);
        fs::remove_file(data.join("labels.txt")).unwrap();
        if let Some(declared) = declared {
            fs::write(data.join("labels.txt"), declared).unwrap();
        }
        for file in ["train.tsv", "test.tsv"] {
            let rows = fs::read_to_string(data.join(file)).unwrap();
            let named = |line: &str| match line.split_once('\t') {
                Some((label, text)) if label != "label" => {
                    format!("{}\t{text}\n", labels[label.parse::<usize>().unwrap()])
                }
                _ => format!("{line}\n"),
            };
            fs::write(data.join(file), rows.lines().map(named).collect::<String>()).unwrap();
        }
        let out = folder.path().join("runs/a");
        let (code, record, stderr) = run(&tiny_distilbert(), &data, &out, &[]);
        assert_eq!(code, Some(0), "{stderr}");
        assert_named_and_evaluated(&out, &record, &data, &labels);
    }
}

/// CSV from where the comma separates decimals.
#[test]
fn a_table_with_another_separator_is_named_and_read_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let rows = oracle(folder.path(), &tiny_model());
    let (data, out) = (folder.path().join("rows.csv"), folder.path().join("out"));
    let semicolons: Vec<String> = rows.iter().map(|(id, text)| format!("\"{text}\";{}\n", NAMES[*id])).collect();
    fs::write(&data, format!("text;label\n{}", semicolons.concat())).unwrap();
    let (code, _, stderr) = evaluated(&tiny_model(), &data, &out, &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("looks separated by semicolons") && stderr.contains("--delimiter semicolon"), "{stderr}");
    for delimiter in ["semicolon", ";"] {
        let (code, value, stderr) = evaluated(&tiny_model(), &data, &out, &["--delimiter", delimiter]);
        assert_eq!((code, value["accuracy"].as_f64()), (Some(0), Some(1.0)), "{stderr}");
    }
    let (code, _, stderr) = evaluated(&tiny_model(), &data, &out, &["--delimiter", "x"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("expected comma, semicolon, tab or bar, or the character itself"), "{stderr}");
}
