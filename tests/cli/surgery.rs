//! Parts of one model in another, and which part is to blame, on tiny models.

use std::fs;
#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash, save_weights};
use shared::model::ModelConfig;
use shared::random::Seed;

use crate::bert_heal;
use crate::fixture::{
    command, copy_folder, dataset, edit_json, hash, json, program, read_json, refused, text, tiny_distilbert,
    tiny_model,
};
use crate::schemas::violations;

/// Everything there is.
const ALL: &str = "all,embeddings,pooler,classifier";

/// Sums are exact but for the rounding of f64.
const SUM_TOLERANCE: f64 = 1e-9;

/// The tiny model damaged by `plan`.
fn broken(folder: &Path, plan: &str) -> PathBuf {
    let out = folder.join("broken");
    let more = format!("--corrupt {plan} --seed 3");
    bert_heal().args(command("corrupt", &[("--model", &tiny_model()), ("--out", &out)], &more)).assert().success();
    out
}

fn transplanted(from: &Path, to: &Path, parts: &str, out: &Path) -> Value {
    let more = format!("--parts {parts} --json");
    json(&command("transplant", &[("--from", from), ("--to", to), ("--out", out)], &more))
}

fn logits(model: &Path, folder: &Path) -> Value {
    let texts = folder.join("texts.txt");
    fs::write(&texts, "the film is good\nthe plot 3 was the worst and sad\n").unwrap();
    json(&command("predict", &[("--model", model), ("--input", &texts)], "--max-length 32 --json"))
}

fn tensors(model: &Path) -> std::collections::HashMap<String, Tensor> {
    candle_core::safetensors::load(model.join("model.safetensors"), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().unwrap()
}

#[test]
fn all_of_a_donor_answers_as_the_donor_and_nothing_of_it_as_the_receiver() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, damaged) = (tiny_model(), broken(folder.path(), &format!("gaussian:1@{ALL}")));
    let (all, none) = (folder.path().join("all"), folder.path().join("none"));
    let report = transplanted(&healthy, &damaged, ALL, &all);
    assert_eq!(violations("transplant", &report), Vec::<String>::new(), "{report:#}");
    assert_eq!(report["totals"]["n_tensors"], 41);
    assert_eq!(logits(&all, folder.path()), logits(&healthy, folder.path()));
    assert_ne!(logits(&damaged, folder.path()), logits(&healthy, folder.path()));

    let report = transplanted(&healthy, &damaged, "none", &none);
    assert_eq!((violations("transplant", &report), &report["totals"]["n_changed"]), (Vec::new(), &json!(0)));
    assert_eq!(hash(&none.join("model.safetensors")), hash(&damaged.join("model.safetensors")));
}

#[test]
fn a_head_moves_alone_and_the_copy_tells_where_its_parts_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, damaged) = (tiny_model(), broken(folder.path(), "kaiming@all"));
    let out = folder.path().join("mixed");
    let report = transplanted(&healthy, &damaged, "layers:1/attention.head:2", &out);
    assert_eq!(report["totals"]["n_selected"], 3 * (8 * 32 + 8) + 32 * 8);
    let [mixed, healthy_tensors, damaged_tensors] = [&out, &healthy, &damaged].map(|model| tensors(model));
    let name = |part: &str| format!("bert.encoder.layer.1.attention.{part}.weight");
    for (part, is_by_row) in [("self.query", true), ("output.dense", false)] {
        let name = name(part);
        let [mixed, theirs, ours] = [&mixed, &healthy_tensors, &damaged_tensors].map(|tensors| values(&tensors[&name]));
        for (i, row) in mixed.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let is_of_head = (16..24).contains(if is_by_row { &i } else { &j });
                assert_eq!(*value, if is_of_head { theirs[i][j] } else { ours[i][j] }, "{part} {i} {j}");
            }
        }
    }
    let config = read_json(&out.join("config.json"));
    let history = &config["bert_heal"]["history"];
    assert_eq!(history[0], json!({"treatment": "corrupted", "plan": "kaiming@all", "seed": 3}));
    assert_eq!(
        history[1],
        json!({"treatment": "transplanted", "parts": "layers:1/attention.head:2",
            "donor": report["donor"]["weights"], "donor_condition": "healthy"})
    );
    assert!(
        fs::read_to_string(out.join("README.md")).unwrap().contains("**Transplanted**: `layers:1/attention.head:2`")
    );
    let output = bert_heal().args(["predict", "--model", text(&out)]).write_stdin("the film\n").assert().success();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("layers:1/attention.head:2 of the healthy model"), "{said}");
}

