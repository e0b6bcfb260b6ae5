//! `manifest.json`: what a bundle is, where it comes from, how good it is, and how to read its other files; and the list of
//! bundles, `bundles/index.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::control::{Answers, ControlEntry, FineTuned};
use super::encoding::Encoding;
use crate::Condition;
use crate::checkpoint::Treatment;
use crate::error::BundleError;
use crate::model::ModelConfig;
use crate::random::Seed;
use crate::record::NUMERICS_VERSION;

/// The version of the manifest and of the tensors' layout; raised whenever either changes its meaning.
pub const BUNDLE_VERSION: u32 = 2;
/// The oldest version that is still read. Version 1 has no control and does not count rows that are not finite.
pub const OLDEST_BUNDLE_VERSION: u32 = 1;

/// The manifest's name in a bundle's folder.
pub const MANIFEST: &str = "manifest.json";
/// The healthy weights' name.
pub const WEIGHTS: &str = "weights.bin";
/// The healed model's name.
pub const HEALED: &str = "healed.bin";
/// The tokenizer's name.
pub const TOKENIZER: &str = "tokenizer.json";
/// The licence notice's name.
pub const NOTICE: &str = "NOTICE.txt";
/// The rows to heal with and to judge on, next to a bundle that is served; see [`ServedRows`](super::ServedRows).
pub const ROWS: &str = "rows.json";
/// The list of bundles, next to their folders.
pub const INDEX: &str = "index.json";

/// No manifest is longer; it is read before anything is known of it.
const MAX_MANIFEST_BYTES: usize = 16 << 20;

/// Everything about a bundle but its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`BUNDLE_VERSION`] of the program that wrote it.
    pub version: u32,
    /// Lower-case letters, digits, `-`, `_` and `.`: the folder's name.
    pub name: String,
    /// What to call it in a sentence.
    pub title: String,
    /// What the weights derive from.
    pub base_model: BaseModel,
    /// What the model answers.
    pub task: Task,
    /// `config.json` of the healthy model.
    pub config: Map<String, Value>,
    /// The other files.
    pub files: Files,
    /// `weights.bin`: every parameter, in forward order.
    pub tensors: Vec<TensorEntry>,
    /// How the healthy model was fine-tuned.
    pub fine_tuned: Option<FineTuned>,
    /// The healed model; none in a bundle of a healthy model alone.
    pub healed: Option<HealedEntry>,
    /// What the healed model is compared with; none without one, and in bundles of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlEntry>,
    /// What was measured; none when nobody did.
    pub quality: Option<Quality>,
    /// Which rows were used for what.
    pub rows: RowHashes,
    /// Sentences of the project's own with what the bundle's models say of them, to be shown before any weight arrives.
    pub samples: Vec<Sample>,
}

/// What the weights derive from, and under which terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseModel {
    /// A hub id or a name.
    pub name: String,
    /// An SPDX identifier, or `unknown`.
    pub licence: String,
    /// What its licence asks to be told, and that the weights were changed.
    pub notice: String,
}

/// What the model answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The dataset it was fine-tuned on.
    pub dataset: String,
    /// The dataset's licence or terms, as far as they are known.
    pub dataset_terms: String,
    /// Class names by label id.
    pub label_names: Vec<String>,
    /// Tokens a text is cut to, with `[CLS]` and `[SEP]`.
    pub max_length: usize,
}

/// The other files of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// `weights.bin`.
    pub weights: FileEntry,
    /// `tokenizer.json`.
    pub tokenizer: FileEntry,
    /// `healed.bin`, if there is a healed model.
    pub healed: Option<FileEntry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the bundle's folder.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// One tensor of a weight file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// Hugging Face's name.
    pub name: String,
    /// As the config gives it.
    pub shape: Vec<usize>,
    /// How its values are written.
    pub encoding: Encoding,
    /// Its first byte in the file.
    pub offset: u64,
    /// Its bytes.
    pub size_bytes: u64,
    /// The largest |decoded − original|.
    pub max_abs_error: f64,
    /// The mean of |decoded − original|.
    pub mean_abs_error: f64,
}

/// The model that was corrupted and healed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealedEntry {
    /// The plan of the damage, in its canonical form.
    pub plan: String,
    /// The seed of the damage.
    pub seed: Seed,
    /// The fine-tuning that healed it.
    pub fine_tuned: FineTuned,
    /// `healed.bin`: each tensor that the fine-tuning moved, in forward order, as healed − corrupted.
    pub tensors: Vec<TensorEntry>,
}

