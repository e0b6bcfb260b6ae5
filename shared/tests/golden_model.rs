//! Both tiny models against values that transformers computed in f64, with the kernels of the target.
//!
//! The same comparisons as in `tests/parity`, natively and, by wasm-bindgen-test, in a real browser, which has no files:
//! they are built in. `tests/golden/README.md` says how they were made.

#[path = "../../tests/parity/harness.rs"]
mod harness;

use candle_core::{DType, Device};
use shared::checkpoint::Checkpoint;
use shared::model::{ForwardMode, Kind, TextClassifier};
use shared::nn::Kernels;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use harness::{
    Expected, MODELS, PLAIN, compare_gradients, compare_layers, compare_training, config, fine_tuning, floats, load,
};

/// The golden files, as they were when this test was built.
mod files {
    use shared::checkpoint::WeightFile;

    macro_rules! built_in {
        ($($name:literal)+) => {
            [$(($name, include_bytes!(concat!("../../tests/golden/", $name)))),+]
        };
    }

    const FILES: [(&str, &[u8]); 10] = built_in! {
        "tiny-bert/config.json" "tiny-bert/model.safetensors" "tiny-bert/expected.safetensors"
        "tiny-bert/training.json" "tiny-bert/training.safetensors"
        "tiny-distilbert/config.json" "tiny-distilbert/model.safetensors" "tiny-distilbert/expected.safetensors"
        "tiny-distilbert/training.json" "tiny-distilbert/training.safetensors"
    };

    pub fn read(relative: &str) -> Vec<u8> {
        FILES
            .iter()
            .find(|(name, _)| *name == relative)
            .unwrap_or_else(|| panic!("{relative} is not built in"))
            .1
            .to_vec()
    }

    pub fn weight_files(folder: &str) -> Vec<WeightFile> {
        let name = "model.safetensors";
        vec![WeightFile::new(name, read(&format!("{folder}/{name}")))]
    }
}

fn kernels() -> Kernels {
    Kernels::for_device(&Device::Cpu)
}

/// An evaluation and a training model take different paths through the kernels.
#[test]
fn every_layer_computes_what_transformers_computes() {
    for name in MODELS {
        let Checkpoint { config, parameters, .. } = load(name);
        let models = [
            ("evaluation", TextClassifier::for_evaluation(&config, &parameters, &kernels(), DType::F32).unwrap()),
            ("training", harness::model(&config, &parameters, &kernels())),
        ];
        for (purpose, model) in models {
            // Twice: the second time with what the first has kept.
            for _ in 0..2 {
                compare_layers(name, purpose, &model);
            }
        }
    }
}

#[test]
fn every_gradient_is_that_of_pytorch() {
    for name in MODELS {
        compare_gradients(name, "all fused", &kernels());
    }
}

#[test]
fn ten_steps_of_adamw_are_those_of_pytorch() {
    for name in MODELS {
        compare_training(name, &PLAIN, kernels(), "all fused");
    }
}

#[test]
fn an_evaluation_model_sees_steps_and_new_values_whatever_it_keeps() {
    for name in MODELS {
        let config = config(name);
        let batch = Expected::read(&format!("{name}/training.safetensors")).batch("batches.0.", config.architecture);
        let (mut fine_tuning, _) = fine_tuning(name, &PLAIN, kernels());
        let logits = |model: &TextClassifier| floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap());
        let old = fine_tuning.evaluation_model().unwrap();
        let before = logits(&old);

        // The first step of warm-up has a learning rate of 0.
        for _ in 0..2 {
            fine_tuning.step_on(vec![batch.clone()], &mut |_| {}).unwrap();
        }
        let after = logits(&old);
        assert_ne!(before, after, "{name}: a step must show");
        assert_eq!(after, logits(&fine_tuning.evaluation_model().unwrap()), "{name}: after a step");

        let mut parameters = fine_tuning.into_parameters();
        let weights: Vec<_> = parameters.paths().filter(|path| path.kind == Kind::Weight).collect();
        for path in weights {
            let values = parameters.to_vec(path).unwrap();
            parameters.set(path, values.iter().map(|value| value * 0.5).collect()).unwrap();
            let fresh = TextClassifier::for_evaluation(&config, &parameters, &kernels(), DType::F32).unwrap();
            assert_eq!(logits(&old), logits(&fresh), "{name}: {path} was set");
        }
    }
}
