//! Web bundles: made of a run, opened by every command, healed, and refused when they are damaged.

use shared::Condition;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::Parameters;
use shared::bundle::{Bundle, Manifest, ServedRows};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightFile, WeightsHash};
use shared::corruption::Plan;
use shared::evaluation::Prediction;
use shared::model::ModelConfig;
use shared::random::Seed;

use crate::bert_heal;
use crate::fixture::{
    copy_folder, dataset, edit_json, json as run_json, read_json, refused, refused_with, run_words, text, tiny_model,
};

const PLAN: &str = "kaiming@bottom:0.5";

/// A run of protocol finetuned on the tiny model, and a bundle of it.
pub fn run_and_bundle(folder: &Path) -> (PathBuf, PathBuf) {
    let (data, model, run) = (dataset(folder, 120, 40), tiny_model(), folder.join("run"));
    let more = "--seed 3 --max-steps 30 --learning-rate 1e-3 --max-length 32 --protocol finetuned";
    let args = run_words(&model, &data, &run, more);
    bert_heal().args(args).args(["--corrupt", PLAN, "--freeze", "embeddings,top:1L"]).assert().success();
    let (sentences, bundle) = (folder.join("sentences.txt"), folder.join("bundles/tiny"));
    fs::write(&sentences, "the film is good\n\nthe plot was bad\n").unwrap();
    let args = ["export", "--for", "web", "--model", text(&run), "--dataset", text(&data), "--out", text(&bundle)];
    let more = ["--bits", "8", "--healed-bits", "6", "--sentences", text(&sentences), "--index"];
    bert_heal().args(args).args(more).assert().success();
    (run, bundle)
}

pub fn manifest(bundle: &Path) -> Manifest {
    Manifest::parse(&fs::read(bundle.join("manifest.json")).unwrap()).unwrap()
}

pub fn open(folder: &Path) -> Bundle {
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    Bundle::open(manifest(folder), read("weights.bin"), &read("tokenizer.json")).unwrap()
}

/// Every value's bits, in forward order.
fn bits(parameters: &Parameters) -> Vec<u32> {
    let values = |path| parameters.to_vec(path).unwrap();
    parameters.paths().flat_map(values).map(f32::to_bits).collect()
}

/// The bits of a checkpoint that a command wrote.
fn bits_of_checkpoint(folder: &Path) -> Vec<u32> {
    let config = ModelConfig::from_json(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    let name = "model.safetensors";
    let bytes = fs::read(folder.join(name)).unwrap();
    let options = LoadOptions { label_names: None, head_seed: Seed(0), device: Device::Cpu, hash: WeightsHash::Unused };
    bits(&Checkpoint::load(&config, vec![WeightFile::new(name, bytes)], &options).unwrap().parameters)
}

#[test]
fn a_run_becomes_a_bundle_that_says_what_it_is_and_what_it_costs() {
    let folder = tempfile::tempdir().unwrap();
    let (run, bundle) = run_and_bundle(folder.path());
    let manifest = manifest(&bundle);
    let record = read_json(&run.join("run.json"));
    assert_eq!((manifest.name.as_str(), manifest.title.as_str()), ("tiny", "tiny-bert on data"));
    assert_eq!(manifest.task.label_names, ["negative", "neutral", "positive"]);
    let healed = manifest.healed().unwrap();
    let healed_by = healed.fine_tuned.clone();
    assert_eq!((healed.plan.as_str(), healed.seed), (PLAN, Seed(3)));
    assert_eq!(serde_json::to_value(&healed.fine_tuned.run_id).unwrap(), record["run_id"]);
    // Only what healing moved: the damaged layer, pooler and classifier.
    let moved: Vec<&str> = healed.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(moved.len(), 16 + 4);
    assert!(moved.iter().all(|name| !name.contains("embeddings") && !name.contains("layer.1.")), "{moved:?}");

    let quality = manifest.quality.as_ref().unwrap();
    assert_eq!(quality.n, 40);
    let recorded = |which: &str| record[which]["accuracy"].as_f64().unwrap();
    let (corrupted, healed) = (quality.corrupted.unwrap(), quality.healed.unwrap());
    assert_eq!(quality.healthy.accuracy_f32, recorded("healthy"));
    assert_eq!((corrupted.accuracy_f32, healed.accuracy_f32), (recorded("corrupted"), recorded("healed")));
    assert!(quality.healthy.agreement >= 0.95 && healed.agreement >= 0.9, "{quality:?}");

    // The control as the run has it, row by row, and no weights of it.
    let control = manifest.control.as_ref().unwrap();
    assert_eq!((manifest.version, control.budget.as_str(), control.n), (2, "after 30 + 30 steps", 40));
    assert_eq!(control.accuracy, recorded("control"));
    assert_eq!(control.fine_tuned, healed_by);
    let predictions = zstd::decode_all(&*fs::read(run.join("predictions/control.jsonl.zst")).unwrap()).unwrap();
    let predictions = String::from_utf8(predictions).unwrap();
    let predictions: Vec<Prediction> = predictions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(predictions.iter().map(Prediction::predicted).collect::<Vec<_>>(), control.predicted);
    let hashes: Vec<&String> = predictions.iter().map(|prediction| &prediction.row_hash).collect();
    assert_eq!(hashes, manifest.rows.held_out.iter().collect::<Vec<_>>());
    assert_eq!((quality.healthy.answers.unwrap().n_non_finite, control.answers.n_non_finite), (0, 0));
    let files: Vec<_> = fs::read_dir(&bundle).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 5, "{files:?}");

    assert_eq!((manifest.rows.training.len(), manifest.rows.held_out.len()), (120, 40));
    assert_eq!(manifest.rows.healing, manifest.rows.training, "one run heals on what it learnt from");
    let texts: Vec<&str> = manifest.samples.iter().map(|sample| sample.text.as_str()).collect();
    assert_eq!(texts, ["the film is good", "the plot was bad"]);
    assert!(fs::read_to_string(bundle.join("NOTICE.txt")).unwrap().contains("derived from tiny-bert"));
    let index = read_json(&folder.path().join("bundles/index.json"));
    assert_eq!(index["bundles"][0]["name"], "tiny");
    assert_eq!(index["bundles"][0]["size_bytes"], manifest.size_bytes());
}

