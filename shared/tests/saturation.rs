//! Rows whose logits are finite although infinities were met on the way are told from others.

use candle_core::{DType, Device};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::{Batch, EncodedExample};
use shared::model::{LayerModule, ModelConfig, Module, ParameterPath, TextClassifier};
use shared::nn::{Kernel, Kernels};
use shared::random::Seed;
use shared::training::logits;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HIDDEN: usize = 16;
/// The token whose key the damaged layer scores with −∞.
const LOUD: u32 = 9;
const FAMILIES: [&str; 2] = ["bert", "distilbert"];

fn checkpoint(model_type: &str) -> Checkpoint {
    let config = serde_json::json!({
        "model_type": model_type, "vocab_size": 40, "hidden_size": HIDDEN, "dim": HIDDEN, "num_hidden_layers": 2,
        "n_layers": 2, "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 32, "hidden_dim": 32,
        "max_position_embeddings": 64, "id2label": {"0": "a", "1": "b", "2": "c"}
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    Checkpoint::random(
        &config,
        &LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused },
    )
    .unwrap()
}

fn models(checkpoint: &Checkpoint) -> impl Iterator<Item = (Kernels, TextClassifier)> + '_ {
    let forms = [Kernel::Fused, Kernel::Composite].map(Kernels::all);
    // Single fused operations inside of a layer that is spelled out.
    let forms = [forms[0], forms[1], Kernels { encoder_layer: Kernel::Composite, ..forms[0] }];
    forms.into_iter().map(|kernels| {
        let (config, parameters) = (&checkpoint.config, &checkpoint.parameters);
        (kernels, TextClassifier::for_evaluation(config, parameters, &kernels, DType::F32).unwrap())
    })
}

fn rows(rows: &[&[u32]]) -> Vec<EncodedExample> {
    rows.iter().map(|ids| EncodedExample::of_one_text(ids.to_vec(), 0)).collect()
}

/// Makes layer 0 of head 0 score the token [`LOUD`] with −∞ and every other with 0.
fn silence(checkpoint: &mut Checkpoint) {
    let has_token_types = checkpoint.parameters.paths().any(|path| path.module == Module::TokenTypeEmbeddings);
    let mut set = |path: ParameterPath, change: &dyn Fn(&mut [f32])| {
        let mut values = checkpoint.parameters.to_vec(path).unwrap();
        values.fill(0.0);
        change(&mut values);
        checkpoint.parameters.set(path, values).unwrap();
    };
    set(ParameterPath::weight(Module::WordEmbeddings), &|table| {
        // Of mean 0 with a first value of 0, and so behind LayerNorm; the loud one has a large first value.
        for row in table.chunks_exact_mut(HIDDEN) {
            for (i, x) in row.iter_mut().enumerate().skip(2) {
                *x = if i % 2 == 0 { 1.0 } else { -1.0 };
            }
        }
        let loud = &mut table[LOUD as usize * HIDDEN..(LOUD as usize + 1) * HIDDEN];
        loud.fill(0.0);
        loud[0] = 100.0;
    });
    set(ParameterPath::weight(Module::PositionEmbeddings), &|_| {});
    if has_token_types {
        set(ParameterPath::weight(Module::TokenTypeEmbeddings), &|_| {});
    }
    let layer = |module| Module::Layer(0, module);
    set(ParameterPath::weight(layer(LayerModule::Query)), &|_| {});
    set(ParameterPath::bias(layer(LayerModule::Query)), &|bias| bias[0] = 1e20);
    set(ParameterPath::weight(layer(LayerModule::Key)), &|weight| weight[0] = -5e18);
    set(ParameterPath::bias(layer(LayerModule::Key)), &|_| {});
}

#[test]
fn a_sound_model_has_no_saturated_rows() {
    for family in FAMILIES {
        let checkpoint = checkpoint(family);
        for (kernels, model) in models(&checkpoint) {
            let outputs = logits(&model, &rows(&[&[2, LOUD, 3], &[2, 5, 6, 7, 3]]), 2, 0, |_| {}).unwrap();
            assert!(outputs.iter().all(|row| !row.is_saturated), "{family}, {:?}", kernels.encoder_layer);
        }
    }
}

#[test]
fn a_row_is_saturated_where_the_head_met_infinity_and_its_logits_are_finite() {
    // ReLU of +∞ is +∞, which reaches the logits.
    for (family, value, is_saturated) in [
        ("bert", f32::INFINITY, true),
        ("bert", f32::NEG_INFINITY, true),
        ("bert", f32::NAN, false),
        ("distilbert", f32::INFINITY, false),
        ("distilbert", f32::NEG_INFINITY, true),
        ("distilbert", f32::NAN, false),
    ] {
        let mut checkpoint = checkpoint(family);
        let path = ParameterPath::bias(Module::Pooler);
        let mut bias = checkpoint.parameters.to_vec(path).unwrap();
        bias[HIDDEN - 1] = value;
        checkpoint.parameters.set(path, bias).unwrap();
        for (kernels, model) in models(&checkpoint) {
            for row in logits(&model, &rows(&[&[2, 4, 3], &[2, 5, 6, 7, 3]]), 2, 0, |_| {}).unwrap() {
                let what = format!("{family}, {value}, {:?}: {row:?}", kernels.linear);
                assert_eq!(row.is_saturated, is_saturated, "{what}");
                assert_eq!(row.logits.iter().all(|logit| logit.is_finite()), is_saturated, "{what}");
            }
        }
    }
}

#[test]
fn rows_in_which_a_token_has_a_score_of_minus_infinity_are_saturated_and_no_others() {
    for family in FAMILIES {
        let mut checkpoint = checkpoint(family);
        silence(&mut checkpoint);
        let long: Vec<u32> = (0..37).map(|i| if i == 30 { LOUD } else { 4 + i % 5 }).collect();
        // The third consists of such tokens only: no score is finite.
        let rows = rows(&[&[2, 5, 3], &[2, LOUD, 3], &[LOUD], &[2, 5, 6, 7, 8, 3], &long]);
        for (kernels, model) in models(&checkpoint) {
            let outputs = logits(&model, &rows, 5, 0, |_| {}).unwrap();
            let what = format!("{family}, {:?}, {:?}", kernels.encoder_layer, kernels.attention);
            let is_saturated: Vec<bool> = outputs.iter().map(|row| row.is_saturated).collect();
            assert_eq!(is_saturated, [false, true, false, false, true], "{what}");
            assert!(outputs[2].logits.iter().all(|logit| logit.is_nan()), "{what}: {:?}", outputs[2]);
        }
    }
}

#[test]
fn padding_and_masked_tokens_do_not_saturate_a_row() {
    for family in FAMILIES {
        let mut checkpoint = checkpoint(family);
        silence(&mut checkpoint);
        let rows = rows(&[&[2, 5, 3], &[2, 5, 6, 7, 8, 3], &[2, 5, LOUD, 3]]);
        // The padding token is the loud one.
        let mut batch = Batch::new(&rows, &[0, 1, 2], LOUD);
        batch.attention_mask[2 * batch.n_columns + 2] = 0;
        for (kernels, model) in models(&checkpoint) {
            let outputs = model.evaluate(&batch).unwrap();
            assert!(outputs.iter().all(|row| !row.is_saturated), "{family}, {:?}: {outputs:?}", kernels.attention);
            assert!(outputs.iter().all(|row| row.logits.iter().all(|logit| logit.is_finite())), "{outputs:?}");
        }
    }
}
