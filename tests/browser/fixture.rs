//! A tiny model that knows good from bad, as a bundle and as files: made here, trained in a second, and small enough for
//! a browser to heal within a test.

use candle_core::{DType, Device};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::Parameters;
use shared::bundle::{
    Answers, BUNDLE_VERSION, BaseModel, BitMix, BundleIndex, ControlEntry, Encoding, FileEntry, Files, FineTuned,
    HEALED, HealedEntry, IndexEntry, MANIFEST, Manifest, NOTICE, Outcome, RowHashes, Sample, ServedRows, TOKENIZER,
    Task, WEIGHTS, encode_delta, encode_parameters,
};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash, save_weights};
use shared::corruption::Plan;
use shared::dataset::{EncodedExample, Example};
use shared::evaluation::{predicted_class, softmax};
use shared::model::{ModelConfig, Module, TextClassifier};
use shared::nn::Kernels;
use shared::random::Seed;
use shared::tokenizer::{Tokenizer, build_vocabulary};
use shared::training::{FineTuning, TrainingArgs, TrainingSeeds, logits};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The bundle's name.
pub const NAME: &str = "tiny";

/// The damage that the bundle's healed model had.
pub const PLAN: &str = "kaiming@bottom:0.67";
/// And its seed.
pub const SEED: u64 = 1;

/// What its control has had.
pub const CONTROL_BUDGET: &str = "after 80 + 80 steps";

/// The sentence that the bundle brings, with the healthy model's answer to it.
pub const SAMPLE: &str = "what a fine story this is";

const MAX_LENGTH: usize = 16;

/// The model and the folder its files are in.
pub struct Fixture {
    /// Holds `bundles/`, which is served beside the page, and `files/` in Hugging Face layout with a table of rows.
    pub dir: PathBuf,
    /// Bytes that a page fetches of the bundle, its manifest and rows left out.
    pub transfer_bytes: u64,
    /// The accuracy of the control that the manifest tells of.
    pub control_accuracy: f64,
    config: ModelConfig,
    tokenizer: Tokenizer,
    healthy: Parameters,
    healed: Parameters,
}

