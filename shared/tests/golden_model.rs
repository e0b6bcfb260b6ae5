//! Both tiny models against values that transformers computed in f64, with the kernels of the target.
//!
//! The same checks run natively and, by wasm-bindgen-test, in a real browser. `tests/parity` has more of them, natively;
//! `tests/golden/README.md` says how the files were made.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightFile};
use shared::dataset::{Batch, EncodedExample};
use shared::model::{Architecture, ForwardMode, Kind, LayerModule, ModelConfig, Module, TextClassifier, Trace};
use shared::nn::{Kernels, collect, cross_entropy};
use shared::seed::Seed;
use shared::training::{FineTuning, TrainingArgs, TrainingSeeds};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// As in `tests/parity`: f32 of Hugging Face lies within 4e-6 of the golden f64 on logits.
const FORWARD_TOLERANCE: f32 = 2e-5;
/// Gradients reach 10; Hugging Face's own f32 lies within 2e-5.
const GRADIENT_TOLERANCE: f32 = 1e-4;
/// Hugging Face's own f32 lies within 4e-6 after ten steps that move parameters by up to 0.1.
const PARAMETER_TOLERANCE: f32 = 4e-5;

/// The files of one model.
struct Golden {
    name: &'static str,
    config: &'static [u8],
    weights: &'static [u8],
    expected: &'static [u8],
    training: &'static [u8],
}

macro_rules! golden {
    ($name:literal) => {
        Golden {
            name: $name,
            config: include_bytes!(concat!("../../tests/golden/", $name, "/config.json")),
            weights: include_bytes!(concat!("../../tests/golden/", $name, "/model.safetensors")),
            expected: include_bytes!(concat!("../../tests/golden/", $name, "/expected.safetensors")),
            training: include_bytes!(concat!("../../tests/golden/", $name, "/training.safetensors")),
        }
    };
}

const MODELS: [Golden; 2] = [golden!("tiny-bert"), golden!("tiny-distilbert")];

impl Golden {
    fn load(&self) -> Checkpoint {
        let config = ModelConfig::from_json(self.config).unwrap();
        let file = WeightFile { name: "model.safetensors".into(), bytes: self.weights.to_vec() };
        let options = LoadOptions { label_names: None, head_seed: Seed(0), device: Device::Cpu };
        Checkpoint::load(&config, vec![file], &options).unwrap()
    }
}

/// A safetensors file of expected values.
struct Expected(BTreeMap<String, Tensor>);

impl Expected {
    fn read(bytes: &[u8]) -> Self {
        Self(candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap().into_iter().collect())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        floats(&self.0[name])
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.0[name].flatten_all().unwrap().to_vec1::<i64>().unwrap().into_iter().map(|id| id as u32).collect()
    }