#[test]
fn errors_in_the_manifest_are_those_of_the_decoded_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (run, folder) = run_and_bundle(folder.path());
    let (bundle, healthy) = (open(&folder), bits_of_checkpoint(&run.join("checkpoint/healthy")));
    let mut healthy = healthy.into_iter().map(f32::from_bits);
    for (path, entry) in bundle.config().parameters().into_iter().zip(&bundle.manifest().tensors) {
        let decoded = bundle.values(path).unwrap();
        let errors: Vec<f64> = decoded.iter().map(|x| f64::from((x - healthy.next().unwrap()).abs())).collect();
        let largest = errors.iter().copied().fold(0.0, f64::max);
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!((largest - entry.max_abs_error).abs() < 1e-7, "{}: {largest}", entry.name);
        assert!((mean - entry.mean_abs_error).abs() < 1e-7, "{}: {mean}", entry.name);
        // 8 bits of at most 64 values: half a step of the largest value's 128th.
        let widest = decoded.iter().fold(0.0_f32, |widest, x| widest.max(x.abs()));
        assert!(largest <= 0.01 * f64::from(widest), "{}", entry.name);
    }
}

#[test]
fn every_command_that_takes_a_model_opens_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bundle) = run_and_bundle(folder.path());
    let opened = open(&bundle);
    let data = folder.path().join("data");

    let args = ["predict", "--model", text(&bundle), "--max-length", "32", "--json"];
    for (which, of) in [
        (
            "healthy",
            (|sample| Some(&sample.healthy)) as fn(&shared::bundle::Sample) -> Option<&shared::bundle::Outcome>,
        ),
        ("corrupted", |sample| sample.corrupted.as_ref()),
        ("healed", |sample| sample.healed.as_ref()),
    ] {
        let texts = "the film is good\nthe plot was bad\n";
        let output = bert_heal().args(args).args(["--which", which]).write_stdin(texts).assert().success();
        let predictions: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        for (prediction, sample) in predictions.as_array().unwrap().iter().zip(&manifest(&bundle).samples) {
            let outcome = of(sample).unwrap();
            assert_eq!(prediction["label_id"], json!(outcome.label_id), "{which}");
            for (i, expected) in outcome.probabilities.iter().enumerate() {
                let got = prediction["probabilities"][i].as_f64().unwrap();
                assert!((got - f64::from(*expected)).abs() < 1e-6, "{which}: {got} against {expected}");
            }
        }
    }

    let out = folder.path().join("evaluation");
    let args = ["evaluate", "--model", text(&bundle), "--dataset", text(&data), "--max-length", "32", "--json"];
    let evaluation = run_json(&[&args[..], &["--out", text(&out)]].concat());
    assert_eq!(evaluation["accuracy"], manifest(&bundle).quality.unwrap().healthy.accuracy);

    let inspected = run_json(&["inspect", text(&bundle), "--max-length", "32", "--json"]);
    assert_eq!(inspected["n_parameters"], opened.config().n_parameters());

    // The bits of the page: both start from the decoded weights.
    let (plan, out) = ("bitflip:1e-3,mantissa@all;kaiming@top:0.5", folder.path().join("broken"));
    let args = ["corrupt", "--model", text(&bundle), "--corrupt", plan, "--seed", "18446744073709551615"];
    bert_heal().args(args).args(["--out", text(&out)]).assert().success();
    let mut expected = opened.parameters(&Device::Cpu).unwrap();
    assert_ne!(bits_of_checkpoint(&out), bits(&expected));
    let plan = Plan::parse(plan).unwrap().resolve(opened.config().anatomy()).unwrap();
    expected.corrupt(&plan, Seed(u64::MAX)).unwrap();
    assert_eq!(bits_of_checkpoint(&out), bits(&expected));

    // Out into Hugging Face's layout again, with its history.
    let out = folder.path().join("healed");
    let args = ["export", "--for", "hub", "--model", text(&bundle), "--which", "healed", "--out", text(&out)];
    bert_heal().args(args).assert().success();
    let delta = opened.delta(fs::read(bundle.join("healed.bin")).unwrap()).unwrap();
    assert_eq!(bits_of_checkpoint(&out), bits(&opened.healed(&delta, &Device::Cpu).unwrap()));
    let config = ModelConfig::from_json(&fs::read(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(config.history.condition(), Condition::Healed);
}

#[test]
fn a_bundle_is_healed_by_a_run_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = run_and_bundle(folder.path());
    let (start, healing, out) = (folder.path().join("start"), folder.path().join("healing"), folder.path().join("b"));
    let args = ["export", "--for", "web", "--model", text(&run), "--which", "healthy", "--bits", "4"];
    bert_heal().args(args).args(["--out", text(&start)]).assert().success();
    assert!(manifest(&start).healed.is_none() && !start.join("healed.bin").exists());
    assert_eq!(manifest(&start).control, None, "there is nothing to compare with it");
    let args = ["predict", "--model", text(&start), "--which", "healed"];
    assert!(refused_with(&args, "the film\n").contains("has no healed model"));

    let data = folder.path().join("data");
    let args = run_words(&start, &data, &healing, "--max-steps 20 --max-length 32 --freeze embeddings");
    bert_heal().args(args).args(["--corrupt", PLAN]).assert().success();
    let args = ["export", "--for", "web", "--model", text(&start), "--healed", text(&healing), "--out", text(&out)];
    bert_heal().args(args).args(["--healed-bits", "8"]).assert().success();
    let (opened, delta) = (open(&out), fs::read(out.join("healed.bin")).unwrap());
    assert_eq!(fs::read(out.join("weights.bin")).unwrap(), fs::read(start.join("weights.bin")).unwrap());
    // The run's corrupted model is the bundle's to the bit, and its healed model is what was encoded.
    let (corrupted, _) = opened.corrupted(&Device::Cpu).unwrap();
    assert_eq!(bits(&corrupted), bits_of_checkpoint(&healing.join("checkpoint/corrupted")));
    let healed = opened.healed(&opened.delta(delta).unwrap(), &Device::Cpu).unwrap();
    let truth = bits_of_checkpoint(&healing.join("checkpoint/healed"));
    let worst = bits(&healed).into_iter().zip(&truth).map(|(a, b)| (f32::from_bits(a) - f32::from_bits(*b)).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-4);
    let quality = manifest(&out).quality.unwrap();
    assert_eq!(quality.corrupted.unwrap().agreement, 1.0);
    assert_eq!(quality.healthy, manifest(&start).quality.unwrap().healthy, "measured when its bits were chosen");

    // What the run calls healthy is the bundle's healthy model fine-tuned once more.
    let record = read_json(&healing.join("run.json"));
    let control = manifest(&out).control.unwrap();
    assert_eq!(
        (control.accuracy, control.budget.as_str()),
        (record["healthy"]["accuracy"].as_f64().unwrap(), "after 30 + 20 steps")
    );
    assert_eq!(serde_json::to_value(&control.fine_tuned.run_id).unwrap(), record["run_id"]);

    // A run that started elsewhere did not heal this bundle.
    let args = ["export", "--for", "web", "--model", text(&start), "--healed", text(&run)];
    let said = refused(&[&args[..], &["--out", text(&folder.path().join("c"))]].concat());
    assert!(said.contains("expected a run of"));
}

