//! What other programs leave beside or in place of weights, against what they make of it themselves.

use std::fs;
use std::path::Path;

use candle_core::Device;
use serde_json::Value;
use shared::checkpoint::Checkpoint;
use shared::model::ForwardMode;
use shared::nn::{Kernel, Kernels};
use shared::random::Seed;
use trainer::open_model::{ModelSource, Weights};

use crate::files;
use crate::harness::{self, Expected, FORWARD_TOLERANCE, assert_close, floats};

/// A change of an adapter's config.
type Change = fn(&mut Value);

fn open(folder: &Path) -> anyhow::Result<Checkpoint> {
    ModelSource::open(folder.to_str().unwrap(), None, Weights::Read)?.load(None, Seed(0), &Device::Cpu)
}

/// The base model with an adapter beside it, its config changed.
fn adapted(model: &str, adapter: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::write(folder.path().join(file), files::read(&format!("{model}/{file}"))).unwrap();
    }
    let adapter = format!("foreign/adapters/{adapter}");
    let mut config: Value = serde_json::from_slice(&files::read(&format!("{adapter}/adapter_config.json"))).unwrap();
    change(&mut config);
    fs::write(folder.path().join("adapter_config.json"), config.to_string()).unwrap();
    let weights = files::read(&format!("{adapter}/adapter_model.safetensors"));
    fs::write(folder.path().join("adapter_model.safetensors"), weights).unwrap();
    folder
}

fn logits(checkpoint: &Checkpoint, model: &str) -> Vec<f32> {
    let batch = Expected::read(&format!("{model}/expected.safetensors")).batch("", checkpoint.config.architecture);
    let model = harness::model(&checkpoint.config, &checkpoint.parameters, &Kernels::all(Kernel::Fused));
    floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap())
}

const ADAPTERS: [(&str, &str); 3] =
    [("tiny-bert", "query-value"), ("tiny-bert", "every-matrix"), ("tiny-distilbert", "embeddings")];

#[test]
fn a_lora_adapter_beside_the_weights_gives_the_logits_of_peft() {
    for (model, adapter) in ADAPTERS {
        let expected = Expected::read(&format!("foreign/adapters/{adapter}/expected.safetensors"));
        let checkpoint = open(adapted(model, adapter, |_| {}).path()).unwrap();
        assert_close(adapter, &logits(&checkpoint, model), &expected.floats("logits"), FORWARD_TOLERANCE);
        let said = checkpoint.notes.join("\n");
        assert!(said.contains("the LoRA adapter in adapter_model.safetensors") && said.contains(model), "{said}");
        assert_ne!(checkpoint.weights_hash, harness::load(model).weights_hash, "runs on it are runs of their own");
        // PEFT does not transpose what it adds to these models' layers, whatever this says.
        let folder = adapted(model, adapter, |config| config["fan_in_fan_out"] = true.into());
        assert_eq!(open(folder.path()).unwrap().weights_hash, checkpoint.weights_hash);
    }
}

#[test]
fn an_adapter_that_is_not_plain_lora_is_refused_by_the_name_of_what_it_is() {
    let refused =
        |change: Change| format!("{:#}", open(adapted("tiny-bert", "query-value", change).path()).unwrap_err());
    let cases: [(Change, &str); 12] = [
        (|config| config["use_dora"] = true.into(), "use_dora is true"),
        (|config| config["bias"] = "lora_only".into(), "bias is lora_only"),
        (|config| config["lora_bias"] = true.into(), "lora_bias is true"),
        (|config| config["peft_type"] = "IA3".into(), "peft_type is IA3"),
        (|config| config["peft_type"] = Value::Null, "peft_type is missing"),
        (|config| config["init_lora_weights"] = "pissa".into(), "init_lora_weights is \"pissa\""),
        (|config| config["layer_replication"] = serde_json::json!([[0, 1]]), "layer_replication is [[0,1]]"),
        (|config| config["a_setting_of_2030"] = 7.into(), "a_setting_of_2030 is 7"),
        (|config| config["alpha_pattern"] = serde_json::json!({"layer.[01].key": 2}), "regular expression"),
        (|config| config["target_modules"] = serde_json::json!(["key"]), "do not belong together"),
        (|config| config["r"] = 5.into(), "lora_A of bert.encoder.layer.0.attention.self.query"),
        (|config| config["task_type"] = "TOKEN_CLS".into(), "a token classifier"),
    ];
    for (change, expected) in cases {
        let said = refused(change);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn an_adapter_that_is_not_whole_is_never_skipped() {
    for (file, expected) in [
        ("adapter_config.json", "adapter_config.json is missing beside adapter_model.safetensors"),
        ("adapter_model.safetensors", "adapter_model.safetensors is missing beside adapter_config.json"),
        ("config.json", "an adapter without its base model: put config.json and the weights of tiny-bert beside"),
    ] {
        let folder = adapted("tiny-bert", "query-value", |_| {});
        fs::remove_file(folder.path().join(file)).unwrap();
        let said = format!("{:#}", open(folder.path()).unwrap_err());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn pickles_from_before_torch_1_6_and_pickles_of_doubles_hold_the_same_weights() {
    let plain = harness::load("tiny-bert");
    let legacy = open(&files::path("foreign/pickled-legacy")).unwrap();
    assert_eq!(legacy.weights_hash, plain.weights_hash);
    let said = legacy.notes.join("\n");
    assert!(said.contains("names begin with module.") && said.contains("position_ids"), "{said}");
    let doubles = open(&files::path("foreign/pickled-f64")).unwrap();
    assert_eq!((doubles.weights_hash, doubles.notes), (plain.weights_hash, Vec::new()));
}

/// The pickles at its beginning, where every length and place is, and cuts anywhere.
#[test]
fn no_single_changed_byte_of_an_old_pickle_takes_the_program_down() {
    let good = files::read("foreign/pickled-legacy/pytorch_model.bin");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), files::read("tiny-bert/config.json")).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
        open(folder.path()).err().map(|error| format!("{error:#}"))
    };
    let mut n_refused = 0;
    for at in (0..6000).step_by(5) {
        let mut bytes = good.clone();
        bytes[at] ^= if at % 2 == 0 { 0xFF } else { 0x01 };
        if let Some(message) = refused(&bytes) {
            n_refused += 1;
            assert!(message.contains("pytorch_model.bin") && message.len() < 2000, "byte {at}: {message}");
        }
    }
    assert!(n_refused > 500, "most changes are noticed: {n_refused}");
    for length in [1, 15, 3000, good.len() / 2, good.len() - 1] {
        let said = refused(&good[..length]).unwrap();
        assert!(said.contains("as one from before PyTorch 1.6 it cannot be read"), "{said}");
    }
}
