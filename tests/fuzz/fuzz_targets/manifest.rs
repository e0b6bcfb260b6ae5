//! `manifest.json` of a bundle, and the files that it describes; the list of bundles; the rows beside one.

#![no_main]

use std::sync::OnceLock;

use candle_core::Device;
use fuzz::parts;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use shared::Condition;
use shared::bundle::{
    Answers, BUNDLE_VERSION, BaseModel, BitMix, Bundle, BundleIndex, Comparison, ControlEntry, Encoding, FileEntry,
    Files, FineTuned, HEALED, HealedEntry, Manifest, Outcome, Quality, RowHashes, Sample, ServedRows, TOKENIZER, Task,
    WEIGHTS, encode_delta, encode_parameters,
};
use shared::corruption::Plan;
use shared::dataset::Example;
use shared::model::ParameterPath;
use shared::random::Seed;
use shared::tokenizer::Tokenizer;

/// A manifest as JSON and its tensors, a few times the longest input; the tokenizer takes its share.
const MAX_MIB: usize = 64;

/// A file that a manifest describes is not made larger than this.
const MAX_FILE_BYTES: u64 = 1 << 14;

const PLAN: &str = "kaiming@bottom:0.5;gaussian:0.3@top:1L/ffn";

/// A tokenizer, and the manifest that rows are checked against.
static KNOWN: OnceLock<(Vec<u8>, Manifest)> = OnceLock::new();

fn known() -> &'static (Vec<u8>, Manifest) {
    KNOWN.get_or_init(|| {
        let tokenizer = Tokenizer::from_vocabulary(b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n", None, 4);
        let tokenizer = tokenizer.and_then(|tokenizer| tokenizer.to_json()).expect("a whole vocabulary");
        let manifest = manifest(&tokenizer, Encoding::F16);
        (tokenizer, manifest)
    })
}

fn read(bytes: &[u8]) {
    let (tokenizer, manifest) = known();
    match bytes {
        // A manifest and, behind a NUL, the bytes of its files: their sizes and hashes are put right.
        [b'm', rest @ ..] => {
            let (json, data) = parts::at_nul(rest);
            read_manifest(json, data, tokenizer);
        }
        [b'i', json @ ..] => {
            let _ = BundleIndex::parse(json);
        }
        [b'r', json @ ..] => {
            let _ = ServedRows::parse(manifest, json);
        }
        _ => {}
    }
}

fn read_manifest(json: &[u8], data: &[u8], tokenizer: &[u8]) {
    let Ok(mut manifest) = Manifest::parse(json) else { return };
    assert_eq!(Manifest::parse(&manifest.to_json()).ok().as_ref(), Some(&manifest), "what is read can be written");
    let _ = (manifest.size_bytes(), manifest.superseded_numerics());
    let _ = manifest.control.as_ref().map(|control| control.answers.in_words(control.n));
    for condition in [Condition::Healthy, Condition::Corrupted, Condition::Healed, Condition::Control] {
        let _ = manifest.config_of(condition);
    }
    let file = |entry: &FileEntry| -> Vec<u8> {
        let n_bytes = entry.size_bytes.min(MAX_FILE_BYTES) as usize;
        data.iter().copied().chain(std::iter::repeat(0)).take(n_bytes).collect()
    };
    let weights = file(&manifest.files.weights);
    let healed = manifest.files.healed.as_ref().map_or_else(Vec::new, file);
    manifest.files.weights = FileEntry::new(WEIGHTS, &weights);
    manifest.files.tokenizer = FileEntry::new(TOKENIZER, tokenizer);
    manifest.files.healed = manifest.files.healed.as_ref().map(|_| FileEntry::new(HEALED, &healed));
    let Ok(bundle) = Bundle::open(manifest, weights, tokenizer) else { return };
    let _ = (bundle.parameters(&Device::Cpu), bundle.plan());
    if let Ok(delta) = bundle.delta(healed) {
        assert!(delta.paths().is_sorted(), "in forward order");
        let _ = bundle.healed(&delta, &Device::Cpu);
    }
}