#[test]
fn rows_are_chosen_by_the_hashes_of_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bundle) = run_and_bundle(folder.path());
    let (data, out) = (folder.path().join("data"), folder.path().join("rows.json"));
    let args = ["fetch", "--rows-of", text(&bundle), "--dataset", text(&data), "--out", text(&out)];
    let summary = run_json(&[&args[..], &["--max-rows", "50", "--json"]].concat());
    assert_eq!((&summary["train"], &summary["held_out"]), (&json!(50), &json!(40)));
    let rows = ServedRows::parse(&manifest(&bundle), &fs::read(&out).unwrap()).unwrap();
    assert!(rows.licence.starts_with("data: "), "{}", rows.licence);

    // Another dataset's rows are not the bundle's, and nothing is written.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("train.tsv"), "label\ttext\n0\ta\n1\tb\n2\tc\n0\td\n1\te\n2\tf\n0\tg\n1\th\n2\ti\n").unwrap();
    fs::write(other.join("test.tsv"), "label\ttext\n0\tj\n").unwrap();
    let out = folder.path().join("other.json");
    let args = ["fetch", "--rows-of", text(&bundle), "--dataset", text(&other), "--out", text(&out)];
    let said = refused(&args);
    assert!(said.contains("expected the 40 held-out rows of data, got 0"), "{said}");
    assert!(!out.exists());

    let mut changed = read_json(&folder.path().join("rows.json"));
    changed["held_out"][3]["text"] = "another sentence".into();
    let error = ServedRows::parse(&manifest(&bundle), changed.to_string().as_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("held-out row does not belong to the bundle") && error.contains("another sentence"),
        "{error}"
    );
}

