//! A flip in a model that keeps what lies below it is a flip in a whole model.

use candle_core::{DType, Device};

use super::HeldOut;
use crate::Parameters;
use crate::corruption::{Plan, WeightBit};
use crate::dataset::EncodedExample;
use crate::model::{ModelConfig, Module, ParameterPath, TextClassifier};
use crate::nn::Kernels;
use crate::random::Seed;
use crate::training::logits;

const BATCH_SIZE: usize = 4;

fn config() -> ModelConfig {
    ModelConfig::from_json(
        br#"{"model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
             "intermediate_size": 24, "max_position_embeddings": 12, "num_labels": 3}"#,
    )
    .unwrap()
}

fn parameters(config: &ModelConfig) -> Parameters {
    let values = config.parameters().into_iter().map(|path| {
        let shape = config.shape_of(path);
        let stream = Seed(3).stream("test", &path.to_string());
        let centre = if path.module.is_layer_norm() { 1.0 } else { 0.0 };
        let n: usize = shape.iter().product();
        let values = (0..n as u64).map(|i| (centre + 0.3 * stream.normal_at(i)) as f32).collect();
        (path, shape, values)
    });
    Parameters::from_values(config.architecture, values, &Device::Cpu).unwrap()
}

fn examples() -> Vec<EncodedExample> {
    let stream = Seed(5).stream("test", "tokens");
    let ids = |row: u64| {
        let n = 3 + row % 7;
        (0..n).map(|i| stream.below_at(10 * row + i, 39) as u32 + 1).collect()
    };
    (0..11).map(|row| EncodedExample::of_one_text(ids(row), (row % 3) as u32)).collect()
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|logit| logit.to_bits()).collect()).collect()
}

/// Of a model that is made for it alone.
fn whole(config: &ModelConfig, parameters: &Parameters) -> Vec<Vec<f32>> {
    let model =
        TextClassifier::for_evaluation(config, parameters, &Kernels::for_device(&Device::Cpu), DType::F32).unwrap();
    let outputs = logits(&model, &examples(), BATCH_SIZE, config.pad_token_id, |_| {}).unwrap();
    outputs.into_iter().map(|output| output.logits).collect()
}

fn held_out(config: &ModelConfig, memory_bytes: usize) -> HeldOut {
    let kernels = Kernels::for_device(&Device::Cpu);
    HeldOut::new(config, parameters(config), &kernels, &examples(), BATCH_SIZE, memory_bytes).unwrap()
}

#[test]
fn a_flip_of_any_tensor_gives_the_whole_models_bits_and_is_undone() {
    let config = config();
    let healthy = parameters(&config);
    // All layers' inputs, those of some, and none.
    for memory_bytes in [1 << 20, 10_000, 0] {
        let mut held_out = held_out(&config, memory_bytes);
        assert_eq!(bits(held_out.healthy()), bits(&whole(&config, &healthy)));
        for path in config.parameters() {
            let shape = config.shape_of(path);
            for (offset, bit) in [(5, 30), (2, 27), (2, 31)] {
                let weight = WeightBit::at(offset.min(shape.iter().product::<usize>() - 1), &shape, bit);
                let mut damaged = healthy.snapshot().unwrap();
                let plan = Plan::parse(&weight.plan(path)).unwrap().resolve_for(&config).unwrap();
                let report = damaged.corrupt(&plan, Seed(0)).unwrap();
                let change = report.tensors[0].weight.unwrap();
                let flipped = held_out.flip(path, weight).unwrap();
                assert_eq!(bits(&flipped.logits), bits(&whole(&config, &damaged)), "{path} {weight}");
                assert_eq!(flipped.values.0.to_bits(), change.bits_before);
                assert_eq!(flipped.values.1.to_bits(), change.bits_after);
            }
        }
        for path in config.parameters() {
            let bits = |parameters: &Parameters| bits(&[parameters.to_vec(path).unwrap()]);
            assert_eq!(bits(held_out.parameters()), bits(&healthy), "{path}");
        }
    }
}

#[test]
fn a_word_that_no_row_has_makes_no_difference_and_one_that_is_there_does() {
    let config = config();
    let mut held_out = held_out(&config, 1 << 20);
    let words = ParameterPath::weight(Module::WordEmbeddings);
    let mut flip = |row| held_out.flip(words, WeightBit { row, column: Some(0), bit: 30 }).unwrap().logits;
    // The padding token is looked up behind the rows' ends, where nothing is read.
    let padding = flip(0);
    let some_word = flip(examples()[3].input_ids[1] as usize);
    assert_eq!(bits(&padding), bits(held_out.healthy()));
    assert_ne!(bits(&some_word), bits(held_out.healthy()));
}
