//! Pairs of texts, as `golden/make_pairs.py` had them from transformers.

use candle_core::{DType, Device};
use serde::Deserialize;
use shared::checkpoint::Checkpoint;
use shared::dataset::{Batch, EncodedExample};
use shared::model::TextClassifier;
use shared::nn::Kernels;
use shared::tokenizer::{Input, Tokenizer};
use std::collections::BTreeMap;

use crate::files::read;
use crate::harness::{MODELS, load};

/// Logits are f32 here and f64 there.
const TOLERANCE: f64 = 2e-5;

#[derive(Deserialize)]
struct Case {
    text: String,
    text_pair: String,
    max_length: usize,
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    logits: Vec<f64>,
}

#[test]
fn pairs_are_joined_cut_and_judged_as_by_transformers() {
    let golden: BTreeMap<String, Vec<Case>> = serde_json::from_slice(&read("pairs.json")).unwrap();
    for model in MODELS {
        let Checkpoint { config, parameters, .. } = load(model);
        let tokenizer = Tokenizer::from_json(&read(&format!("{model}/tokenizer.json")), config.vocab_size).unwrap();
        let classifier =
            TextClassifier::for_evaluation(&config, &parameters, &Kernels::for_device(&Device::Cpu), DType::F32)
                .unwrap();
        let cases = &golden[model];
        assert!(cases.len() >= 50);
        for case in cases {
            let name = format!("{model}: {:?} and {:?} in {}", case.text, case.text_pair, case.max_length);
            let input = Input { text: &case.text, text_pair: Some(&case.text_pair) };
            let encoded = tokenizer.encode_inputs(&[input], case.max_length).unwrap().remove(0);
            assert_eq!(encoded.ids, case.input_ids, "{name}");
            let row = EncodedExample { input_ids: encoded.ids, n_second: encoded.n_second, label: 0 };
            // A longer row beside it, so that there is padding behind the second text.
            let long = EncodedExample::of_one_text([&[4][..], &[86; 45], &[5]].concat(), 0);
            let batch = Batch::new(&[row, long], &[0, 1], 0);
            assert_eq!(batch.token_type_ids[..case.token_type_ids.len()], case.token_type_ids, "{name}");
            let logits = classifier.evaluate(&batch).unwrap().remove(0).logits;
            for (got, expected) in logits.iter().zip(&case.logits) {
                assert!((f64::from(*got) - expected).abs() < TOLERANCE, "{name}: {logits:?} {:?}", case.logits);
            }
        }
    }
}