impl Fixture {
    /// Made once a test program.
    pub fn get() -> &'static Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        FIXTURE.get_or_init(|| Self::make(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-fixture")))
    }

    fn make(dir: &Path) -> Self {
        let rows = rows();
        let (train, held_out) = rows.split_at(rows.len() * 3 / 4);
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let vocabulary = build_vocabulary(&texts, 200);
        let config = json!({
            "model_type": "bert", "vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 3,
            "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 32,
            "id2label": {"0": "negative", "1": "positive"}
        });
        let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
        let tokenizer_json = tokenizer_json(&vocabulary);
        let tokenizer = Tokenizer::from_json(&tokenizer_json, config.vocab_size).unwrap();
        let options =
            LoadOptions { label_names: None, head_seed: Seed(1), device: Device::Cpu, hash: WeightsHash::Unused };
        let random = Checkpoint::random(&config, &options).unwrap().parameters;
        let healthy = fine_tuned(&config, random, &tokenizer, train);
        let plan = Plan::parse(PLAN).unwrap().resolve(config.anatomy()).unwrap();
        let mut corrupted = healthy.snapshot().unwrap();
        corrupted.corrupt(&plan, Seed(SEED)).unwrap();
        let is_moved = |path: shared::model::ParameterPath| {
            plan.touches(path) || matches!(path.module, Module::Pooler | Module::Classifier)
        };
        let again = |from: &Parameters| {
            let mut start = from.snapshot().unwrap();
            start.freeze(|path| !is_moved(path)).unwrap();
            fine_tuned(&config, start, &tokenizer, train)
        };
        let (healed, control) = (again(&corrupted), again(&healthy));
        let fine_tuned_by = FineTuned {
            run_id: serde_json::from_value(json!("c6a001df7a4c")).unwrap(),
            spec: json!({}),
            program: "tests".to_owned(),
        };
        let control = control_entry(&config, &control, &tokenizer, held_out, fine_tuned_by.clone());

        let exact =
            BitMix { embeddings: Encoding::F32, attention: Encoding::F32, ffn: Encoding::F32, other: Encoding::F32 };
        let weights = encode_parameters(&healthy, &exact).unwrap();
        let delta = encode_delta(&corrupted, &healed, &exact, is_moved).unwrap();
        let hashes = |rows: &[Example]| rows.iter().map(Example::row_hash).collect::<Vec<_>>();
        let manifest = Manifest {
            version: BUNDLE_VERSION,
            name: NAME.to_owned(),
            title: "A tiny model for tests".to_owned(),
            base_model: BaseModel { name: "none".to_owned(), licence: "MIT".to_owned(), notice: String::new() },
            task: Task {
                dataset: "good and bad".to_owned(),
                dataset_terms: "made by the test".to_owned(),
                label_names: config.label_names.clone(),
                max_length: MAX_LENGTH,
            },
            config: serde_json::from_slice(&config.to_json()).unwrap(),
            files: Files {
                weights: FileEntry::new(WEIGHTS, &weights.bytes),
                tokenizer: FileEntry::new(TOKENIZER, &tokenizer_json),
                healed: Some(FileEntry::new(HEALED, &delta.bytes)),
            },
            tensors: weights.tensors,
            fine_tuned: None,
            healed: Some(HealedEntry {
                plan: PLAN.to_owned(),
                seed: Seed(SEED),
                fine_tuned: fine_tuned_by,
                tensors: delta.tensors,
            }),
            control: Some(control),
            quality: None,
            rows: RowHashes { training: hashes(train), healing: hashes(train), held_out: hashes(held_out) },
            samples: vec![sample(&config, &healthy, &tokenizer)],
        };
        let transfer_bytes = manifest.size_bytes();
        let control_accuracy = manifest.control.as_ref().unwrap().accuracy;
        let manifest_json = manifest.to_json();
        let index = BundleIndex {
            bundles: vec![IndexEntry {
                name: NAME.to_owned(),
                title: manifest.title.clone(),
                manifest_bytes: manifest_json.len() as u64,
                size_bytes: transfer_bytes,
            }],
        };
        let served =
            ServedRows { licence: "made by the test".to_owned(), train: train.to_vec(), held_out: held_out.to_vec() };
        let line = |row: &Example| format!("{}\t{}\n", row.label, row.text);
        let table = format!("label\ttext\n{}", rows.iter().map(line).collect::<String>());
        let bundle = format!("bundles/{NAME}");
        for (path, bytes) in [
            ("bundles/index.json".to_owned(), serde_json::to_vec(&index).unwrap()),
            (format!("{bundle}/{MANIFEST}"), manifest_json),
            (format!("{bundle}/{WEIGHTS}"), weights.bytes),
            (format!("{bundle}/{HEALED}"), delta.bytes),
            (format!("{bundle}/{TOKENIZER}"), tokenizer_json.clone()),
            (format!("{bundle}/{NOTICE}"), b"A licence, made by the test.\n".to_vec()),
            (format!("{bundle}/rows.json"), serde_json::to_vec(&served).unwrap()),
            ("files/config.json".to_owned(), config.to_json()),
            ("files/model.safetensors".to_owned(), save_weights(&healthy).unwrap()),
            ("files/tokenizer.json".to_owned(), tokenizer_json),
            ("files/rows.tsv".to_owned(), table.into_bytes()),
            ("files/holiday.png".to_owned(), b"PNG".to_vec()),
        ] {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self { dir: dir.to_owned(), transfer_bytes, control_accuracy, config, tokenizer, healthy, healed }
    }

    /// One of the files in Hugging Face layout.
    pub fn file(&self, name: &str) -> String {
        self.dir.join("files").join(name).to_str().unwrap().to_owned()
    }

    /// What the native code has for a model under a damage: the probabilities of a text's classes.
    pub fn probabilities(&self, model: Condition, plan: &str, seed: u64, text: &str) -> Vec<f64> {
        let parameters = self.parameters(model, plan, seed);
        let examples = encode(&self.tokenizer, &[Example::of_one_text(text.to_owned(), 0)]);
        let kernels = Kernels::for_device(&Device::Cpu);
        let model = TextClassifier::for_evaluation(&self.config, &parameters, &kernels, DType::F32).unwrap();
        softmax(&logits(&model, &examples, 1, 0, |_| {}).unwrap()[0].logits)
    }

    /// What the page shows as fingerprint of the corrupted weights.
    pub fn fingerprint(&self, plan: &str, seed: u64) -> String {
        let parameters = self.parameters(Condition::Corrupted, plan, seed);
        let mut whole = Sha256::new();
        for path in self.config.parameters() {
            let bytes: Vec<u8> = parameters.to_vec(path).unwrap().into_iter().flat_map(f32::to_le_bytes).collect();
            whole.update(Sha256::digest(&bytes));
        }
        hex::encode(whole.finalize())
    }

    fn parameters(&self, model: Condition, plan: &str, seed: u64) -> Parameters {
        let mut parameters = match model {
            Condition::Healed => return self.healed.snapshot().unwrap(),
            _ => self.healthy.snapshot().unwrap(),
        };
        if model == Condition::Corrupted {
            let plan = Plan::parse(plan).unwrap().resolve(self.config.anatomy()).unwrap();
            parameters.corrupt(&plan, Seed(seed)).unwrap();
        }
        parameters
    }
}