#[test]
fn a_bundle_of_version_1_opens_without_a_control_and_one_of_old_numerics_is_superseded() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bundle) = run_and_bundle(folder.path());
    assert_eq!(manifest(&bundle).superseded_numerics(), None);
    edit(&bundle, |manifest| {
        manifest["version"] = 1.into();
        manifest.as_object_mut().unwrap().remove("control");
        for model in ["healthy", "corrupted", "healed"] {
            manifest["quality"][model].as_object_mut().unwrap().remove("answers");
        }
        manifest["healed"]["fine_tuned"]["spec"]["numerics_version"] = 4.into();
    });
    let manifest = manifest(&bundle);
    assert_eq!((manifest.control.as_ref(), manifest.quality.as_ref().unwrap().healthy.answers), (None, None));
    assert_eq!(manifest.superseded_numerics(), Some(4));
    let args = ["predict", "--model", text(&bundle), "--max-length", "32"];
    bert_heal().args(args).args(["--which", "healed"]).write_stdin("the film\n").assert().success();
    let said = refused_with(&[&args[..], &["--which", "control"]].concat(), "the film\n");
    assert!(said.contains("control's figures but not its weights"), "{said}");
}

/// Damages a copy of the bundle and returns what a command says of it.
fn said_of(bundle: &Path, damage: impl FnOnce(&Path)) -> String {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(bundle, copy.path());
    damage(copy.path());
    let args = ["predict", "--model", text(copy.path()), "--which", "healed", "--max-length", "32"];
    let stderr = refused_with(&args, "the film\n");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains("bundle"), "{stderr}");
    errors[0].to_owned()
}

/// Changes the manifest as JSON.
fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    edit_json(&folder.join("manifest.json"), change);
}

/// Puts another content into a file and its size and hash into the manifest, as somebody would who means harm.
fn replace(folder: &Path, name: &str, entry: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).unwrap();
    edit(folder, |manifest| {
        manifest["files"][entry]["size_bytes"] = bytes.len().into();
        manifest["files"][entry]["sha256"] = hex::encode(Sha256::digest(bytes)).into();
    });
}