    fn batch(&self, prefix: &str, architecture: Architecture) -> Batch {
        let (n_rows, n_columns) = self.0[&format!("{prefix}input_ids")].dims2().unwrap();
        Batch {
            row_indices: (0..n_rows).collect(),
            n_rows,
            n_columns,
            input_ids: self.ids(&format!("{prefix}input_ids")),
            attention_mask: self.ids(&format!("{prefix}attention_mask")),
            token_type_ids: match architecture {
                Architecture::Bert => self.ids(&format!("{prefix}token_type_ids")),
                Architecture::DistilBert => vec![0; n_rows * n_columns],
            },
            labels: self.ids(&format!("{prefix}labels")),
        }
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    for (ours, expected) in ours.iter().zip(expected) {
        // Written so that NaN fails.
        assert!((ours - expected).abs() <= tolerance, "{what}: {ours}, expected {expected}");
    }
}

fn kernels() -> Kernels {
    Kernels::for_device(&Device::Cpu)
}

/// An evaluation and a training model take different paths through the kernels.
#[test]
fn every_layer_computes_what_transformers_computes() {
    for golden in MODELS {
        let Checkpoint { config, parameters, .. } = golden.load();
        let expected = Expected::read(golden.expected);
        let batch = expected.batch("", config.architecture);
        let models = [
            ("evaluation", TextClassifier::for_evaluation(&config, &parameters, &kernels(), DType::F32).unwrap()),
            ("training", TextClassifier::for_training(&config, &parameters, &kernels(), DType::F32).unwrap()),
        ];
        for (purpose, model) in models {
            // Twice: the second time with what the first has kept.
            for _ in 0..2 {
                let trace = Trace::capture(&model, &batch).unwrap();
                let close = |what: &str, ours: &Tensor| {
                    let message = format!("{}, {purpose}, {what}", golden.name);
                    assert_close(&message, &floats(ours), &expected.floats(what), FORWARD_TOLERANCE);
                };
                for (i, hidden) in trace.hidden_states.iter().enumerate() {
                    close(&format!("hidden_states.{i}"), hidden);
                }
                for (i, attention) in trace.attentions.iter().enumerate() {
                    close(&format!("attentions.{i}"), attention);
                }
                close("logits", &trace.logits);
            }
        }
    }
}

#[test]
fn every_gradient_is_that_of_pytorch() {
    for golden in MODELS {
        let Checkpoint { config, parameters, .. } = golden.load();
        let expected = Expected::read(golden.expected);
        let batch = expected.batch("", config.architecture);
        let model = TextClassifier::for_training(&config, &parameters, &kernels(), DType::F32).unwrap();
        let logits = model.forward(&batch, ForwardMode::Evaluation).unwrap();
        let loss = cross_entropy(&logits, &Arc::new(batch.labels.clone()), &kernels()).unwrap();
        let mut gradients = collect(&loss, model.collector()).unwrap();
        for (path, var) in parameters.trained() {
            let name = path.name(config.architecture);
            let gradient = gradients.remove(var).unwrap().unwrap_or_else(|| panic!("no gradient for {name}"));
            let gradient = floats(&gradient.to_dense(var).unwrap());
            let expected = expected.floats(&format!("gradients.{name}"));
            assert_close(&format!("{}, {name}", golden.name), &gradient, &expected, GRADIENT_TOLERANCE);
        }
    }
}

/// The recipe is that of `training.json`.
fn fine_tuning(Checkpoint { config, parameters, .. }: Checkpoint) -> FineTuning {
    let args = TrainingArgs {
        learning_rate: 0.01,
        weight_decay: 0.1,
        max_grad_norm: 10.0,
        max_steps: Some(10),
        warmup_ratio: 0.3,
        dropout: Some(0.0),
        ..TrainingArgs::default()
    };
    // The batches are given, so these rows only have to exist.
    let rows = Arc::new(vec![EncodedExample { input_ids: vec![4, 5], label: 0 }]);
    let seeds = TrainingSeeds { head: Seed(0), data: Seed(0) };
    FineTuning::new(&config, parameters, rows, &args, seeds, kernels(), &Device::Cpu).unwrap()
}

#[test]
fn ten_steps_of_adamw_are_those_of_pytorch() {
    for golden in MODELS {
        let checkpoint = golden.load();
        let architecture = checkpoint.config.architecture;
        let expected = Expected::read(golden.training);
        let mut fine_tuning = fine_tuning(checkpoint);
        let losses: Vec<f32> = (0..10)
            .map(|step| {
                let batch = expected.batch(&format!("batches.{}.", step % 3), architecture);
                fine_tuning.step_on(vec![batch]).unwrap().loss as f32
            })
            .collect();
        // Each step divides by the root of tiny second moments, which enlarges differences from step to step.
        assert_close(golden.name, &losses, &expected.floats("plain.losses"), 1e-4);
        for (path, _) in fine_tuning.parameters().trained() {
            if path.kind == Kind::Bias && matches!(path.module, Module::Layer(_, LayerModule::Key)) {
                continue; // its gradient is analytically 0: AdamW moves it by rounding noise alone
            }
            let name = path.name(architecture);
            let ours = fine_tuning.parameters().to_vec(path).unwrap();
            let expected = expected.floats(&format!("plain.parameters.{name}"));
            assert_close(&format!("{}, {name}", golden.name), &ours, &expected, PARAMETER_TOLERANCE);
        }
    }
}

#[test]
fn an_evaluation_model_sees_steps_and_new_values_whatever_it_keeps() {
    for golden in MODELS {
        let checkpoint = golden.load();
        let config = checkpoint.config.clone();
        let batches = Expected::read(golden.training);
        let batch = batches.batch("batches.0.", config.architecture);
        let mut fine_tuning = fine_tuning(checkpoint);
        let logits = |model: &TextClassifier| floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap());
        let old = fine_tuning.evaluation_model().unwrap();
        let before = logits(&old);

        // The first step of warm-up has a learning rate of 0.
        for _ in 0..2 {
            fine_tuning.step_on(vec![batch.clone()]).unwrap();
        }
        let after = logits(&old);
        assert_ne!(before, after, "{}: a step must show", golden.name);
        assert_eq!(after, logits(&fine_tuning.evaluation_model().unwrap()), "{}: after a step", golden.name);

        let mut parameters = fine_tuning.into_parameters();
        let weights: Vec<_> = parameters.paths().filter(|path| path.kind == Kind::Weight).collect();
        for path in weights {
            let values = parameters.to_vec(path).unwrap();
            parameters.set(path, values.iter().map(|value| value * 0.5).collect()).unwrap();
            let fresh = TextClassifier::for_evaluation(&config, &parameters, &kernels(), DType::F32).unwrap();
            let name = path.name(config.architecture);
            assert_eq!(logits(&old), logits(&fresh), "{}: {name} was set", golden.name);
        }
    }
}
