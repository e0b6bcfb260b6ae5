//! Which runs are one and the same: what was asked and what computes it decide, and nothing else does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{copy_of_model, dataset, hash, json as run, read_json, refused, run_words, tiny_model};

fn args<'a>(model: &'a Path, data: &'a Path, out: &'a Path) -> Vec<&'a str> {
    run_words(model, data, out, "--json --learning-rate 3e-3 --epochs 1 --batch-size 16 --max-length 32")
}

/// As a model lies on the hub that has a vocabulary and no `tokenizer.json`.
fn model_with_vocabulary(folder: &Path) -> std::path::PathBuf {
    let model = copy_of_model(folder);
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        fs::remove_file(model.join(name)).unwrap();
    }
    model
}

#[test]
fn a_tokenizer_config_that_is_added_makes_another_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let model = model_with_vocabulary(folder.path());
    let out = folder.path().join("runs/a");
    let before = run(&args(&model, &data, &out));
    fs::write(model.join("tokenizer_config.json"), json!({"do_lower_case": false}).to_string()).unwrap();
    let stderr = refused(&args(&model, &data, &out));
    assert!(stderr.contains("model.tokenizer_sha256"), "{stderr}");
    let after = run(&args(&model, &data, &folder.path().join("runs/b")));
    assert_ne!(after["run_id"], before["run_id"]);
}

#[test]
fn corrected_label_names_make_another_run_and_no_healthy_model_is_shared_with_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    fs::remove_file(data.join("labels.txt")).unwrap();
    let (model, wrong, right) = (tiny_model(), folder.path().join("runs/a"), folder.path().join("runs/b"));
    let named = |out, names| {
        let mut args = args(&model, &data, out);
        args.extend(["--label-names", names]);
        args
    };
    let first = run(&named(&wrong, "good,so-so,bad"));
    let stderr = refused(&named(&wrong, "bad,so-so,good"));
    assert!(stderr.contains("dataset.label_names"), "{stderr}");
    let mut corrected = named(&right, "bad,so-so,good");
    corrected.extend(["--corrupt", "kaiming@bottom:0.5"]);
    let second = run(&corrected);
    assert_ne!(second["run_id"], first["run_id"]);
    assert!(second["train"]["phases"][0]["reused_from"].is_null(), "{second:#}");
    let names = |which: &str| read_json(&right.join(format!("checkpoint/{which}/config.json")))["id2label"].clone();
    assert_eq!((names("corrupted"), names("healed")), (names("healthy"), names("healthy")));
}

/// Rows that are not a multiple of the batch size, so that the last batch of each epoch has one row.
#[test]
fn any_number_of_threads_gives_the_same_bits_with_every_instruction_set_and_number_format() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 129, 17);
    let model = tiny_model();
    let f32 = ["gemm", "scalar", "neon", "avx2", "avx512"].map(|isa| (isa, "f32"));
    for (isa, dtype) in f32.into_iter().chain([("avx512", "bf16")]) {
        let weights: Vec<Vec<String>> = ["1", "2", "3", "4", "5"]
            .map(|threads| {
                let out = folder.path().join(format!("{isa}-{dtype}-{threads}/run"));
                let mut args = args(&model, &data, &out);
                args.extend(["--corrupt", "kaiming@bottom:0.5", "--protocol", "finetuned", "--threads", threads]);
                args.extend(["--dtype", dtype]);
                let output = bert_heal().env("BERT_HEAL_ISA", isa).args(&args).output().unwrap();
                let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.code() == Some(2) && stderr.contains("BERT_HEAL_ISA") {
                    return Vec::new();
                }
                assert!(output.status.success(), "{stderr}");
                let record: Value = serde_json::from_slice(&output.stdout).unwrap();
                assert!(record["numerics"]["instruction_set"].as_str().unwrap().starts_with(isa), "{record:#}");
                assert_eq!(record["numerics"]["dtype"], dtype);
                ["healthy", "control", "corrupted", "healed"]
                    .map(|which| hash(&out.join(format!("checkpoint/{which}/model.safetensors"))))
                    .to_vec()
            })
            .to_vec();
        if weights[0].is_empty() {
            println!("skipped: this processor has no {isa} for {dtype}");
            continue;
        }
        assert!(weights.iter().all(|others| *others == weights[0]), "{isa}, {dtype}: {weights:#?}");
    }
}

#[test]
fn an_unfinished_run_of_another_instruction_set_is_refused_and_a_healthy_model_of_one_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, first, second) = (tiny_model(), folder.path().join("runs/a"), folder.path().join("runs/b"));
    let with = |isa: &str, args: &[&str]| {
        let output = bert_heal().env("BERT_HEAL_ISA", isa).args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout)
    };
    assert_eq!(with("scalar", &args(&model, &data, &first)).0, Some(0));
    let mut damaged = args(&model, &data, &second);
    damaged.extend(["--corrupt", "kaiming@bottom:0.5"]);
    let (code, stderr, stdout) = with("gemm", &damaged);
    assert_eq!(code, Some(0), "{stderr}");
    let record: Value = serde_json::from_slice(&stdout).unwrap();
    assert!(record["train"]["phases"][0]["reused_from"].is_null(), "{record:#}");
    // What is finished may be asked for anywhere; what is not goes on only where it was begun.
    assert_eq!(with("scalar", &damaged).0, Some(0));
    fs::remove_file(second.join("run.json")).unwrap();
    let (code, stderr, _) = with("scalar", &damaged);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("instruction set is gemm") && stderr.contains("scalar here"), "{stderr}");
}

#[test]
fn every_seed_is_judged_on_the_same_rows_and_has_trained_on_none_of_another_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 200, 60);
    let rows = |out: &Path| -> Vec<String> {
        let lines = zstd::decode_all(fs::File::open(out.join("predictions/healthy.jsonl.zst")).unwrap()).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let hash = |line: &str| serde_json::from_str::<Value>(line).unwrap()["row_hash"].as_str().unwrap().to_owned();
        lines.lines().map(hash).collect()
    };
    let model = tiny_model();
    let judged = |name: &str, seed: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut args = args(&model, &data, &out);
        args.extend(["--max-steps", "1", "--seed", seed]);
        args.extend(more);
        run(&args);
        rows(&out)
    };
    // A limit on test.
    let limited = ["--test-limit", "20"];
    assert_eq!(judged("runs/a", "1", &limited), judged("runs/b", "2", &limited));
    let other: Vec<&str> = limited.into_iter().chain(["--seed-split", "5"]).collect();
    assert_ne!(judged("runs/a", "1", &limited), judged("runs/c", "1", &other));
    // A split that is carved out of train.
    fs::remove_file(data.join("test.tsv")).unwrap();
    let carved = judged("runs/d", "1", &[]);
    assert_eq!(carved.len(), 20);
    assert_eq!(carved, judged("runs/e", "2", &[]));
}
