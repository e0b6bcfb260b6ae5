//! Logits, hidden states and attention.

use candle_core::DType;
use shared::model::{ForwardMode, TextClassifier, Trace};

use crate::golden::{Expected, FORWARD_TOLERANCE, MODELS, assert_close, config, floats, kernel_sets, load, model};

#[test]
fn every_layer_computes_what_transformers_computes() {
    for name in MODELS {
        let checkpoint = load(name);
        let expected = Expected::read(&format!("{name}/expected.safetensors"));
        let batch = expected.batch("", checkpoint.config.architecture);
        for (set, kernels) in kernel_sets() {
            let trace = Trace::capture(&model(&checkpoint.config, &checkpoint.parameters, &kernels), &batch).unwrap();
            let close = |what: &str, ours: &candle_core::Tensor| {
                assert_close(
                    &format!("{name}, {set}, {what}"),
                    &floats(ours),
                    &expected.floats(what),
                    FORWARD_TOLERANCE,
                );
            };
            for (i, hidden) in trace.hidden_states.iter().enumerate() {
                close(&format!("hidden_states.{i}"), hidden);
            }
            for (i, attention) in trace.attentions.iter().enumerate() {
                close(&format!("attentions.{i}"), attention);
            }
            close("pooled", &trace.pooled);
            close("logits", &trace.logits);
        }
    }
}

#[test]
fn evaluation_and_training_models_share_weights_and_agree() {
    let checkpoint = load("tiny-bert");
    let expected = Expected::read("tiny-bert/expected.safetensors");
    let batch = expected.batch("", checkpoint.config.architecture);
    let (_, kernels) = kernel_sets().remove(0);
    let evaluation =
        TextClassifier::for_evaluation(&checkpoint.config, &checkpoint.parameters, &kernels, DType::F32).unwrap();
    let logits = evaluation.forward(&batch, ForwardMode::Evaluation).unwrap();
    assert!(!logits.track_op(), "an evaluation model must not build a graph");
    assert_close("logits", &floats(&logits), &expected.floats("logits"), FORWARD_TOLERANCE);
}

#[test]
fn epsilon_of_the_config_is_used() {
    let checkpoint = load("tiny-bert");
    let expected = Expected::read("variants/tiny-bert-large-eps/expected.safetensors");
    let batch = Expected::read("tiny-bert/expected.safetensors").batch("", checkpoint.config.architecture);
    for (set, kernels) in kernel_sets() {
        let model = model(&config("variants/tiny-bert-large-eps"), &checkpoint.parameters, &kernels);
        let logits = model.forward(&batch, ForwardMode::Evaluation).unwrap();
        assert_close(set, &floats(&logits), &expected.floats("logits"), FORWARD_TOLERANCE);
    }
}
