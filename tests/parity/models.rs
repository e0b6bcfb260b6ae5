//! Forward pass, gradients and training of both tiny models, with every set of kernels.

use std::sync::Arc;

use candle_core::{DType, Device};
use shared::model::{ForwardMode, TextClassifier};
use shared::nn::{Kernels, collect, cross_entropy};
use shared::random::Seed;

use crate::files::kernel_sets;
use crate::harness::{
    Expected, FORWARD_TOLERANCE, MODELS, PLAIN, Training, assert_close, compare_gradients, compare_layers,
    compare_training, config, floats, is_key_bias, load, model,
};

#[test]
fn every_layer_computes_what_transformers_computes() {
    for name in MODELS {
        let checkpoint = load(name);
        for (set, kernels) in kernel_sets() {
            compare_layers(name, set, &model(&checkpoint.config, &checkpoint.parameters, &kernels));
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

#[test]
fn loss_and_every_gradient_are_those_of_pytorch() {
    for name in MODELS {
        for (set, kernels) in kernel_sets() {
            compare_gradients(name, set, &kernels);
        }
    }
}

/// The trap this project was warned of: a fused LayerNorm or softmax without a backward pass trains only the head.
#[test]
fn every_trainable_tensor_gets_a_finite_gradient_that_is_not_zero() {
    for name in MODELS {
        let checkpoint = load(name);
        let expected = Expected::read(&format!("{name}/expected.safetensors"));
        let batch = expected.batch("", checkpoint.config.architecture);
        for kernels in [Kernels::all(shared::nn::Kernel::Fused), Kernels::all(shared::nn::Kernel::Composite)] {
            let stream = Seed(1).stream("dropout", "");
            let model = model(&checkpoint.config, &checkpoint.parameters, &kernels);
            let logits = model.forward(&batch, ForwardMode::Training(&stream)).unwrap();
            let loss = cross_entropy(&logits, &Arc::new(batch.labels.clone()), &kernels).unwrap();
            let mut gradients = collect(&loss, model.collector()).unwrap();
            for (path, var) in checkpoint.parameters.trained() {
                let gradient =
                    gradients.remove(var).unwrap().unwrap_or_else(|| panic!("{name}: no gradient for {path}"));
                let gradient = floats(&gradient.to_dense(var).unwrap());
                assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {path} has a gradient that is not finite");
                let largest = gradient.iter().fold(0.0_f32, |max, g| max.max(g.abs()));
                assert!(is_key_bias(path) || largest > 1e-6, "{name}: the gradient of {path} is zero");
            }
        }
    }
}

#[test]
fn frozen_parameters_get_no_gradient_at_all() {
    let mut checkpoint = load("tiny-bert");
    checkpoint.parameters.freeze(|path| path.layer_idx() == Some(0) || path.module.is_embedding()).unwrap();
    let batch = Expected::read("tiny-bert/expected.safetensors").batch("", checkpoint.config.architecture);
    let kernels = Kernels::all(shared::nn::Kernel::Fused);
    let model = model(&checkpoint.config, &checkpoint.parameters, &kernels);
    let logits = model.forward(&batch, ForwardMode::Evaluation).unwrap();
    let loss = cross_entropy(&logits, &Arc::new(batch.labels), &kernels).unwrap();
    let mut gradients = collect(&loss, model.collector()).unwrap();
    for path in checkpoint.parameters.paths() {
        let frozen = path.layer_idx() == Some(0) || path.module.is_embedding();
        let gradient = gradients.remove(&checkpoint.parameters.get(path).unwrap()).unwrap();
        assert_eq!(gradient.is_none(), frozen, "{path}");
    }
}

#[test]
fn ten_steps_of_adamw_are_those_of_pytorch_with_any_kernel() {
    for model in MODELS {
        for (set, kernels) in kernel_sets() {
            compare_training(model, &PLAIN, kernels, set);
        }
    }
}

const ACCUMULATED: Training = Training { name: "accumulated", batches_per_step: 2, freezes: false };

#[test]
fn accumulated_gradients_are_averaged_as_in_pytorch() {
    for model in MODELS {
        compare_training(model, &ACCUMULATED, Kernels::for_device(&Device::Cpu), "all fused");
    }
}

const FROZEN: Training = Training { name: "frozen", batches_per_step: 1, freezes: true };

#[test]
fn frozen_parts_count_neither_for_the_norm_nor_for_the_update() {
    for model in MODELS {
        compare_training(model, &FROZEN, Kernels::for_device(&Device::Cpu), "all fused");
    }
}
