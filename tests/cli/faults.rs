//! Bad input: exit code 2, one message that names the file or token and the place, no panic, no folder left behind.

use std::fs;
use std::path::Path;

use crate::fixture::{self, copy_of_model, dataset, json, run_words, tiny_model};

/// Runs a command that must be refused and returns what it says.
fn refused(model: &Path, data: &Path, folder: &Path, more: &[&str]) -> String {
    let out = folder.join("out/run");
    let mut args = run_words(model, data, &out, "--max-length 32 --max-steps 1");
    args.extend(more);
    let stderr = fixture::refused(&args);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "one message: {stderr}");
    assert!(!folder.join("out").exists(), "a folder was left behind: {stderr}");
    stderr
}

/// A model and rows, damaged by `damage`; the message must name every one of `expected`.
fn damaged(damage: impl FnOnce(&Path, &Path), expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    let model = copy_of_model(folder.path());
    damage(&model, &data);
    let stderr = refused(&model, &data, folder.path(), &[]);
    for part in expected {
        assert!(stderr.contains(part), "expected {part:?} in: {stderr}");
    }
}

fn edit_config(model: &Path, from: &str, to: &str) {
    let path = model.join("config.json");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains(from));
    fs::write(path, config.replace(from, to)).unwrap();
}

#[test]
fn truncated_weights() {
    damaged(
        |model, _| {
            let path = model.join("model.safetensors");
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        &["model.safetensors", "not a readable safetensors file"],
    );
}

#[test]
fn a_header_that_claims_two_to_the_sixty_bytes() {
    damaged(
        |model, _| {
            let path = model.join("model.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            bytes[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
            fs::write(path, bytes).unwrap();
        },
        &["model.safetensors", "not a readable safetensors file"],
    );
}

#[test]
fn empty_and_missing_weights() {
    damaged(|model, _| fs::write(model.join("model.safetensors"), b"").unwrap(), &["model.safetensors", "empty"]);
    damaged(|model, _| fs::remove_file(model.join("model.safetensors")).unwrap(), &["model.safetensors is missing"]);
}

#[test]
fn weights_of_another_shape() {
    damaged(
        |model, _| edit_config(model, "\"intermediate_size\": 64", "\"intermediate_size\": 65"),
        &["bert.encoder.layer.0.intermediate.dense", "expected [65", "[64"],
    );
}

#[test]
fn a_config_that_is_not_json_or_lacks_a_field_or_is_of_another_model() {
    damaged(|model, _| fs::write(model.join("config.json"), b"{oops").unwrap(), &["config.json", "not a JSON object"]);
    damaged(|model, _| edit_config(model, "\"hidden_size\"", "\"other\""), &["config.json", "hidden_size is missing"]);
    damaged(
        |model, _| edit_config(model, "\"model_type\": \"bert\"", "\"model_type\": \"gpt2\""),
        &["config.json", "\"gpt2\"", "expected \"bert\" or \"distilbert\""],
    );
    damaged(
        |model, _| edit_config(model, "\"num_attention_heads\": 4", "\"num_attention_heads\": 5"),
        &["config.json", "hidden size of 32", "5 heads"],
    );
}

#[test]
fn a_folder_without_a_tokenizer_and_no_folder_at_all() {
    damaged(
        |model, _| {
            fs::remove_file(model.join("tokenizer.json")).unwrap();
            fs::remove_file(model.join("vocab.txt")).unwrap();
        },
        &["no tokenizer", "tokenizer.json"],
    );
    damaged(|model, _| fs::write(model.join("tokenizer.json"), b"{}").unwrap(), &["tokenizer.json cannot be read"]);
    damaged(|model, _| fs::remove_dir_all(model).unwrap(), &["no such folder", "config.json"]);
}

#[test]
fn a_row_that_is_not_utf_8() {
    damaged(
        |_, data| {
            let path = data.join("train.tsv");
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend(b"1\tthe film \xff is bad\n");
            fs::write(path, bytes).unwrap();
        },
        &["train.tsv", "32", "UTF-8"],
    );
}

#[test]
fn a_missing_column_and_a_label_out_of_range() {
    damaged(
        |_, data| fs::write(data.join("test.tsv"), "label\ttext\n1\tgood film\nbad film\n").unwrap(),
        &["test.tsv", "3", "tab"],
    );
    damaged(
        |_, data| fs::write(data.join("train.tsv"), "label\ttext\n1\tgood film\n7\tbad film\n").unwrap(),
        &["train.tsv", "3", "7"],
    );
    damaged(|_, data| fs::remove_file(data.join("train.tsv")).unwrap(), &["train"]);
}

#[test]
fn plans_that_are_unknown_or_out_of_range_point_at_the_character() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    for (plan, expected) in [
        ("meteor@all", "meteor@all\n"),
        ("kaiming@bottom:1.5", "at most 1"),
        ("kaiming@layers:0-7", "layers:0-7"),
        ("zero:0.5@all/attention.head:9", "head:9"),
        ("kaiming", "kaiming"),
    ] {
        let stderr = refused(&tiny_model(), &data, folder.path(), &["--corrupt", plan]);
        assert!(stderr.contains(expected) && stderr.contains('^') && stderr.contains("--corrupt"), "{plan}: {stderr}");
    }
    let stderr = refused(&tiny_model(), &data, folder.path(), &["--freeze", "bottom:9L"]);
    assert!(stderr.contains("--freeze") && stderr.contains('^'), "{stderr}");
}

#[test]
fn a_length_that_the_model_has_no_positions_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let stderr = fixture::refused(&run_words(&model, &data, &out, "--max-length 128"));
    assert!(stderr.contains("--max-length 128") && stderr.contains("at most 48"), "{stderr}");
}

#[test]
fn bad_rows_are_skipped_and_counted_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 30, 10);
    let train = data.join("train.tsv");
    let text_of_train = fs::read_to_string(&train).unwrap() + "9\tthe film is bad\nno tab\n";
    fs::write(&train, text_of_train).unwrap();
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let record = json(&run_words(&model, &data, &out, "--max-length 32 --max-steps 2 --skip-bad-rows --json"));
    assert_eq!(record["spec"]["dataset"]["n_bad_rows_skipped"], 2);
    assert_eq!(record["spec"]["dataset"]["rows"]["train"], 30);
    let notes = record["notes"].to_string();
    assert!(notes.contains('2') && notes.contains("skipped"), "{notes}");
}