/// What was measured on the held-out rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Held-out rows.
    pub n: usize,
    /// The healthy model.
    pub healthy: Comparison,
    /// The corrupted model.
    pub corrupted: Option<Comparison>,
    /// The healed model.
    pub healed: Option<Comparison>,
}

/// A model of the bundle against the f32 model it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Accuracy of the f32 model, 0 to 1.
    pub accuracy_f32: f64,
    /// Accuracy of the bundle's model, 0 to 1.
    pub accuracy: f64,
    /// Share of rows on which both give the same class, 0 to 1.
    pub agreement: f64,
    /// What the answers of the bundle's model are like; bundles of version 1 lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// [`crate::dataset::Example::row_hash`] of every row that was used, by what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowHashes {
    /// Rows the healthy model was fine-tuned on.
    pub training: Vec<String>,
    /// Rows the corrupted model was healed on.
    pub healing: Vec<String>,
    /// Rows that [`Quality`] was measured on.
    pub held_out: Vec<String>,
}

/// A sentence and what each model says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The sentence.
    pub text: String,
    /// The healthy model's answer.
    pub healthy: Outcome,
    /// The corrupted model's.
    pub corrupted: Option<Outcome>,
    /// The healed model's.
    pub healed: Option<Outcome>,
}

/// What a model says of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The class; none when the model's numbers are not finite.
    pub label_id: Option<u32>,
    /// One for each class; empty when they are not finite.
    pub probabilities: Vec<f32>,
}

