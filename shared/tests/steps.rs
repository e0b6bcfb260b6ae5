//! A step that cannot be taken is an error, never a step that did nothing.

use std::sync::Arc;

use candle_core::Device;
use shared::Error;
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::EncodedExample;
use shared::model::{ModelConfig, Module, ParameterPath};
use shared::nn::{Activations, Factors, Kernel, Kernels};
use shared::random::Seed;
use shared::training::{FineTuning, Precision, TrainingArgs, TrainingSeeds};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A fine-tuning whose classifier has weights `scale` times as large as usual.
fn fine_tuning(scale: f32, max_grad_norm: f64, kernels: Kernels) -> FineTuning {
    fine_tuning_in(Precision::F32, scale, max_grad_norm, kernels)
}

fn fine_tuning_in(dtype: Precision, scale: f32, max_grad_norm: f64, kernels: Kernels) -> FineTuning {
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 16, "id2label": {"0": "a", "1": "b"}
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    let options = LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused };
    let Checkpoint { mut parameters, config, .. } = Checkpoint::random(&config, &options).unwrap();
    let path = ParameterPath::weight(Module::Classifier);
    let weight = parameters.to_vec(path).unwrap();
    parameters.set(path, weight.iter().map(|w| w * scale).collect()).unwrap();
    let row = |label| EncodedExample::of_one_text(vec![2, 7, 9, 3], label);
    let args = TrainingArgs { max_grad_norm, warmup_ratio: 0.0, max_steps: Some(3), dtype, ..TrainingArgs::default() };
    let seeds = TrainingSeeds { head: Seed(0), data: Seed(0) };
    // Of two rows that are alike but for their labels, one is predicted wrongly.
    let rows = Arc::new(vec![row(0), row(1)]);
    FineTuning::new(&config, parameters, rows, &args, seeds, kernels, &Device::Cpu).unwrap()
}

#[test]
fn a_step_without_batches_is_an_error_and_counts_for_nothing() {
    let mut fine_tuning = fine_tuning(1.0, 1.0, Kernels::all(Kernel::Fused));
    let error = fine_tuning.step_on(Vec::new(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "training: an optimiser step needs at least one batch, got none");
    assert_eq!(fine_tuning.steps_done(), 0);
}

/// Its second moment would be infinite and its parameter frozen for ever.
#[test]
fn a_gradient_whose_square_overflows_is_divergence() {
    for kernel in [Kernel::Fused, Kernel::Composite] {
        let mut fine_tuning = fine_tuning(1e24, 0.0, Kernels::all(kernel));
        let before: Vec<_> = fine_tuning.parameters().paths().collect();
        let values = |fine_tuning: &FineTuning| -> Vec<Vec<f32>> {
            before.iter().map(|path| fine_tuning.parameters().to_vec(*path).unwrap()).collect()
        };
        let old = values(&fine_tuning);
        match fine_tuning.step() {
            Err(Error::Diverged { step: 1, what: "gradient", value, .. }) => {
                assert!(value > 1.9e19 && value.is_finite(), "{value}");
            }
            other => panic!("{kernel:?}: {other:?}"),
        }
        assert_eq!(values(&fine_tuning), old, "{kernel:?}: a refused step changes nothing");
    }
}

#[test]
fn a_large_gradient_that_is_clipped_is_a_step() {
    for kernel in [Kernel::Fused, Kernel::Composite] {
        let mut fine_tuning = fine_tuning(1e24, 1.0, Kernels::all(kernel));
        let path = ParameterPath::weight(Module::Pooler);
        let old = fine_tuning.parameters().to_vec(path).unwrap();
        let report = fine_tuning.step().unwrap();
        assert!(report.gradient_norm > 1e19, "{kernel:?}: {report:?}");
        let new = fine_tuning.parameters().to_vec(path).unwrap();
        assert!(old.iter().zip(&new).any(|(old, new)| old != new), "{kernel:?}");
        assert!(new.iter().all(|w| w.is_finite()));
    }
}

/// Rounded factors change losses a little, and do change them.
#[test]
fn bf16_trains_nearly_as_f32_does() {
    if !Factors::Bf16.is_available() {
        eprintln!("skipped: this processor lacks AVX512-BF16, or BERT_HEAL_ISA chooses others");
        return;
    }
    let losses = |dtype| {
        let mut fine_tuning = fine_tuning_in(dtype, 1.0, 1.0, Kernels::all(Kernel::Fused));
        (0..3).map(|_| fine_tuning.step().unwrap().loss).collect::<Vec<f64>>()
    };
    let (f32, bf16) = (losses(Precision::F32), losses(Precision::Bf16));
    assert_ne!(f32, bf16);
    for (f32, bf16) in f32.iter().zip(&bf16) {
        assert!((f32 - bf16).abs() < 0.01 * f32.abs().max(1.0), "{f32} and {bf16}");
    }
}

/// With dropout, as a model's config has it: the second forward pass of a layer has to drop what the first did.
#[test]
fn recomputed_activations_train_to_the_same_bits() {
    let trained = |activations| {
        let kernels = Kernels { activations, ..Kernels::all(Kernel::Fused) };
        let mut fine_tuning = fine_tuning(1.0, 1.0, kernels);
        let losses: Vec<u64> = (0..3).map(|_| fine_tuning.step().unwrap().loss.to_bits()).collect();
        let parameters = fine_tuning.into_parameters();
        let bits = |path| parameters.to_vec(path).unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        (losses, parameters.paths().map(bits).collect::<Vec<_>>())
    };
    let kept = trained(Activations::Kept);
    assert!(kept.0[0] != kept.0[2], "nothing was trained");
    assert!(trained(Activations::Recomputed) == kept);
}
