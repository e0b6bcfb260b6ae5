//! Mixes that are computed equal mixes that are made, on tiny random models.

use candle_core::{DType, Device};
use serde_json::json;

use super::{Mix, MixCounts, Mixture, Named, Players, Rest, Rows, fit, margin, reorder_classes, transplant};
use crate::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use crate::corruption::Selection;
use crate::dataset::{Batch, EncodedExample};
use crate::model::{ForwardMode, LayerModule, ModelConfig, Module, ParameterPath, Parameters, TextClassifier};
use crate::nn::Kernels;
use crate::random::Seed;

const N_LAYERS: usize = 3;
const HEAD_SIZE: usize = 8;

fn config(change: &serde_json::Value) -> ModelConfig {
    let mut config = json!({
        "model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": N_LAYERS,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 16,
        "initializer_range": 0.2, "id2label": {"0": "a", "1": "b", "2": "c"}
    });
    for (key, value) in change.as_object().unwrap() {
        config[key] = value.clone();
    }
    ModelConfig::from_json(config.to_string().as_bytes()).unwrap()
}

fn checkpoint(seed: u64) -> Checkpoint {
    let options =
        LoadOptions { label_names: None, head_seed: Seed(seed), device: Device::Cpu, hash: WeightsHash::Unused };
    Checkpoint::random(&config(&json!({})), &options).unwrap()
}

fn model(parameters: &Parameters) -> TextClassifier {
    let kernels = Kernels::for_device(&Device::Cpu);
    TextClassifier::for_evaluation(&config(&json!({})), parameters, &kernels, DType::F32).unwrap()
}

/// Rows of different lengths with one of three classes.
fn rows(n: usize) -> Vec<EncodedExample> {
    let stream = Seed(4).stream("test", "rows");
    let row = |i: usize| {
        let n_tokens = 3 + stream.below_at(2 * i as u64, 9) as usize;
        let ids = (0..n_tokens).map(|j| stream.below_at((100 * i + j) as u64, 40) as u32).collect();
        EncodedExample::of_one_text(ids, (i % 3) as u32)
    };
    (0..n).map(row).collect()
}

fn take(receiver: &mut Parameters, donor: &Parameters, parts: &str) -> crate::corruption::Report {
    let anatomy = config(&json!({})).anatomy();
    let parts = Selection::parse_with_heads(parts).unwrap().resolve(anatomy).unwrap();
    transplant(receiver, donor, &parts, anatomy).unwrap()
}

fn logits(parameters: &Parameters, examples: &[EncodedExample]) -> Vec<Vec<f32>> {
    let indices: Vec<usize> = (0..examples.len()).collect();
    let batch = Batch::new(examples, &indices, 0);
    model(parameters).forward(&batch, ForwardMode::Evaluation).unwrap().to_vec2().unwrap()
}

