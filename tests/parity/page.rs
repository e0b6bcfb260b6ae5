//! What the page's worker has to compute: `golden/page.json`, which its own tests in a browser read as well.
//!
//! The file holds, for a few plans on `tiny-bert`, the fingerprint of the damaged weights and the probabilities of a few
//! texts. To write it anew after the arithmetic was changed on purpose: `BERT_HEAL_WRITE_GOLDEN=1`.

use crate::files::path;
use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightFile, WeightsHash};
use shared::corruption::Plan;
use shared::dataset::EncodedExample;
use shared::evaluation::softmax;
use shared::model::{ModelConfig, TextClassifier};
use shared::nn::Kernels;
use shared::random::Seed;
use shared::tokenizer::Tokenizer;
use std::fs;

/// What the page promises of its predictions.
const TOLERANCE: f64 = 1e-4;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Golden {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    plan: String,
    seed: u64,
    fingerprint: String,
    /// By text, then by class; null where there is no number.
    probabilities: Vec<Vec<Option<f64>>>,
}

#[test]
fn golden_file_of_the_page_is_what_the_native_code_computes() {
    let file = path("page.json");
    let texts = ["the movie was good", "not bad , but a dull plot", "!", "ça va ? élève 😀 日本"].map(str::to_owned);
    let plans = [
        ("kaiming@none", 0),
        ("kaiming@bottom:0.5", 1),
        ("gaussian:0.3@all;zero:0.1@top:0.5/ffn", u64::MAX),
        ("bitflip:0.05,exponent@layers:1/attention.query", 7),
    ];
    let computed = Golden {
        cases: plans.into_iter().map(|(plan, seed)| case(plan, seed, &texts)).collect(),
        texts: texts.to_vec(),
    };
    if std::env::var_os("BERT_HEAL_WRITE_GOLDEN").is_some() {
        let mut text = serde_json::to_string_pretty(&computed).unwrap();
        text.push('\n');
        fs::write(&file, text).unwrap();
    }
    let golden: Golden = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(golden.texts, computed.texts);
    assert_eq!(golden.cases.len(), computed.cases.len());
    for (golden, computed) in golden.cases.iter().zip(&computed.cases) {
        assert_eq!((&golden.plan, golden.seed), (&computed.plan, computed.seed));
        assert_eq!(golden.fingerprint, computed.fingerprint, "{}", golden.plan);
        for (golden, computed) in golden.probabilities.iter().flatten().zip(computed.probabilities.iter().flatten()) {
            let is_near = match (golden, computed) {
                (Some(golden), Some(computed)) => (golden - computed).abs() < TOLERANCE,
                (golden, computed) => golden == computed,
            };
            assert!(is_near, "{golden:?} {computed:?}");
        }
    }
    // A damage that leaves no number has to be among them: it is the one that could bring a page down.
    assert!(golden.cases.iter().flat_map(|case| case.probabilities.iter().flatten()).any(Option::is_none));
}

fn case(plan: &str, seed: u64, texts: &[String]) -> Case {
    let read = |name: &str| fs::read(path(&format!("tiny-bert/{name}"))).unwrap();
    let config = ModelConfig::from_json(&read("config.json")).unwrap();
    let weights = WeightFile::new("model.safetensors", read("model.safetensors"));
    let options = LoadOptions { label_names: None, head_seed: Seed(0), device: Device::Cpu, hash: WeightsHash::Unused };
    let Checkpoint { config, mut parameters, .. } = Checkpoint::load(&config, vec![weights], &options).unwrap();
    let resolved = Plan::parse(plan).unwrap().resolve(config.anatomy()).unwrap();
    parameters.corrupt(&resolved, Seed(seed)).unwrap();

    let mut fingerprint = Sha256::new();
    for path in config.parameters() {
        let bytes: Vec<u8> = parameters.to_vec(path).unwrap().into_iter().flat_map(f32::to_le_bytes).collect();
        fingerprint.update(Sha256::digest(&bytes));
    }
    let tokenizer = Tokenizer::from_json(&read("tokenizer.json"), config.vocab_size).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let ids = tokenizer.encode(&texts, config.max_positions.min(128)).unwrap();
    let examples: Vec<EncodedExample> =
        ids.into_iter().map(|input_ids| EncodedExample::of_one_text(input_ids, 0)).collect();
    let kernels = Kernels::for_device(&Device::Cpu);
    let model = TextClassifier::for_evaluation(&config, &parameters, &kernels, DType::F32).unwrap();
    let logits = shared::training::logits(&model, &examples, 32, config.pad_token_id, |_| {}).unwrap();
    let finite = |p: f64| p.is_finite().then_some(p);
    Case {
        plan: plan.to_owned(),
        seed,
        fingerprint: hex::encode(fingerprint.finalize()),
        probabilities: logits.iter().map(|row| softmax(&row.logits).into_iter().map(finite).collect()).collect(),
    }
}