/// A copy of the tiny model whose classes are called otherwise.
fn with_classes(folder: &Path, name: &str, classes: [&str; 3]) -> PathBuf {
    let copy = folder.join(name);
    copy_folder(&tiny_model(), &copy);
    edit_json(&copy.join("config.json"), |config| {
        config["id2label"] = json!({"0": classes[0], "1": classes[1], "2": classes[2]});
        config.as_object_mut().unwrap().shift_remove("label2id");
    });
    copy
}

#[test]
fn a_classifiers_rows_follow_the_names_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (turned, out) =
        (with_classes(folder.path(), "turned", ["POSITIVE", "negative", "neutral"]), folder.path().join("mixed"));
    transplanted(&turned, &tiny_model(), "classifier", &out);
    let [mixed, theirs] = [&out, &turned].map(|model| values(&tensors(model)["classifier.weight"]));
    assert_eq!([&mixed[2], &mixed[0], &mixed[1]], [&theirs[0], &theirs[1], &theirs[2]]);
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let (model, distilbert) = (tiny_model(), tiny_distilbert());
    let other_classes = with_classes(folder.path(), "other", ["good", "bad", "ugly"]);
    let encoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/variants/tiny-bert-encoder-only");
    let other_words = folder.path().join("words");
    copy_folder(&model, &other_words);
    let tokenizer = fs::read_to_string(other_words.join("tokenizer.json")).unwrap();
    fs::write(other_words.join("tokenizer.json"), tokenizer.replace("\"film\"", "\"filmx\"")).unwrap();
    let vocabulary = fs::read_to_string(other_words.join("vocab.txt")).unwrap();
    fs::write(other_words.join("vocab.txt"), vocabulary.replace("\nfilm\n", "\nfilmx\n")).unwrap();
    let out = folder.path().join("out");
    let transplant = |from: &Path, parts: &str| {
        let more = format!("--parts {parts}");
        refused(&command("transplant", &[("--from", from), ("--to", &model), ("--out", &out)], &more))
    };
    for (from, parts, expected) in [
        (&distilbert, "layers:0", &["differ in their family: BERT and DistilBERT"][..]),
        (&model, "layers:7", &["--parts: layer 7 is out of range: the model has layers 0 to 1"]),
        (&model, "all/attention.head:4", &["head 4 is out of range"]),
        (&other_classes, "classifier", &["good, bad, ugly", "negative, neutral, positive"]),
        (&encoder, "classifier", &["has no classifier of its own to take", "leave classifier out of --parts"]),
        (&other_words, "embeddings", &["different tokenizers", "leave embeddings out of --parts"]),
    ] {
        let said = transplant(from, parts);
        assert!(expected.iter().all(|expected| said.contains(expected)), "{parts}: {said}");
        assert!(!out.exists(), "{parts}");
    }
    let data = dataset(folder.path(), 10, 10);
    for (damaged, expected) in [
        (&distilbert, "differ in their family"),
        (&other_classes, "good, bad, ugly"),
        (&encoder, "it is not a fine-tuned classifier"),
        (&other_words, "different tokenizers"),
    ] {
        let paths: [(&str, &Path); 3] = [("--healthy", &model), ("--damaged", damaged), ("--dataset", &data)];
        let said = refused(&command("blame", &paths, ""));
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let paths: [(&str, &Path); 3] = [("--healthy", &model), ("--damaged", &model), ("--dataset", &data)];
    assert!(refused(&command("blame", &paths, "--permutations 5")).contains("even number, 4 or more"));
}

