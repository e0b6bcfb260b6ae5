//! Layers that are deleted: what is left computes as if they had never been there.

use candle_core::{DType, Device};

use super::super::Plan;
use super::Model;
use crate::Parameters;
use crate::checkpoint::{Checkpoint, LoadOptions, WeightFile, WeightsHash, save_weights};
use crate::dataset::{Batch, EncodedExample};
use crate::model::{ForwardMode, ModelConfig, TextClassifier};
use crate::nn::Kernels;
use crate::random::Seed;

fn config(n_layers: usize) -> ModelConfig {
    let json = format!(
        r#"{{"model_type": "bert", "vocab_size": 30, "hidden_size": 12, "num_hidden_layers": {n_layers},
            "num_attention_heads": 3, "intermediate_size": 20, "max_position_embeddings": 10, "num_labels": 2}}"#
    );
    ModelConfig::from_json(json.as_bytes()).unwrap()
}

fn parameters(config: &ModelConfig) -> Parameters {
    let (device, label_names) = (Device::Cpu, None);
    let options = LoadOptions { label_names, head_seed: Seed(1), device, hash: WeightsHash::Unused };
    Checkpoint::random(config, &options).unwrap().parameters
}

fn corrupted(plan: &str) -> Parameters {
    let config = config(3);
    let mut parameters = parameters(&config);
    let plan = Plan::parse(plan).unwrap().resolve_for(&config).unwrap();
    parameters.corrupt(&plan, Seed(2)).unwrap();
    parameters
}

fn model(config: &ModelConfig, parameters: &Parameters) -> TextClassifier {
    TextClassifier::for_evaluation(config, parameters, &Kernels::for_device(&Device::Cpu), DType::F32).unwrap()
}

fn batch() -> Batch {
    let examples = [vec![2, 7, 9, 3], vec![2, 11, 3]].map(|ids| EncodedExample::of_one_text(ids, 0));
    Batch::new(&examples, &[0, 1], 0)
}

fn logits(config: &ModelConfig, parameters: &Parameters) -> Vec<Vec<f32>> {
    model(config, parameters).forward(&batch(), ForwardMode::Evaluation).unwrap().to_vec2().unwrap()
}

#[test]
fn hidden_states_pass_by_a_deleted_layer() {
    let config = config(3);
    let skipped = corrupted("skip@layers:1");
    assert_eq!(skipped.layer_indices(), [0, 2]);
    let healthy = model(&config, &parameters(&config));
    let (encoder, mode, batch) = (healthy.encoder(), ForwardMode::Evaluation, batch());
    let mask = encoder.mask(&batch).unwrap();
    let bottom = encoder.layers()[0].forward(&encoder.embed(&batch, mode).unwrap(), &mask, mode).unwrap();
    let top = encoder.layers()[2].forward_first(&bottom, &mask, mode).unwrap();
    let expected: Vec<Vec<f32>> = healthy.classify(&healthy.pool(&top).unwrap(), mode).unwrap().to_vec2().unwrap();
    assert_eq!(logits(&config, &skipped), expected);
    assert_ne!(logits(&config, &parameters(&config)), expected);
}

#[test]
fn a_model_saved_without_a_layer_counts_its_layers_anew_and_answers_the_same() {
    let (three, two) = (config(3), config(3).with_n_layers(2));
    let skipped = corrupted("skip@layers:0");
    let bytes = save_weights(&skipped.with_layers_called(&[0, 1]).unwrap()).unwrap();
    let json = String::from_utf8(two.to_json()).unwrap();
    assert!(json.contains(r#""num_hidden_layers": 2"#), "{json}");
    let options = LoadOptions { label_names: None, head_seed: Seed(9), device: Device::Cpu, hash: WeightsHash::Unused };
    let files = vec![WeightFile::new("model.safetensors", bytes)];
    let opened = Checkpoint::load(&ModelConfig::from_json(json.as_bytes()).unwrap(), files, &options).unwrap();
    assert_eq!(logits(&two, &opened.parameters), logits(&three, &skipped));
    // With their old names again they are the same model.
    let back = opened.parameters.with_layers_called(&[1, 2]).unwrap();
    assert_eq!(back.layer_indices(), [1, 2]);
    assert_eq!(logits(&three, &back), logits(&three, &skipped));
    assert!(opened.parameters.with_layers_called(&[1]).is_err());
}

#[test]
fn what_was_done_to_a_layer_does_not_matter_once_it_is_deleted_and_others_keep_their_numbers() {
    let three = config(3);
    let only = logits(&three, &corrupted("skip@layers:1"));
    assert_eq!(logits(&three, &corrupted("kaiming@layers:1;skip@layers:1")), only);
    // The random numbers of layer 2 are those of layer 2, before and after.
    let before = logits(&three, &corrupted("kaiming@layers:2;skip@layers:1"));
    assert_ne!(before, only);
    let mut after = corrupted("skip@layers:1");
    let plan = Plan::parse("kaiming@layers:2").unwrap().resolve_for(&three).unwrap();
    after.corrupt(&plan, Seed(2)).unwrap();
    assert_eq!(logits(&three, &after), before);
}

#[test]
fn the_report_lists_what_was_deleted_and_the_description_what_is_left_out() {
    let mut model = Model::new(4);
    let report = model.apply("skip@layers:1;zero:1@bottom:0.5/bias", 1);
    let removed: Vec<_> = report.tensors.iter().filter(|tensor| tensor.scheme == "skip").collect();
    assert_eq!(removed.len(), 16);
    assert!(removed.iter().all(|tensor| tensor.name.contains(".layer.1.") && tensor.n_changed == tensor.n_elements));
    assert!(removed.iter().all(|tensor| tensor.norm_after == 0.0 && tensor.norm_before > 0.0));
    let others = report.tensors.iter().filter(|tensor| tensor.scheme != "skip");
    assert!(others.clone().count() == 8 && others.into_iter().all(|tensor| tensor.name.contains(".layer.0.")));
    let plan = Plan::parse("skip@layers:1;zero:1@bottom:0.5/bias").unwrap().resolve(model.anatomy).unwrap();
    assert_eq!(plan.removed_layers(), [1]);
    assert_eq!(
        plan.describe(),
        "Delete layer 1 of 4, so that the model computes without; then set 100 % of the values to zero in the biases of \
         layer 0 of 4 without layer 1, which is deleted."
    );
}