/// A manifest with everything in it.
fn manifest(tokenizer: &[u8], encoding: Encoding) -> Manifest {
    let model = fuzz::tiny_model::random();
    let mix = BitMix { embeddings: encoding, attention: encoding, ffn: encoding, other: encoding };
    let weights = encode_parameters(&model.parameters, &mix).expect("finite values");
    let mut corrupted = model.parameters.snapshot().expect("a copy");
    let plan = Plan::parse(PLAN).and_then(|plan| plan.resolve(model.config.anatomy())).expect("the plan fits");
    corrupted.corrupt(&plan, Seed(1)).expect("every tensor is there");
    let is_moved = |path: ParameterPath| !path.module.is_embedding();
    let delta = encode_delta(&corrupted, &model.parameters, &mix, is_moved).expect("finite values");
    let fine_tuned = FineTuned {
        run_id: serde_json::from_value(json!("c6a001df7a4c")).expect("a run id is a string"),
        spec: json!({"numerics_version": 1}),
        program: "p".into(),
    };
    let answers = Answers { n_non_finite: 1, n_saturated: 0, largest_class_share: Some(0.5) };
    let comparison = Comparison { accuracy_f32: 0.5, accuracy: 0.25, agreement: 1.0, answers: Some(answers) };
    let outcome = |label_id: Option<u32>| Outcome {
        label_id,
        probabilities: if label_id.is_some() { vec![0.25, 0.75] } else { vec![] },
    };
    let rows = [("x", 0), ("y", 1)].map(|(text, label)| Example::of_one_text(text.into(), label).row_hash());
    Manifest {
        version: BUNDLE_VERSION,
        name: "n".into(),
        title: "N".into(),
        base_model: BaseModel { name: "b".into(), licence: "l".into(), notice: "o".into() },
        task: Task {
            dataset: "d".into(),
            dataset_terms: "t".into(),
            label_names: vec!["a".into(), "b".into()],
            max_length: 4,
        },
        config: serde_json::from_str(fuzz::tiny_model::CONFIG).expect("the config is valid"),
        files: Files {
            weights: FileEntry::new(WEIGHTS, &weights.bytes),
            tokenizer: FileEntry::new(TOKENIZER, tokenizer),
            healed: Some(FileEntry::new(HEALED, &delta.bytes)),
        },
        tensors: weights.tensors,
        fine_tuned: Some(fine_tuned.clone()),
        healed: Some(HealedEntry {
            plan: PLAN.into(),
            seed: Seed(1),
            fine_tuned: fine_tuned.clone(),
            tensors: delta.tensors,
        }),
        control: Some(ControlEntry {
            budget: "b".into(),
            fine_tuned,
            n: 2,
            accuracy: 0.5,
            answers,
            predicted: vec![Some(1), None],
        }),
        quality: Some(Quality { n: 2, healthy: comparison, corrupted: Some(comparison), healed: None }),
        rows: RowHashes { training: vec![], healing: vec![rows[0].clone()], held_out: rows.to_vec() },
        samples: vec![Sample {
            text: "s".into(),
            healthy: outcome(Some(1)),
            corrupted: Some(outcome(None)),
            healed: Some(outcome(Some(0))),
        }],
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let (tokenizer, _) = known();
    let input = |json: &[u8], data: &[u8]| [b"m", json, b"\0", data].concat();
    let mut seeds = Vec::new();
    let blocks = |bits, block| Encoding::Blocks { bits, block };
    for encoding in [Encoding::F32, Encoding::F16, blocks(2, 8), blocks(5, 16), blocks(8, 1 << 16)] {
        let whole = manifest(tokenizer, encoding);
        seeds.push(input(&whole.to_json(), &[0x3C; 64]));
        let (files, tensors) = (Files { healed: None, ..whole.files.clone() }, whole.tensors.clone());
        let small = Manifest {
            files,
            tensors,
            fine_tuned: None,
            healed: None,
            control: None,
            quality: None,
            rows: RowHashes::default(),
            samples: vec![],
            ..whole
        };
        seeds.push(input(&small.to_json(), &[0x3C; 64]));
        // What each check refuses.
        let json = String::from_utf8(small.to_json()).expect("JSON is UTF-8");
        for (from, to) in [
            (r#""version":2"#, r#""version":1"#),
            (r#""version":2"#, r#""version":3"#),
            (r#""name":"n""#, r#""name":"../n""#),
            (r#""name":"weights.bin""#, r#""name":"/weights.bin""#),
            (r#""max_length":4"#, r#""max_length":9"#),
            (r#""label_names":["a","b"]"#, r#""label_names":["a"]"#),
            (r#""healed":null}"#, r#""healed":{"name":"h","size_bytes":1,"sha256":""}}"#),
            (r#""offset":0"#, r#""offset":1"#),
            (r#""shape":[4,2]"#, r#""shape":[2,4]"#),
            (
                r#""samples":[]"#,
                r#""samples":[{"text":"s","healthy":{"label_id":2,"probabilities":[1]},"corrupted":null,"healed":null}]"#,
            ),
        ] {
            seeds.push(input(json.replacen(from, to, 1).as_bytes(), &[0xFF; 8]));
        }
    }
    seeds.push(br#"i{"bundles":[{"name":"n","title":"N","manifest_bytes":1,"size_bytes":2}]}"#.to_vec());
    seeds.push(br#"i{"bundles":[]}"#.to_vec());
    seeds.push(br#"i{"bundles":[{"name":"N/","title":"","manifest_bytes":1,"size_bytes":2}]}"#.to_vec());
    let row = |text: &str, label| Example::of_one_text(text.into(), label);
    for (train, held_out) in [
        (vec![row("x", 0)], vec![row("x", 0), row("y", 1)]),
        (vec![], vec![row("x", 0), row("y", 1)]),
        (vec![row("x", 0)], vec![row("x", 0)]),
        (vec![row("x", 0)], vec![row("x", 0), row("z", 1)]),
        (vec![row("z", 0)], vec![row("x", 0), row("y", 1)]),
    ] {
        let rows = ServedRows { licence: "l".into(), train, held_out };
        seeds.push([b"r", &serde_json::to_vec(&rows).expect("rows can be written")[..]].concat());
    }
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"m")),
    |bytes: &[u8]| read(bytes)
);