/// What `blame` says of the tiny model and a damaged copy.
fn blame(damaged: &Path, data: &Path, more: &str) -> Value {
    let model = tiny_model();
    let paths: [(&str, &Path); 3] = [("--healthy", &model), ("--damaged", damaged), ("--dataset", data)];
    let more = format!("{more} --max-length 32 --json");
    let value = json(&command("blame", &paths, &more));
    assert_eq!(violations("blame", &value), Vec::<String>::new(), "{value:#}");
    value
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The values of the parts, whose sum must be the difference.
fn parts(blame: &Value) -> Vec<f64> {
    let parts: Vec<f64> = blame["parts"].as_array().unwrap().iter().map(|part| number(&part["value"])).collect();
    let difference = number(&blame["healthy"]) - number(&blame["damaged"]);
    assert!((parts.iter().sum::<f64>() - difference).abs() < SUM_TOLERANCE, "{blame:#}");
    assert!((number(&blame["sum"]) - difference).abs() < SUM_TOLERANCE, "{blame:#}");
    parts
}

/// The selection of plans that means a part.
fn selection_of(part: &Value) -> String {
    let layer = part.as_str().unwrap().strip_prefix("layer ");
    layer.map_or_else(|| "embeddings,pooler,classifier".to_owned(), |layer_idx| format!("layers:{layer_idx}"))
}

#[test]
fn blame_sums_to_the_loss_and_every_mix_is_worth_what_the_same_transplant_is() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = broken(folder.path(), &format!("gaussian:1@{ALL}"));
    let data = dataset(folder.path(), 10, 60);
    let out = folder.path().join("out");
    let value = blame(&damaged, &data, &format!("--text film --out {}", text(&out)));
    assert_eq!(value, read_json(&out.join("blame.json")));
    assert!(fs::read_to_string(out.join("blame.svg")).unwrap().contains("layer 1"));
    assert_eq!((value["n_mixes"].as_u64(), value["layer_passes_per_batch"].as_u64()), (Some(8), Some(12)));
    assert_eq!((&value["n"], &value["method"]), (&json!(60), &json!({"kind": "exact"})));
    parts(&value["accuracy"]);
    parts(&value["sentence"]["blame"]);
    for (i, mix) in value["mixes"].as_array().unwrap().iter().enumerate() {
        let names: Vec<String> = mix["damaged"].as_array().unwrap().iter().map(selection_of).collect();
        let selection = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        let made = folder.path().join(format!("mix-{i}"));
        transplanted(&damaged, &tiny_model(), &selection, &made);
        let judged = folder.path().join(format!("judged-{i}"));
        let paths: [(&str, &Path); 3] = [("--model", &made), ("--dataset", &data), ("--out", &judged)];
        let evaluated = json(&command("evaluate", &paths, "--max-length 32 --json"));
        assert_eq!(evaluated["accuracy"], mix["accuracy"], "{selection}");
    }
}

#[test]
fn a_layer_that_alone_was_damaged_has_all_the_blame() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = broken(folder.path(), "kaiming@layers:0");
    let data = dataset(folder.path(), 10, 60);
    let value = blame(&damaged, &data, "");
    let accuracy = &value["accuracy"];
    let parts = parts(accuracy);
    assert_eq!(parts.len(), 3);
    assert!((parts[0] - number(&accuracy["difference"])).abs() < SUM_TOLERANCE);
    assert_eq!(&parts[1..], [0.0, 0.0]);
    let same: Vec<&Value> = accuracy["parts"].as_array().unwrap().iter().map(|part| &part["same_weights"]).collect();
    assert_eq!(same, [&json!(false), &json!(true), &json!(true)]);
    assert_eq!(value["layer_passes_per_batch"], 4);
    // Where the rest is fixed it is no part, and the screen says which it is.
    let model = tiny_model();
    let paths: [(&str, &Path); 3] = [("--healthy", &model), ("--damaged", &damaged), ("--dataset", &data)];
    let more = "--max-length 32 --rest fixed-damaged";
    let output = bert_heal().args(command("blame", &paths, more)).assert().success();
    let screen = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(
        screen.contains("are the damaged model's in every mix") && screen.contains("same weights in both"),
        "{screen}"
    );
    assert!(screen.contains("exact, over all 4 mixes") && !screen.contains("\nrest"), "{screen}");
}

/// A random model of so many layers beside the tiny model's tokenizer.
pub(crate) fn deep_model(folder: &Path, n_layers: usize, seed: u64) -> PathBuf {
    let model = folder.join(format!("deep-{seed}"));
    copy_folder(&tiny_model(), &model);
    edit_json(&model.join("config.json"), |config| {
        config["num_hidden_layers"] = json!(n_layers);
        config["initializer_range"] = json!(0.3);
    });
    let config = ModelConfig::from_json(&fs::read(model.join("config.json")).unwrap()).unwrap();
    let options =
        LoadOptions { label_names: None, head_seed: Seed(seed), device: Device::Cpu, hash: WeightsHash::Unused };
    let checkpoint = Checkpoint::random(&config, &options).unwrap();
    fs::write(model.join("model.safetensors"), save_weights(&checkpoint.parameters).unwrap()).unwrap();
    model
}

#[test]
fn many_layers_are_sampled_with_an_interval_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, damaged) = (deep_model(folder.path(), 9, 1), deep_model(folder.path(), 9, 2));
    let data = dataset(folder.path(), 10, 20);
    let paths: [(&str, &Path); 3] = [("--healthy", &healthy), ("--damaged", &damaged), ("--dataset", &data)];
    let value = json(&command("blame", &paths, "--max-length 32 --permutations 6 --seed 5 --json"));
    assert_eq!(violations("blame", &value), Vec::<String>::new(), "{value:#}");
    assert_eq!(value["method"], json!({"kind": "sampled", "permutations": 6, "seed": 5, "level": 0.95}));
    assert_eq!(parts(&value["accuracy"]).len(), 10);
    for part in value["accuracy"]["parts"].as_array().unwrap() {
        let (low, high) = (number(&part["interval"]["low"]), number(&part["interval"]["high"]));
        assert!(low <= number(&part["value"]) && number(&part["value"]) <= high, "{part}");
    }
    let output = bert_heal().args(command("blame", &paths, "--max-length 32 --permutations 6")).assert().success();
    let screen = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(screen.contains("sampled, since 9 layers are more than 8: means over 6 random orders"), "{screen}");
}

