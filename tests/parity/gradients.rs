//! The gradient of every parameter.

use std::sync::Arc;

use shared::model::{ForwardMode, Kind, LayerModule, Module, ParameterPath};
use shared::nn::{Kernels, collect, cross_entropy};
use shared::seed::Seed;

use crate::golden::{
    Expected, FORWARD_TOLERANCE, GRADIENT_TOLERANCE, MODELS, assert_close, floats, kernel_sets, load, model,
};

/// Softmax does not change under a shift, so a key bias has an analytically zero gradient.
pub fn is_key_bias(path: ParameterPath) -> bool {
    path.kind == Kind::Bias && matches!(path.module, Module::Layer(_, LayerModule::Key))
}

#[test]
fn loss_and_every_gradient_are_those_of_pytorch() {
    for name in MODELS {
        let checkpoint = load(name);
        let expected = Expected::read(&format!("{name}/expected.safetensors"));
        let batch = expected.batch("", checkpoint.config.architecture);
        for (set, kernels) in kernel_sets() {
            let model = model(&checkpoint.config, &checkpoint.parameters, &kernels);
            let logits = model.forward(&batch, ForwardMode::Evaluation).unwrap();
            let loss = cross_entropy(&logits, &Arc::new(batch.labels.clone()), &kernels).unwrap();
            assert_close(&format!("{name}, {set}, loss"), &floats(&loss), &expected.floats("loss"), FORWARD_TOLERANCE);
            let mut gradients = collect(&loss, model.collector()).unwrap();
            let mut n_compared = 0;
            for (path, var) in checkpoint.parameters.trained() {
                let parameter = path.name(checkpoint.config.architecture);
                let gradient = gradients.remove(var).unwrap();
                let gradient = gradient.unwrap_or_else(|| panic!("{name}, {set}: no gradient for {parameter}"));
                let gradient = gradient.to_dense(var).unwrap();
                let expected = expected.floats(&format!("gradients.{parameter}"));
                assert_close(&format!("{name}, {set}, {parameter}"), &floats(&gradient), &expected, GRADIENT_TOLERANCE);
                n_compared += 1;
            }
            assert_eq!(
                n_compared,
                expected.names_under("gradients.").count(),
                "{name}: every golden gradient is compared"
            );
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
