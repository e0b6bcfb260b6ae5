//! One bit of one weight: which one it is, and that it is the only one.

use super::super::{FINER_COMPONENTS, Plan, WeightBit};
use super::Model;
use crate::model::{Architecture, ParameterPath};

/// Every tensor of the test model with one of its places.
fn places(model: &Model) -> Vec<(ParameterPath, WeightBit, usize)> {
    let place = |(path, shape, data): &(ParameterPath, Vec<usize>, Vec<f32>)| {
        let offset = data.len() - 2;
        (*path, WeightBit::at(offset, shape, 30), offset)
    };
    model.tensors.iter().map(place).collect()
}

#[test]
fn every_tensor_is_reached_and_one_bit_of_it_flips() {
    let healthy = Model::new(2);
    for (path, weight, offset) in places(&healthy) {
        let text = weight.plan(path);
        assert_eq!(Plan::parse(&text).unwrap().to_string(), text, "canonical");
        let mut model = healthy.clone();
        let report = model.apply(&text, 1);
        let mut expected = healthy.all_bits();
        let (_, bits) = expected.iter_mut().find(|(other, _)| *other == path).unwrap();
        bits[offset] ^= 1 << 30;
        assert_eq!(model.all_bits(), expected, "{text}");

        let [tensor] = report.tensors.as_slice() else { panic!("{text}: {report:?}") };
        assert_eq!((tensor.name.as_str(), tensor.n_selected, tensor.n_changed), (&*path.to_string(), 1, 1));
        let change = tensor.weight.unwrap();
        assert_eq!((change.row, change.column, change.bit), (weight.row, weight.column, 30));
        assert_eq!(change.before().to_bits(), healthy.bits(path)[offset]);
        assert_eq!(change.after().to_bits(), model.bits(path)[offset]);
        // A second time is the way back.
        model.apply(&text, 2);
        assert_eq!(model.all_bits(), healthy.all_bits(), "{text}");
    }
}

#[test]
fn a_flip_is_described_with_the_bits_meaning() {
    let anatomy = Model::new(2).anatomy;
    let describe = |plan: &str| Plan::parse(plan).unwrap().describe(anatomy).unwrap();
    assert_eq!(
        describe("flip:3.7,bit30@layers:0/attention.query"),
        "Flip bit 30, the highest of the exponent, of weight [3, 7] in the query projection of layer 0 of 2."
    );
    assert_eq!(
        describe("flip:7,bit31@layers:1/layernorm.ffn.bias"),
        "Flip bit 31, the sign, of entry [7] in the biases of the LayerNorm after the feed-forward network of layer 1 of 2."
    );
    assert_eq!(
        describe("flip:400.2,bit5@embeddings/word"),
        "Flip bit 5, in the mantissa, of weight [400, 2] in the word table of the embeddings."
    );
}

#[test]
fn only_the_tensor_of_the_flip_counts_as_touched() {
    let anatomy = Model::new(2).anatomy;
    let plan = Plan::parse("flip:3,bit0@layers:0/attention.query").unwrap().resolve(anatomy).unwrap();
    let touched: Vec<String> = plan.touched().iter().map(|path| path.name(Architecture::Bert)).collect();
    assert_eq!(touched, ["bert.encoder.layer.0.attention.self.query.bias"]);
    let share = plan.share_touched(plan.touched()[0]);
    assert!(share > 0.0 && share < 1e-9, "{share}");
}

#[test]
fn finer_components_are_canonical_and_select_something() {
    let anatomy = Model::new(2).anatomy;
    for word in FINER_COMPONENTS {
        let plan = Plan::parse(&format!("zero:1@all,embeddings/{word}")).unwrap();
        assert!(plan.to_string().ends_with(&format!("/{word}")), "{plan}");
        assert!(!plan.touched(anatomy).unwrap().is_empty(), "{plan}");
    }
    let touched = |component: &str| {
        let plan = Plan::parse(&format!("zero:1@layers:0,embeddings/{component}")).unwrap();
        let touched = plan.touched(anatomy).unwrap();
        touched.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(touched("layernorm.attention.weight"), ["bert.encoder.layer.0.attention.output.LayerNorm.weight"]);
    assert_eq!(touched("ffn.bias").len(), 2);
    assert_eq!(touched("position"), ["bert.embeddings.position_embeddings.weight"]);
    assert_eq!(touched("layernorm.weight").len(), 3);
}
