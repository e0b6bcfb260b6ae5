//! Every form in which Hugging Face has written these checkpoints.

use candle_core::Device;
use shared::Error;
use shared::checkpoint::{
    Checkpoint, CheckpointError, HeadOrigin, OtherClasses, WeightFile, WeightsHash, save_weights,
};
use shared::model::{ForwardMode, Module, ParameterPath};
use shared::nn::{Kernel, Kernels};
use shared::random::Seed;
use trainer::open_model::{ModelSource, Weights};

use crate::files::{options, weight_files};
use crate::harness::{Expected, FORWARD_TOLERANCE, MODELS, assert_close, config, floats, load, model};

fn logits(checkpoint: &Checkpoint) -> Vec<f32> {
    let batch = Expected::read("tiny-bert/expected.safetensors").batch("", checkpoint.config.architecture);
    let model = model(&checkpoint.config, &checkpoint.parameters, &Kernels::all(Kernel::Fused));
    floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap())
}

#[test]
fn half_precision_on_disk_computes_with_its_rounded_weights() {
    for variant in ["variants/tiny-bert-f16", "variants/tiny-bert-bf16"] {
        let expected = Expected::read(&format!("{variant}/expected.safetensors"));
        assert_close(variant, &logits(&load(variant)), &expected.floats("logits"), FORWARD_TOLERANCE);
    }
}

#[test]
fn shards_and_old_names_hold_the_same_weights() {
    let plain = load("tiny-bert");
    assert_eq!((plain.head, plain.notes.len()), (HeadOrigin::Loaded, 0));
    for variant in ["variants/tiny-bert-sharded", "variants/tiny-bert-gamma-beta"] {
        let checkpoint = load(variant);
        assert_eq!(checkpoint.weights_hash, plain.weights_hash, "{variant}");
        assert_eq!(
            save_weights(&checkpoint.parameters).unwrap(),
            save_weights(&plain.parameters).unwrap(),
            "{variant}"
        );
    }
}

#[test]
fn a_missing_head_or_pooler_is_created_from_the_seed_and_said() {
    let names = ["negative", "neutral", "positive"];
    let load = |folder: &str| Checkpoint::load(&config(folder), weight_files(folder), &options(Some(&names))).unwrap();
    let encoder_only = load("variants/tiny-bert-encoder-only");
    assert_eq!(encoder_only.head, HeadOrigin::Created);
    assert_eq!(
        encoder_only.notes,
        [
            "the checkpoint has no classifier: created from head seed 0",
            "the checkpoint has no bert.pooler.dense: created from head seed 0"
        ]
    );
    assert_eq!(encoder_only.config.label_names, names);
    let pretraining = load("variants/tiny-bert-pretraining");
    assert!(
        pretraining.notes.iter().any(|note| note.contains("head of the pre-training task")),
        "{:?}",
        pretraining.notes
    );
    assert!(pretraining.notes.iter().any(|note| note.contains("position_ids")), "{:?}", pretraining.notes);
    let plain = crate::harness::load("tiny-bert");
    for path in plain.parameters.paths().filter(|path| !matches!(path.module, Module::Classifier)) {
        let expected = plain.parameters.to_vec(path).unwrap();
        assert_eq!(pretraining.parameters.to_vec(path).unwrap(), expected, "{path}");
        if path.module != Module::Pooler {
            assert_eq!(encoder_only.parameters.to_vec(path).unwrap(), expected, "{path}");
        }
    }
    let classifier = ParameterPath::weight(Module::Classifier);
    assert_eq!(pretraining.parameters.to_vec(classifier).unwrap(), encoder_only.parameters.to_vec(classifier).unwrap());
    let masked_lm = load("variants/tiny-distilbert-masked-lm");
    assert_eq!(masked_lm.head, HeadOrigin::Created);
}

#[test]
fn an_encoder_alone_is_not_a_classifier() {
    let folder = "variants/tiny-bert-encoder-only";
    let error = Checkpoint::load(&config(folder), weight_files(folder), &options(None)).unwrap_err();
    assert!(error.to_string().contains("not a fine-tuned classifier"), "{error}");
}

