//! A classifier computes of its last layer only what its head reads; its logits and gradients are as if it had computed all.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::{Batch, EncodedExample};
use shared::model::{ForwardMode, ModelConfig, Module, ParameterPath, TextClassifier};
use shared::nn::{Activations, Factors, Kernel, Kernels, collect, cross_entropy};
use shared::random::Seed;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn checkpoint(model_type: &str, n_layers: usize) -> Checkpoint {
    let config = serde_json::json!({
        "model_type": model_type, "vocab_size": 60, "max_position_embeddings": 32, "id2label": {"0": "a", "1": "b", "2": "c"},
        "hidden_size": 24, "num_hidden_layers": n_layers, "num_attention_heads": 3, "intermediate_size": 40,
        "dim": 24, "n_layers": n_layers, "n_heads": 3, "hidden_dim": 40,
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    let options = LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused };
    Checkpoint::random(&config, &options).unwrap()
}

/// Rows of different lengths, `n_rows` of them: 41 are several blocks of tokens, in which the parts of a LayerNorm's sums begin
/// anywhere.
fn batch(n_rows: u32) -> Batch {
    let row =
        |i: u32| EncodedExample::of_one_text((0..5 + i % 7).map(|token| 2 + (token * 13 + i) % 58).collect(), i % 3);
    let examples: Vec<EncodedExample> = (0..n_rows).map(row).collect();
    Batch::new(&examples, &(0..examples.len()).collect::<Vec<_>>(), 0)
}

/// Logits and gradients, with all tokens of the last layer or with the first alone.
fn outcome(
    checkpoint: &Checkpoint,
    batch: &Batch,
    kernels: &Kernels,
    mode: ForwardMode<'_>,
    computes_all: bool,
) -> Vec<Vec<f32>> {
    let Checkpoint { config, parameters, .. } = checkpoint;
    let model = TextClassifier::for_training(config, parameters, kernels, DType::F32).unwrap();
    let logits = if computes_all {
        let hidden = model.encoder().forward(batch, mode).unwrap();
        model.classify(&model.pool(&hidden).unwrap(), mode).unwrap()
    } else {
        model.forward(batch, mode).unwrap()
    };
    let loss = cross_entropy(&logits, &Arc::new(batch.labels.clone()), kernels).unwrap();
    let mut gradients = collect(&loss, model.collector()).unwrap();
    let floats = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let of_parameters = parameters.trained().map(|(_, var)| {
        let gradient = gradients.remove(var).unwrap().expect("every parameter has a gradient");
        floats(&gradient.to_dense(var).unwrap())
    });
    std::iter::once(floats(&logits)).chain(of_parameters.collect::<Vec<_>>()).collect()
}

#[test]
fn the_last_layer_for_the_first_token_alone_gives_the_bits_of_all_of_them() {
    let stream = Seed(1).stream("dropout", "");
    let one_token = Batch::new(&[EncodedExample::of_one_text(vec![2], 1)], &[0], 0);
    let batches = [batch(41), batch(1), one_token];
    for (model_type, n_layers) in [("bert", 2), ("bert", 1), ("distilbert", 2)] {
        let mut checkpoint = checkpoint(model_type, n_layers);
        for frozen_below in [false, true] {
            if frozen_below {
                let last = n_layers - 1;
                let is_below = |path: ParameterPath| {
                    let is_embedded = path.module.is_embedding() || path.module == Module::EmbeddingsLayerNorm;
                    is_embedded || path.layer_idx().is_some_and(|layer| layer < last)
                };
                checkpoint.parameters.freeze(is_below).unwrap();
            }
            for batch in &batches {
                for activations in [Activations::Kept, Activations::Recomputed] {
                    let kernels = Kernels { activations, ..Kernels::all(Kernel::Fused) };
                    for mode in [ForwardMode::Training(&stream), ForwardMode::Evaluation] {
                        let [first, all] = [false, true].map(|all| outcome(&checkpoint, batch, &kernels, mode, all));
                        assert!(first.iter().flatten().all(|x| x.is_finite()));
                        // Compared as numbers: a sum of zeros may have another sign.
                        assert!(
                            first == all,
                            "{model_type} of {n_layers} layers, {} rows, {activations:?}",
                            batch.n_rows
                        );
                    }
                }
            }
        }
    }
}

/// Values that are added in pairs are in other pairs, so that gradients are not the same to the bit.
#[test]
fn with_bf16_factors_the_logits_are_the_same_and_gradients_nearly_so() {
    if !Factors::Bf16.is_available() {
        eprintln!("skipped: this processor lacks AVX512-BF16, or BERT_HEAL_ISA chooses others");
        return;
    }
    let checkpoint = checkpoint("bert", 2);
    let kernels = Kernels { factors: Factors::Bf16, ..Kernels::all(Kernel::Fused) };
    let stream = Seed(1).stream("dropout", "");
    let mode = ForwardMode::Training(&stream);
    let [first, all] = [false, true].map(|all| outcome(&checkpoint, &batch(41), &kernels, mode, all));
    assert_eq!(first[0], all[0]);
    for (first, all) in first.iter().zip(&all) {
        let scale = all.iter().fold(1e-3_f32, |scale, x| scale.max(x.abs()));
        assert!(first.iter().zip(all).all(|(a, b)| (a - b).abs() <= 1e-5 * scale));
    }
}

#[test]
fn composite_operations_agree() {
    let checkpoint = checkpoint("bert", 2);
    let stream = Seed(1).stream("dropout", "");
    let [fused, composite] = [Kernel::Fused, Kernel::Composite]
        .map(|kernel| outcome(&checkpoint, &batch(41), &Kernels::all(kernel), ForwardMode::Training(&stream), false));
    for (fused, composite) in fused.iter().zip(&composite) {
        assert!(fused.iter().zip(composite).all(|(a, b)| (a - b).abs() <= 2e-5 * b.abs().max(1.0)));
    }
}