#[cfg(unix)]
#[test]
fn a_blame_that_is_interrupted_ends_with_4_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, damaged) = (deep_model(folder.path(), 12, 1), deep_model(folder.path(), 12, 2));
    let (data, out) = (dataset(folder.path(), 10, 3000), folder.path().join("out"));
    let paths: [(&str, &Path); 4] =
        [("--healthy", &healthy), ("--damaged", &damaged), ("--dataset", &data), ("--out", &out)];
    let words = command("blame", &paths, "--max-length 32 --permutations 2000 --batch-size 8");
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let mut child = program(&words).spawn().unwrap();
    let (mut stderr, mut said) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    while !said.contains(" mixes: ") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{said}");
    assert!(said.contains("Ctrl-C: stopping") && said.contains("stopped before every mix was measured"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_bridge_ends_at_both_models_and_a_scar_is_where_the_damage_was() {
    let folder = tempfile::tempdir().unwrap();
    let (model, damaged) = (tiny_model(), broken(folder.path(), "zero:1@layers:1/ffn"));
    let data = dataset(folder.path(), 10, 40);
    let (bridge_out, scar_out) = (folder.path().join("bridge"), folder.path().join("scar"));
    let paths: [(&str, &Path); 5] =
        [("--from", &model), ("--via", &damaged), ("--to", &model), ("--dataset", &data), ("--out", &bridge_out)];
    let value = json(&command("bridge", &paths, "--max-length 32 --json"));
    assert_eq!(violations("bridge", &value), Vec::<String>::new(), "{value:#}");
    assert_eq!(value, read_json(&bridge_out.join("bridge.json")));
    let accuracy = |model: &Path, out: &str| {
        let out = folder.path().join(out);
        let paths: [(&str, &Path); 3] = [("--model", model), ("--dataset", &data), ("--out", &out)];
        json(&command("evaluate", &paths, "--max-length 32 --json"))
    };
    let (healthy, broken) = (accuracy(&model, "a"), accuracy(&damaged, "b"));
    for (leg, t, expected) in [(0, 0, &healthy), (0, 10, &broken), (1, 0, &broken), (1, 10, &healthy)] {
        let point = &value["legs"][leg]["points"][t];
        assert_eq!((&point["accuracy"], &point["loss"]), (&expected["accuracy"], &expected["loss"]));
    }
    // There and back is the same way.
    for t in 0..=10 {
        let (there, back) = (&value["legs"][0]["points"][t], &value["legs"][1]["points"][10 - t]);
        assert!((number(&there["loss"]) - number(&back["loss"])).abs() < 1e-6, "{t}");
    }
    for name in ["accuracy.svg", "loss.svg"] {
        assert!(fs::read_to_string(bridge_out.join(name)).unwrap().contains("<svg"), "{name}");
    }

    let paths: [(&str, &Path); 4] =
        [("--healthy", &model), ("--corrupted", &damaged), ("--healed", &model), ("--out", &scar_out)];
    let value = json(&command("scar", &paths, "--json"));
    assert_eq!(violations("scar", &value), Vec::<String>::new(), "{value:#}");
    for scar in value["scars"].as_array().unwrap() {
        let is_damaged = scar["part"] == json!({"layer": 1})
            && scar["component"].as_str().is_none_or(|name| ["ffn.in", "ffn.out"].contains(&name));
        assert_eq!(number(&scar["distance_before"]) > 0.0, is_damaged, "{scar}");
        assert_eq!(scar["distance_after"], 0.0);
        // Healing that gives the very weights back went straight back.
        let way_back = scar["way_back"].as_f64();
        assert_eq!(way_back.map(|cosine| (cosine - 1.0).abs() < 1e-12), is_damaged.then_some(true), "{scar}");
    }
    assert!(fs::read_to_string(scar_out.join("before.svg")).unwrap().contains("ffn.out"));
    let distilbert = tiny_distilbert();
    let paths: [(&str, &Path); 3] = [("--healthy", &model), ("--corrupted", &damaged), ("--healed", &distilbert)];
    assert!(refused(&command("scar", &paths, "")).contains("--healed"));
    let paths: [(&str, &Path); 3] = [("--from", &model), ("--to", &distilbert), ("--dataset", &data)];
    assert!(refused(&command("bridge", &paths, "")).contains("differ in their family"));
}