/// What the manifest says of a control.
fn control_entry(
    config: &ModelConfig,
    control: &Parameters,
    tokenizer: &Tokenizer,
    rows: &[Example],
    fine_tuned: FineTuned,
) -> ControlEntry {
    let model =
        TextClassifier::for_evaluation(config, control, &Kernels::for_device(&Device::Cpu), DType::F32).unwrap();
    let logits = logits(&model, &encode(tokenizer, rows), 16, 0, |_| {}).unwrap();
    let predicted: Vec<Option<u32>> = logits.iter().map(|row| predicted_class(&row.logits)).collect();
    let n_right = predicted.iter().zip(rows).filter(|(class, row)| **class == Some(row.label)).count();
    ControlEntry {
        budget: CONTROL_BUDGET.to_owned(),
        fine_tuned,
        n: rows.len(),
        accuracy: n_right as f64 / rows.len() as f64,
        answers: Answers::default(),
        predicted,
    }
}

/// What the healthy model says of [`SAMPLE`].
fn sample(config: &ModelConfig, healthy: &Parameters, tokenizer: &Tokenizer) -> Sample {
    let model =
        TextClassifier::for_evaluation(config, healthy, &Kernels::for_device(&Device::Cpu), DType::F32).unwrap();
    let rows = encode(tokenizer, &[Example::of_one_text(SAMPLE.to_owned(), 0)]);
    let logits = logits(&model, &rows, 1, 0, |_| {}).unwrap();
    let probabilities: Vec<f32> = softmax(&logits[0].logits).into_iter().map(|share| share as f32).collect();
    let healthy = Outcome { label_id: predicted_class(&logits[0].logits), probabilities };
    Sample { text: SAMPLE.to_owned(), healthy, corrupted: None, healed: None }
}

/// Good and bad things said of many things, none twice.
fn rows() -> Vec<Example> {
    const WORDS: [&[&str]; 2] = [&["bad", "awful", "dull", "poor"], &["good", "great", "fine", "lovely"]];
    const THINGS: [&str; 10] = ["film", "plot", "book", "play", "song", "cast", "story", "scene", "score", "ending"];
    let mut rows = Vec::new();
    for thing in THINGS {
        for frame in ["the {t} was {w}", "a {w} {t}", "what a {w} {t} this is"] {
            for (label, words) in (0..).zip(WORDS) {
                for word in words {
                    rows.push(Example::of_one_text(frame.replace("{t}", thing).replace("{w}", word), label));
                }
            }
        }
    }
    Seed(1).stream("test", "rows").shuffle(&mut rows);
    rows
}

fn fine_tuned(config: &ModelConfig, parameters: Parameters, tokenizer: &Tokenizer, rows: &[Example]) -> Parameters {
    let args = TrainingArgs {
        learning_rate: 3e-3,
        batch_size: 16,
        max_steps: Some(80),
        max_length: MAX_LENGTH,
        ..TrainingArgs::default()
    };
    let seeds = TrainingSeeds { head: Seed(1), data: Seed(1) };
    let examples = Arc::new(encode(tokenizer, rows));
    let kernels = Kernels::for_device(&Device::Cpu);
    let mut training = FineTuning::new(config, parameters, examples, &args, seeds, kernels, &Device::Cpu).unwrap();
    while training.steps_done() < training.n_steps() {
        training.step().unwrap();
    }
    training.into_parameters()
}

fn encode(tokenizer: &Tokenizer, rows: &[Example]) -> Vec<EncodedExample> {
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let ids = tokenizer.encode(&texts, MAX_LENGTH).unwrap();
    ids.into_iter().zip(rows).map(|(input_ids, row)| EncodedExample::of_one_text(input_ids, row.label)).collect()
}

/// A `tokenizer.json` of whole words, as BERT's are written.
fn tokenizer_json(vocabulary: &[u8]) -> Vec<u8> {
    let pieces: serde_json::Map<String, serde_json::Value> = std::str::from_utf8(vocabulary)
        .unwrap()
        .lines()
        .enumerate()
        .map(|(id, piece)| (piece.to_owned(), id.into()))
        .collect();
    let special: Vec<_> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .into_iter()
        .map(|content| {
            json!({"id": pieces[content], "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": true,
                       "handle_chinese_chars": true, "strip_accents": null},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", pieces["[SEP]"]], "cls": ["[CLS]", pieces["[CLS]"]]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": pieces},
    });
    file.to_string().into_bytes()
}