#[test]
fn damaged_and_hostile_bundles_are_refused_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bundle) = run_and_bundle(folder.path());
    let weights = fs::read(bundle.join("weights.bin")).unwrap();
    let healed = fs::read(bundle.join("healed.bin")).unwrap();
    let says = |said: &str, damage: &dyn Fn(&Path)| {
        let sentence = said_of(&bundle, damage);
        assert!(sentence.contains(said), "expected {said:?} in {sentence}");
    };
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    says("weights.bin: expected SHA-256", &|copy| fs::write(copy.join("weights.bin"), flipped(&weights)).unwrap());
    says("healed.bin: expected SHA-256", &|copy| fs::write(copy.join("healed.bin"), flipped(&healed)).unwrap());
    says("weights.bin: expected", &|copy| fs::write(copy.join("weights.bin"), &weights[..100]).unwrap());
    says("cannot read weights.bin", &|copy| fs::remove_file(copy.join("weights.bin")).unwrap());
    says("tokenizer.json: expected", &|copy| fs::write(copy.join("tokenizer.json"), "{}").unwrap());
    says("manifest.json cannot be read", &|copy| fs::write(copy.join("manifest.json"), "{").unwrap());
    says("has version 3, but this program reads versions 1 to 2", &|copy| {
        fs::write(copy.join("manifest.json"), r#"{"version":3,"new":[]}"#).unwrap();
    });
    says("control: expected 40 held-out rows", &|copy| {
        edit(copy, |manifest| drop(manifest["control"]["predicted"].as_array_mut().unwrap().pop()));
    });
    says("control: expected classes below 3, got 7", &|copy| {
        edit(copy, |manifest| manifest["control"]["predicted"][0] = 7.into());
    });
    says("unknown field", &|copy| edit(copy, |manifest| manifest["surprise"] = 1.into()));
    says("expected the plain name of a file", &|copy| {
        edit(copy, |manifest| manifest["files"]["weights"]["name"] = "../../secret".into());
    });
    // Sizes that would take all memory, were they believed.
    says("expected [32]", &|copy| edit(copy, |manifest| manifest["tensors"][3]["shape"] = json!([1_u64 << 60])));
    says("expected size in bytes", &|copy| {
        edit(copy, |manifest| {
            manifest["tensors"][0]["shape"] = json!([1 << 24, 1 << 24]);
            manifest["config"]["vocab_size"] = json!(1 << 24);
            manifest["config"]["hidden_size"] = json!(1 << 24);
            manifest["config"]["num_attention_heads"] = json!(1);
        });
    });
    says("expected offset", &|copy| edit(copy, |manifest| manifest["tensors"][2]["offset"] = u64::MAX.into()));
    says("multiple of 8", &|copy| edit(copy, |manifest| manifest["tensors"][0]["encoding"]["block"] = 0.into()));
    says("2 to 8 bits", &|copy| edit(copy, |manifest| manifest["tensors"][0]["encoding"]["bits"] = 40.into()));
    says("expected bert.embeddings.position_embeddings.weight, got", &|copy| {
        edit(copy, |manifest| drop(manifest["tensors"].as_array_mut().unwrap().remove(1)));
    });
    says("expected a parameter of the model, got bert.secret", &|copy| {
        edit(copy, |manifest| manifest["healed"]["tensors"][0]["name"] = "bert.secret".into());
    });
    says("expected a parameter after", &|copy| {
        edit(copy, |manifest| {
            let first = manifest["healed"]["tensors"][0].clone();
            manifest["healed"]["tensors"].as_array_mut().unwrap().insert(0, first);
        });
    });
    says("weights.bin: expected", &|copy| {
        replace(copy, "weights.bin", "weights", &[weights.clone(), vec![0; 7]].concat());
    });
    // A scale that is infinite, in the first block of the word embeddings.
    says("expected a finite number", &|copy| {
        let mut bytes = weights.clone();
        bytes[..2].copy_from_slice(&0x7f80_u16.to_le_bytes());
        replace(copy, "weights.bin", "weights", &bytes);
    });
    says("healed and files.healed", &|copy| edit(copy, |manifest| manifest["files"]["healed"] = Value::Null));
    says("layers", &|copy| edit(copy, |manifest| manifest["healed"]["plan"] = "kaiming@layers:7".into()));
    says("task.max_length is 4096", &|copy| edit(copy, |manifest| manifest["task"]["max_length"] = 4096.into()));
}

#[test]
fn export_for_the_page_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (run, bundle) = run_and_bundle(folder.path());
    let model = tiny_model();
    let out = folder.path().join("out");
    let says = |said: &str, args: &[&str]| {
        let stderr = refused(&[&["export", "--for", "web", "--out", text(&out)][..], args].concat());
        assert!(stderr.contains(said), "expected {said:?} in {stderr}");
        assert!(!out.exists());
    };
    says("expected a run folder", &["--model", text(&model)]);
    says("--healed RUN", &["--model", text(&bundle)]);
    says("--which corrupted", &["--model", text(&run), "--which", "corrupted"]);
    says("2 to 8, 16 or 32 bits", &["--model", text(&run), "--bits", "9"]);
    says("multiple of 8", &["--model", text(&run), "--block", "20"]);
    let data = folder.path().join("data");
    says("expected the rows of run", &["--model", text(&run), "--dataset", text(&data), "--train-limit", "9"]);
}
