//! A bundle decodes, is corrupted and is healed to the same bits on every target.
//!
//! The same check runs natively and, by wasm-bindgen-test, in a real browser, against digests that the native build wrote.
//! After a change that is meant to alter them (which raises `BUNDLE_VERSION` or `NUMERICS_VERSION`), make them anew:
//! `cargo test -p shared --test behaviour bundle_bits -- --ignored --nocapture | grep '^|' > shared/tests/golden/bundle_bits.txt`

use candle_core::{Device, Tensor};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::Parameters;
use shared::bundle::{
    BUNDLE_VERSION, BaseModel, BitMix, Bundle, Encoding, FileEntry, Files, FineTuned, HEALED, HealedEntry, Manifest,
    RowHashes, TOKENIZER, Task, WEIGHTS, encode_delta, encode_parameters,
};
use shared::corruption::Plan;
use shared::model::{ModelConfig, ParameterPath};
use shared::random::Seed;

/// For each model and tensor the SHA-256 of its values' bits, and for each file that of its bytes.
const GOLDEN: &str = include_str!("golden/bundle_bits.txt");

const TOKENIZER_BYTES: &[u8] = include_bytes!("../../tests/golden/tiny-bert/tokenizer.json");
const PLAN: &str = "kaiming@bottom:0.5;gaussian:0.3@top:1L/ffn";
const SEED: Seed = Seed(u64::MAX);

/// Every width, and a block that does not divide the rows.
const MIXES: [(u32, u32, u32, u32, usize); 3] = [(4, 6, 5, 8, 64), (2, 3, 7, 4, 24), (8, 4, 2, 6, 8)];

fn config() -> serde_json::Value {
    json!({
        "model_type": "bert", "vocab_size": 240, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 52, "max_position_embeddings": 40, "type_vocab_size": 2, "hidden_act": "gelu",
        "id2label": {"0": "no", "1": "yes"}
    })
}

/// Normal weights; `purpose` makes two models differ.
fn parameters(config: &ModelConfig, purpose: &str, spread: f64) -> Parameters {
    let tensors = config.parameters().into_iter().map(|path| {
        let shape = config.shape_of(path);
        let stream = Seed(2025).stream(purpose, &path.name(config.architecture));
        let n = shape.iter().product::<usize>() as u64;
        let values: Vec<f32> = (0..n).map(|i| (spread * stream.normal_at(i)) as f32).collect();
        (path, Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape has"))
    });
    Parameters::new(config.architecture, tensors).expect("f32 tensors on a CPU")
}

/// The three files of a bundle whose healed model moved the whole encoder and the head a little.
fn files((embeddings, attention, ffn, other, block): (u32, u32, u32, u32, usize)) -> (Manifest, Vec<u8>, Vec<u8>) {
    let raw = config();
    let config = ModelConfig::from_json(raw.to_string().as_bytes()).expect("a config that fits");
    let encoding = |bits| Encoding::Blocks { bits, block };
    let mix = BitMix {
        embeddings: encoding(embeddings),
        attention: encoding(attention),
        ffn: encoding(ffn),
        other: encoding(other),
    };
    let weights = encode_parameters(&parameters(&config, "bundle", 0.04), &mix).expect("finite values");
    let fine_tuned = FineTuned {
        run_id: serde_json::from_value(json!("c6a001df7a4c")).expect("a run id is a string"),
        spec: json!({}),
        program: "test".into(),
    };
    let mut manifest = Manifest {
        version: BUNDLE_VERSION,
        name: "golden".into(),
        title: "Golden".into(),
        base_model: BaseModel { name: "none".into(), licence: "CC0-1.0".into(), notice: "random".into() },
        task: Task {
            dataset: "none".into(),
            dataset_terms: "none".into(),
            label_names: vec!["no".into(), "yes".into()],
            max_length: 32,
        },
        config: raw.as_object().expect("an object").clone(),
        files: Files {
            weights: FileEntry::new(WEIGHTS, &weights.bytes),
            tokenizer: FileEntry::new(TOKENIZER, TOKENIZER_BYTES),
            healed: None,
        },
        tensors: weights.tensors,
        fine_tuned: None,
        healed: None,
        control: None,
        quality: None,
        rows: RowHashes::default(),
        samples: Vec::new(),
    };
    let bundle = Bundle::open(manifest.clone(), weights.bytes.clone(), TOKENIZER_BYTES).expect("it was just made");
    let plan = Plan::parse(PLAN).and_then(|plan| plan.resolve(config.anatomy())).expect("the plan fits");
    let mut corrupted = bundle.parameters(&Device::Cpu).expect("it was just made");
    corrupted.corrupt(&plan, SEED).expect("every tensor is there");
    let mut healed = corrupted.snapshot().expect("a copy");
    let moves = parameters(&config, "healing", 3e-3);
    for path in config.parameters() {
        let moved = healed.to_vec(path).expect("it is there");
        let by = moves.to_vec(path).expect("it is there");
        healed.set(path, moved.iter().zip(by).map(|(x, by)| x + by).collect()).expect("as many values");
    }
    let is_moved = |path: ParameterPath| !path.module.is_embedding();
    let delta = encode_delta(&corrupted, &healed, &mix, is_moved).expect("finite values");
    manifest.files.healed = Some(FileEntry::new(HEALED, &delta.bytes));
    manifest.healed = Some(HealedEntry { plan: PLAN.into(), seed: SEED, fine_tuned, tensors: delta.tensors });
    (manifest, weights.bytes, delta.bytes)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

fn lines() -> String {
    let mut lines = Vec::new();
    for mix in MIXES {
        let (manifest, weights, healed) = files(mix);
        lines.push(format!("| {mix:?} | {} | {} |", digest(&weights), digest(&healed)));
        // As a reader gets it.
        let manifest = Manifest::parse(&manifest.to_json()).expect("what was written can be read");
        let bundle = Bundle::open(manifest, weights, TOKENIZER_BYTES).expect("its own files");
        let delta = bundle.delta(healed).expect("its own delta");
        let models = [
            (Condition::Healthy, bundle.parameters(&Device::Cpu)),
            (Condition::Corrupted, bundle.corrupted(&Device::Cpu).map(|(parameters, _)| parameters)),
            (Condition::Healed, bundle.healed(&delta, &Device::Cpu)),
        ];
        for (condition, parameters) in models {
            let parameters = parameters.expect("finite values");
            let mut bits = Vec::new();
            for path in parameters.paths() {
                let values = parameters.to_vec(path).expect("it is there");
                bits.extend(values.iter().flat_map(|x| x.to_bits().to_le_bytes()));
            }
            lines.push(format!("| {} | {} |", condition.as_str(), digest(&bits)));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_model_of_a_bundle_has_the_golden_bits() {
    let lines = lines();
    for (i, (line, golden)) in lines.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(line, golden, "line {} of the golden file", i + 1);
    }
    assert_eq!(lines.lines().count(), GOLDEN.lines().count());
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
#[ignore = "prints the golden file"]
fn print_the_golden_bits() {
    print!("\n{}", lines());
}