impl Manifest {
    /// Reads `manifest.json` and checks all of it that needs no other file.
    ///
    /// # Errors
    /// [`BundleError`] when it is not JSON of a version from [`OLDEST_BUNDLE_VERSION`] on, or its config, tensors or lists do not fit together.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        if bytes.len() > MAX_MANIFEST_BYTES {
            let problem = format!("expected at most {MAX_MANIFEST_BYTES} bytes, got {}", bytes.len());
            return Err(BundleError::Manifest(problem));
        }
        let not_json = |e: serde_json::Error| BundleError::Manifest(e.to_string());
        // First, since the fields of another version need not be readable.
        let Version { version } = serde_json::from_slice(bytes).map_err(not_json)?;
        if !(OLDEST_BUNDLE_VERSION..=BUNDLE_VERSION).contains(&version) {
            return Err(BundleError::Version { got: version, oldest: OLDEST_BUNDLE_VERSION, newest: BUNDLE_VERSION });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(not_json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// As it is written to a file; the same manifest gives the same bytes.
    ///
    /// # Panics
    /// Never: a manifest has only string keys and, once checked, only finite numbers.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a manifest has string keys only");
        bytes.push(b'\n');
        bytes
    }

    /// The healthy model's config.
    ///
    /// # Errors
    /// When it is none that this program knows.
    pub fn config(&self) -> Result<ModelConfig, BundleError> {
        let bytes = serde_json::to_vec(&self.config).map_err(|e| BundleError::Manifest(e.to_string()))?;
        ModelConfig::from_json(&bytes).map_err(|e| BundleError::Manifest(e.to_string()))
    }

    /// The config of one of the bundle's models, which tells what was done to its weights.
    ///
    /// # Errors
    /// When there is no such model.
    pub fn config_of(&self, condition: Condition) -> Result<ModelConfig, BundleError> {
        let config = self.config()?;
        match condition {
            Condition::Healthy => return Ok(config),
            Condition::Control => return Err(BundleError::ControlWeights { name: self.name.clone() }),
            Condition::Corrupted | Condition::Healed => {}
        }
        let healed = self.healed()?;
        let history = config.history.then(Treatment::Corrupted { plan: healed.plan.clone(), seed: healed.seed });
        Ok(config.with_history(if condition == Condition::Corrupted {
            history
        } else {
            history.then(Treatment::FineTuned { run: healed.fine_tuned.run_id.clone() })
        }))
    }

    /// The healed model.
    ///
    /// # Errors
    /// [`BundleError::NoHealed`] when there is none.
    pub fn healed(&self) -> Result<&HealedEntry, BundleError> {
        self.healed.as_ref().ok_or_else(|| BundleError::NoHealed { name: self.name.clone() })
    }

    /// The version of the arithmetic that made the bundle's models, where it is known and another than today's: such a
    /// bundle opens, and its figures are not to be put together with those of today's.
    #[must_use]
    pub fn superseded_numerics(&self) -> Option<u64> {
        let of_healed = self.healed.as_ref().map(|healed| &healed.fine_tuned);
        let versions = [self.fine_tuned.as_ref(), of_healed].into_iter().flatten();
        let mut versions = versions.filter_map(|fine_tuned| fine_tuned.spec.get("numerics_version")?.as_u64());
        versions.find(|version| *version != u64::from(NUMERICS_VERSION))
    }

    /// Bytes of the files that the manifest names, in the order in which a page fetches them.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let files = [Some(&self.files.tokenizer), Some(&self.files.weights), self.files.healed.as_ref()];
        files.into_iter().flatten().map(|file| file.size_bytes).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), BundleError> {
        let refuse = |problem: String| Err(BundleError::Manifest(problem));
        if !is_name(&self.name) {
            return refuse(format!(
                "name is {:?}, expected 1 to 64 lower-case letters, digits, '-', '_' or '.', a letter or digit first",
                self.name
            ));
        }
        let files = [("weights", Some(&self.files.weights)), ("tokenizer", Some(&self.files.tokenizer))];
        for (what, file) in files.into_iter().chain([("healed", self.files.healed.as_ref())]) {
            if let Some(file) = file.filter(|file| !is_name(&file.name)) {
                return refuse(format!("files.{what}.name is {:?}, expected the plain name of a file", file.name));
            }
        }
        if self.files.healed.is_some() != self.healed.is_some() {
            return refuse("healed and files.healed: expected both or neither".to_owned());
        }
        let config = self.config()?;
        if self.task.label_names != config.label_names || config.label_names.len() < 2 {
            return refuse(format!(
                "task.label_names is {:?}, expected two or more names, the same as in the config, {:?}",
                self.task.label_names, config.label_names
            ));
        }
        if self.task.max_length < 3 || self.task.max_length > config.max_positions {
            return refuse(format!(
                "task.max_length is {}, expected 3 to {}",
                self.task.max_length, config.max_positions
            ));
        }
        let n_labels = config.label_names.len();
        if let Some(control) = &self.control {
            control.check(self.rows.held_out.len(), n_labels)?;
        }
        for sample in &self.samples {
            let outcomes = [Some(&sample.healthy), sample.corrupted.as_ref(), sample.healed.as_ref()];
            for outcome in outcomes.into_iter().flatten() {
                let expected = if outcome.label_id.is_some() { n_labels } else { 0 };
                let is_class = outcome.label_id.is_none_or(|id| (id as usize) < n_labels);
                if !is_class || outcome.probabilities.len() != expected {
                    return refuse(format!(
                        "sample {:?}: expected a class below {n_labels} with {n_labels} probabilities, or neither, got \
                         class {:?} with {} probabilities",
                        sample.text,
                        outcome.label_id,
                        outcome.probabilities.len()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl FileEntry {
    /// The entry of a file with this content.
    #[must_use]
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), size_bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) }
    }

    /// Whether `bytes` are the file.
    ///
    /// # Errors
    /// [`BundleError::Size`] or [`BundleError::Hash`] when they are not.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), BundleError> {
        let got = bytes.len() as u64;
        if got != self.size_bytes {
            return Err(BundleError::Size { file: self.name.clone(), expected: self.size_bytes, got });
        }
        let got = hex::encode(Sha256::digest(bytes));
        if got != self.sha256 {
            return Err(BundleError::Hash { file: self.name.clone(), expected: self.sha256.clone(), got });
        }
        Ok(())
    }
}

/// `index.json`: the bundles of a page, which lie next to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIndex {
    /// The first is the one that a page opens by itself.
    pub bundles: Vec<IndexEntry>,
}

/// A bundle, as much of it as a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// The folder's name.
    pub name: String,
    /// [`Manifest::title`].
    pub title: String,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// Bytes of the files that the manifest names, as [`Manifest::size_bytes`].
    pub size_bytes: u64,
}

impl BundleIndex {
    /// Reads `index.json`.
    ///
    /// # Errors
    /// When it is no such list, is empty, or a name cannot be that of a folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let refuse = |problem: String| BundleError::Manifest(format!("index.json: {problem}"));
        let index: Self = serde_json::from_slice(bytes).map_err(|e| refuse(e.to_string()))?;
        if index.bundles.is_empty() {
            return Err(refuse("expected at least one bundle".to_owned()));
        }
        match index.bundles.iter().find(|entry| !is_name(&entry.name)) {
            Some(entry) => Err(refuse(format!("expected the name of a folder, got {:?}", entry.name))),
            None => Ok(index),
        }
    }
}

/// Whether it may become part of a path or an address as it is.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain)
}