#[test]
fn saving_and_loading_is_the_identity() {
    for name in MODELS {
        let checkpoint = load(name);
        let bytes = save_weights(&checkpoint.parameters).unwrap();
        let config = shared::model::ModelConfig::from_json(&checkpoint.config.to_json()).unwrap();
        assert_eq!(config.label_names, ["negative", "neutral", "positive"]);
        let file = WeightFile::new("model.safetensors", bytes.clone());
        let again = Checkpoint::load(&config, vec![file], &options(None)).unwrap();
        assert_eq!(again.weights_hash, checkpoint.weights_hash);
        assert_eq!(save_weights(&again.parameters).unwrap(), bytes);
    }
}

#[test]
fn damaged_weights_are_refused_with_the_tensor_and_both_shapes() {
    let bert = config("tiny-bert");
    let load = |bytes: Vec<u8>| match Checkpoint::load(
        &bert,
        vec![WeightFile::new("model.safetensors", bytes)],
        &options(None),
    ) {
        Err(Error::Checkpoint(error)) => error,
        other => panic!("expected a checkpoint error, got {other:?}"),
    };
    let good = crate::files::read("tiny-bert/model.safetensors");
    assert!(matches!(load(Vec::new()), CheckpointError::Safetensors { .. }));
    assert!(matches!(load(good[..good.len() - 1].to_vec()), CheckpointError::Safetensors { .. }));
    let mut huge = good.clone();
    huge[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    assert!(matches!(load(huge), CheckpointError::Safetensors { .. }));

    let wider = shared::model::ModelConfig::from_json(
        &String::from_utf8(crate::files::read("tiny-bert/config.json"))
            .unwrap()
            .replace("\"intermediate_size\": 64", "\"intermediate_size\": 65")
            .into_bytes(),
    )
    .unwrap();
    let error = Checkpoint::load(&wider, weight_files("tiny-bert"), &options(None)).unwrap_err().to_string();
    assert!(error.contains("intermediate.dense") && error.contains("[65]") && error.contains("[64]"), "{error}");

    let shallow = shared::model::ModelConfig::from_json(
        &String::from_utf8(crate::files::read("tiny-bert/config.json"))
            .unwrap()
            .replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1")
            .into_bytes(),
    )
    .unwrap();
    let error = Checkpoint::load(&shallow, weight_files("tiny-bert"), &options(None)).unwrap_err().to_string();
    assert!(error.contains("unexpected tensor bert.encoder.layer.1."), "{error}");

    let mut twice = weight_files("tiny-bert");
    twice.extend(weight_files("variants/tiny-bert-gamma-beta"));
    let error = Checkpoint::load(&bert, twice, &options(None)).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Duplicate { .. })), "{error}");
}

/// What the kernel counts for this thread: bytes that were read from anywhere. None where it does not count.
fn bytes_read_by_this_thread() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("rchar: ")?.trim().parse().ok())
}

#[test]
fn the_weights_on_disk_are_read_once() {
    let folder = crate::files::path("tiny-bert");
    let n_bytes = crate::files::read("tiny-bert/model.safetensors").len() as u64;
    // All reads on one thread, whose bytes are counted apart from those of other tests.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let n_read = pool.install(|| {
        let source = ModelSource::open(&folder.to_string_lossy(), None, Weights::Read).unwrap();
        let before = bytes_read_by_this_thread()?;
        let hash = WeightsHash::Wanted;
        source.load_with(None, OtherClasses::default(), Seed(0), &Device::Cpu, hash).unwrap();
        Some(bytes_read_by_this_thread()? - before)
    });
    let Some(n_read) = n_read else {
        eprintln!("skipped: this system does not count what a thread reads");
        return;
    };
    // Beside the tensors, which are most of it, the header twice: for what it claims before anything is believed, and
    // for what it says.
    assert!(n_read >= n_bytes && n_read < n_bytes + n_bytes / 2, "{n_read} bytes were read of a file of {n_bytes}");
}