fn bits(parameters: &Parameters, path: ParameterPath) -> Vec<u32> {
    parameters.to_vec(path).unwrap().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn all_parts_of_a_donor_make_the_donor_and_none_leaves_the_receiver() {
    let (receiver, donor) = (checkpoint(1).parameters, checkpoint(2).parameters);
    let examples = rows(5);
    let mut mixed = receiver.snapshot().unwrap();
    let report = take(&mut mixed, &donor, "none");
    assert_eq!((report.totals.n_tensors, report.totals.n_changed), (0, 0));
    assert_eq!(logits(&mixed, &examples), logits(&receiver, &examples));
    take(&mut mixed, &donor, "all,embeddings,pooler,classifier");
    assert!(mixed.paths().all(|path| bits(&mixed, path) == bits(&donor, path)));
    assert_eq!(logits(&mixed, &examples), logits(&donor, &examples));
}

#[test]
fn heads_move_their_rows_and_columns_and_nothing_else() {
    let (receiver, donor) = (checkpoint(1).parameters, checkpoint(2).parameters);
    let mut mixed = receiver.snapshot().unwrap();
    let report = take(&mut mixed, &donor, "layers:1/attention.head:1");
    let selected: Vec<(usize, usize)> =
        report.tensors.iter().map(|tensor| (tensor.n_elements, tensor.n_selected)).collect();
    assert_eq!(selected, [(256, 128), (16, 8), (256, 128), (16, 8), (256, 128), (16, 8), (256, 128)]);
    for path in receiver.paths() {
        let module = match path.module {
            Module::Layer(1, module) => Some(module),
            _ => None,
        };
        let is_weight = path == ParameterPath::weight(path.module);
        let belongs = |place: usize| match module {
            Some(LayerModule::Query | LayerModule::Key | LayerModule::Value) => {
                (if is_weight { place / 16 } else { place }) >= HEAD_SIZE
            }
            Some(LayerModule::AttentionOutput) => is_weight && place % 16 >= HEAD_SIZE,
            _ => false,
        };
        let (mine, old, new) = (bits(&mixed, path), bits(&receiver, path), bits(&donor, path));
        for (place, bits) in mine.iter().enumerate() {
            assert_eq!(*bits, if belongs(place) { new[place] } else { old[place] }, "{path} {place}");
        }
    }
}

#[test]
fn a_mix_that_is_computed_has_the_bits_of_one_that_is_made() {
    let (healthy, damaged) = (checkpoint(1).parameters, checkpoint(2).parameters);
    let (healthy_model, damaged_model) = (model(&healthy), model(&damaged));
    let examples = rows(4);
    let batch = Batch::new(&examples, &[0, 1, 2, 3], 0);
    for rest in [Rest::Player, Rest::FixedHealthy, Rest::FixedDamaged] {
        let players = Players { n_layers: N_LAYERS, rest };
        let mixture = Mixture::new(players, (&healthy_model, &healthy), (&damaged_model, &damaged)).unwrap();
        let mixes: Vec<Mix> = (0..1 << players.count()).map(Mix).collect();
        let mut n_passes = 0;
        let mut count = || {
            n_passes += 1;
            true
        };
        let computed = mixture.logits(&batch, &mixes, &mut count).unwrap().unwrap();
        let n_rests = if rest == Rest::Player { 2 } else { 1 };
        assert_eq!((n_passes, mixture.n_passes(&mixes)), (14 * n_rests, 14 * n_rests));
        for (mix, logits_of_mix) in computed {
            let mut made = healthy.snapshot().unwrap();
            for layer_idx in (0..N_LAYERS).filter(|layer_idx| mix.has(*layer_idx)) {
                take(&mut made, &damaged, &format!("layers:{layer_idx}"));
            }
            if rest == Rest::FixedDamaged || mix.has(N_LAYERS) {
                take(&mut made, &damaged, "embeddings,pooler,classifier");
            }
            assert_eq!(logits_of_mix, logits(&made, &examples), "{rest:?} {mix:?}");
        }
    }
}

#[test]
fn a_part_that_is_the_same_in_both_is_computed_once_and_costs_nothing() {
    let healthy = checkpoint(1).parameters;
    let mut damaged = healthy.snapshot().unwrap();
    take(&mut damaged, &checkpoint(2).parameters, "layers:1/ffn");
    let (healthy_model, damaged_model) = (model(&healthy), model(&damaged));
    let players = Players { n_layers: N_LAYERS, rest: Rest::Player };
    let mixture = Mixture::new(players, (&healthy_model, &healthy), (&damaged_model, &damaged)).unwrap();
    assert_eq!([0, 1, 2, 3].map(|part| mixture.is_same(part)), [true, false, true, true]);
    let mixes: Vec<Mix> = (0..16).map(Mix).collect();
    assert_eq!(mixture.n_passes(&mixes), 1 + 2 + 2);
    let examples = rows(3);
    let batch = Batch::new(&examples, &[0, 1, 2], 0);
    let computed = mixture.logits(&batch, &mixes, &mut || true).unwrap().unwrap();
    for (mix, of_mix) in &computed {
        assert_eq!(*of_mix, logits(if mix.has(1) { &damaged } else { &healthy }, &examples), "{mix:?}");
    }
}

#[test]
fn counts_of_two_halves_add_up_to_those_of_all_rows_and_a_walk_can_be_stopped() {
    let (healthy, damaged) = (checkpoint(1).parameters, checkpoint(2).parameters);
    let (healthy_model, damaged_model) = (model(&healthy), model(&damaged));
    let players = Players { n_layers: N_LAYERS, rest: Rest::Player };
    let mixture = Mixture::new(players, (&healthy_model, &healthy), (&damaged_model, &damaged)).unwrap();
    let mixes: Vec<Mix> = (0..16).map(Mix).collect();
    let examples = rows(20);
    let count = |examples: &[EncodedExample]| {
        let rows = Rows { examples, batch_size: 4, pad_token_id: 0 };
        mixture.count(&rows, &mixes, &mut || true, |_| {}).unwrap().unwrap()
    };
    let mut sum = MixCounts::new(&mixes);
    sum.add(&count(&examples[..7]));
    sum.add(&count(&examples[7..]));
    assert_eq!((sum.n_rows, &sum), (20, &count(&examples)));
    assert!(sum.accuracy(Mix(3)) > 0.0 && sum.accuracy(Mix(99)).is_nan(), "{sum:?}");

    let mut n_left = 5;
    let mut until_tired = || {
        n_left -= 1;
        n_left > 0
    };
    let rows = Rows { examples: &examples, batch_size: 4, pad_token_id: 0 };
    assert_eq!(mixture.count(&rows, &mixes, &mut until_tired, |_| {}).unwrap(), None);
}

#[test]
fn models_that_do_not_fit_are_refused_with_what_differs() {
    let ours = config(&json!({}));
    let refused = |change: serde_json::Value, moved: fn(ParameterPath) -> bool| {
        let theirs = config(&change);
        let (first, second) = (Named { name: "--to b", config: &ours }, Named { name: "--from a", config: &theirs });
        fit(first, second, moved).map_err(|error| error.to_string())
    };
    let layers = |path: ParameterPath| path.layer_idx().is_some();
    let message = refused(json!({"num_hidden_layers": 6}), layers).unwrap_err();
    assert!(message.starts_with("--to b and --from a differ in the number of layers: 3 and 6; expected"), "{message}");
    for (change, what) in [
        (json!({"hidden_size": 32}), "the hidden size"),
        (json!({"num_attention_heads": 4}), "the number of heads"),
        (json!({"intermediate_size": 64}), "the intermediate size"),
        (json!({"layer_norm_eps": 1e-5}), "layer_norm_eps"),
    ] {
        assert!(refused(change, layers).unwrap_err().contains(what));
    }
    // What is not moved need not fit.
    let others = json!({"vocab_size": 50, "id2label": {"0": "x", "1": "y"}});
    assert!(refused(others.clone(), layers).is_ok());
    assert!(refused(others.clone(), |path| path.module.is_embedding()).unwrap_err().contains("vocabulary"));
    let message = refused(others, |path| path.module == Module::Classifier).unwrap_err();
    assert!(message.contains('x') && message.contains('c'), "{message}");
}

#[test]
fn classes_are_matched_by_name_and_the_donors_rows_follow() {
    let ours = config(&json!({}));
    let theirs = config(&json!({"id2label": {"0": "C", "1": "a", "2": "b"}}));
    let (first, second) = (Named { name: "b", config: &ours }, Named { name: "a", config: &theirs });
    let fitted = fit(first, second, |path| path.module == Module::Classifier).unwrap();
    assert_eq!(fitted.places, Some(vec![2, 0, 1]));
    let mut parameters = checkpoint(1).parameters;
    let before = logits(&parameters, &rows(2));
    reorder_classes(&mut parameters, &[2, 0, 1]).unwrap();
    let after = logits(&parameters, &rows(2));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!([before[0], before[1], before[2]], [after[2], after[0], after[1]]);
    }
}

#[test]
fn a_margin_is_the_lead_over_the_next_class() {
    assert_eq!(margin(&[1.0, 3.0, 2.5], 1), 0.5);
    assert_eq!(margin(&[1.0, 3.0, 2.5], 0), -2.0);
    assert!(margin(&[1.0, f32::INFINITY], 0).is_nan());
}
