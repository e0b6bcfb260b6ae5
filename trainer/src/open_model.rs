//! Opening the models that `--model` names: a folder in Hugging Face layout, a run's folder, a web bundle, what the
//! catalogue or the hub calls so, or a built-in shape.

mod folder;
mod open_file;
mod pickled;
mod weight_files;

use shared::Condition;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use sha2::{Digest, Sha256};
use shared::bundle::{TOKENIZER, WEIGHTS};
use shared::checkpoint::{
    Checkpoint, LoadOptions, OtherClasses, TOKENIZER_FILES, WeightFile, WeightFiles, WeightsHash, save_weights,
};
use shared::model::{ModelConfig, shape_config};
use shared::random::Seed;
use shared::record::Source;
use shared::tokenizer::{OpenedTokenizer, Tokenizer, TokenizerFiles, build_vocabulary};

pub(crate) use self::open_file::own_weights;
use self::weight_files::weight_files;
use crate::exit_code::bad_input;
use crate::hub::{self, ModelParts, RepoKind};
use crate::open_bundle;
use crate::untrusted;

/// How a tokenizer is to be built, beside its pieces.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Names of the shapes that need no file, for `--random-init`.
pub const BUILT_IN_SHAPES: [&str; 3] = ["bert-base", "bert-large", "distilbert"];

/// A model whose config is read and whose weights are not yet.
#[derive(Debug)]
pub struct ModelSource {
    /// A short name to show: the folder's last component, or the shape's name.
    pub name: String,
    /// Sizes and labels.
    pub config: ModelConfig,
    /// SHA-256 (hex) of the config's bytes.
    pub config_sha256: String,
    /// Where it was fetched from; none for what lay here.
    pub fetched_from: Option<Source>,
    /// The tokens that its own run or bundle cuts a text to.
    pub max_length: Option<usize>,
    origin: Origin,
    weights: Weights,
}

#[derive(Debug)]
enum Origin {
    Folder(PathBuf),
    Bundle(PathBuf, Condition),
    BuiltIn,
}

/// Where the weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// From the model's files.
    Read,
    /// They are drawn from the head seed; of the model only config and tokenizer are taken.
    Random,
}

/// Names and contents of files.
type NamedFiles = Vec<(String, Vec<u8>)>;

/// A tokenizer with its files, which travel with every checkpoint.
#[derive(Debug)]
pub struct TokenizerSource {
    /// Ready to encode.
    pub tokenizer: Tokenizer,
    /// Name and content of each file that a checkpoint gets: those it came from, `tokenizer.json` as it is used, and a
    /// `tokenizer_config.json` of which `transformers` makes the same.
    pub files: NamedFiles,
    /// SHA-256 (hex) of all the files, `tokenizer_config.json` included, and of what was made of them: of two tokenizers
    /// with one hash every text has the same ids.
    pub sha256: String,
    /// What a user should know.
    pub note: Option<String>,
}

impl TokenizerSource {
    /// Whether every text has the same ids under `other`: one vocabulary and one way to cut texts into its pieces. How far
    /// texts are truncated and padded is each command's own.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn reads_as(&self, other: &Self) -> anyhow::Result<bool> {
        let [ours, theirs] = [self, other].map(|source| -> anyhow::Result<serde_json::Value> {
            let mut json: serde_json::Value = serde_json::from_slice(&source.tokenizer.to_json()?)?;
            if let Some(object) = json.as_object_mut() {
                object.retain(|key, _| !["truncation", "padding"].contains(&key.as_str()));
            }
            Ok(json)
        });
        Ok(ours? == theirs?)
    }

    fn new(opened: OpenedTokenizer, mut files: NamedFiles, config: &ModelConfig) -> anyhow::Result<Self> {
        let OpenedTokenizer { tokenizer, notes, is_rebuilt } = opened;
        let resolved = tokenizer.to_json()?;
        let mut hash = Sha256::new();
        for (name, bytes) in files.iter().map(|(name, bytes)| (name.as_str(), bytes)).chain([("resolved", &resolved)]) {
            // Each with its length, so that no two lists of files read alike.
            for part in [name.as_bytes(), bytes] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        // What was put right on reading is written so, for whoever reads the one file alone.
        if is_rebuilt && let Some((_, json)) = files.iter_mut().find(|(name, _)| name == TOKENIZER) {
            *json = tokenizer.to_json_beside(json)?;
        }
        let given = files.iter().position(|(name, _)| name == TOKENIZER_CONFIG).map(|at| files.remove(at).1);
        let written = tokenizer.to_config_json(given.as_deref(), config.tokenizer_class(), config.max_positions);
        files.push((TOKENIZER_CONFIG.into(), written.map_err(bad_input)?));
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(Self { tokenizer, sha256: hex::encode(hash.finalize()), files, note })
    }
}

impl ModelSource {
    /// Opens what `--model` names. `which` chooses among the models of a run's folder.
    pub fn open(name: &str, which: Option<Condition>, weights: Weights) -> anyhow::Result<Self> {
        let is_random = weights == Weights::Random;
        let path = Path::new(name);
        if path.exists() {
            if !path.is_dir() {
                return Err(bad_input(anyhow!(
                    "model {name} is a file: expected a folder with config.json, model.safetensors and tokenizer.json"
                )));
            }
            hub::say_local_comes_first(RepoKind::Model, name);
            if open_bundle::is_bundle(path) {
                return Self::in_bundle(path, which, weights);
            }
            return Self::in_folder(name, display_name(path), checkpoint_folder(path, which)?, weights, None);
        }
        if is_random && BUILT_IN_SHAPES.contains(&name) {
            return Self::built_in(name);
        }
        if let Some(which) = which {
            return Err(bad_input(anyhow!(
                "--which {} chooses a model of a run's folder, and there is no folder {name}",
                which.as_str()
            )));
        }
        let parts = if is_random { ModelParts::Shape } else { ModelParts::Everything };
        let fetched = hub::model(name, parts).map_err(|failed| {
            if BUILT_IN_SHAPES.contains(&name) {
                failed.error.context(format!("model {name} (its shape with random weights: add --random-init)"))
            } else {
                failed.error
            }
        })?;
        Self::in_folder(name, name.to_owned(), fetched.folder, weights, Some(fetched.source))
    }

    fn in_folder(
        given: &str,
        name: String,
        folder: PathBuf,
        weights: Weights,
        fetched_from: Option<Source>,
    ) -> anyhow::Result<Self> {
        let (folder, notes) = folder::of_model(folder)?;
        let bytes = folder::config(given, &folder)?;
        let mut config =
            ModelConfig::from_json(&bytes).map_err(bad_input).with_context(|| format!("model {}", folder.display()))?;
        config.notes.extend(notes);
        let config_sha256 = hex::encode(Sha256::digest(&bytes));
        let max_length = max_length_of_run(&folder);
        Ok(Self { name, config, config_sha256, fetched_from, max_length, origin: Origin::Folder(folder), weights })
    }

    /// Unlike of a run's folder the healthy model is the one that is meant: corruption starts from it.
    fn in_bundle(folder: &Path, which: Option<Condition>, weights: Weights) -> anyhow::Result<Self> {
        let condition = which.unwrap_or(Condition::Healthy);
        let manifest = open_bundle::manifest(folder)?;
        let config = manifest.config_of(condition);
        let config = config.map_err(bad_input).with_context(|| format!("bundle {}", folder.display()))?;
        Ok(Self {
            name: manifest.name,
            config_sha256: hex::encode(Sha256::digest(config.to_json())),
            config,
            fetched_from: None,
            max_length: Some(manifest.task.max_length),
            origin: Origin::Bundle(folder.to_owned(), condition),
            weights,
        })
    }

    fn built_in(name: &str) -> anyhow::Result<Self> {
        let config = shape_config(name).ok_or_else(|| anyhow!("there is no built-in shape {name}"))?;
        let config_sha256 = hex::encode(Sha256::digest(config.to_json()));
        Ok(Self {
            name: name.to_owned(),
            config,
            config_sha256,
            fetched_from: None,
            max_length: None,
            origin: Origin::BuiltIn,
            weights: Weights::Random,
        })
    }

    /// The folder of a checkpoint; none for a bundle or a built-in shape.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Folder(folder) => Some(folder),
            Origin::Bundle(..) | Origin::BuiltIn => None,
        }
    }

    /// Whether the weights are drawn from the head seed.
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.weights == Weights::Random
    }

    /// The tokenizer of the folder, with what a checkpoint gets of it. A built-in shape has none: a vocabulary is then made
    /// of `texts`.
    pub fn tokenizer(&self, texts: &[&str]) -> anyhow::Result<TokenizerSource> {
        let (opened, files) = self.open_tokenizer(texts)?;
        TokenizerSource::new(opened, files, &self.config)
    }

    /// As [`ModelSource::tokenizer`], to encode only, with the notes for a user: hashing and writing a tokenizer takes
    /// longer than reading it.
    pub fn tokenizer_to_encode(&self, texts: &[&str]) -> anyhow::Result<(Tokenizer, Option<String>)> {
        let (OpenedTokenizer { tokenizer, notes, .. }, _) = self.open_tokenizer(texts)?;
        Ok((tokenizer, (!notes.is_empty()).then(|| notes.join("; "))))
    }

    fn open_tokenizer(&self, texts: &[&str]) -> anyhow::Result<(OpenedTokenizer, NamedFiles)> {
        if let Origin::Bundle(folder, _) = &self.origin {
            return self.tokenizer_of_bundle(folder);
        }
        let Origin::Folder(folder) = &self.origin else {
            let vocabulary = build_vocabulary(texts, self.config.vocab_size);
            let tokenizer = Tokenizer::from_vocabulary(&vocabulary, None, self.config.vocab_size)?;
            let note = format!("a vocabulary of {} pieces was made of the training texts", lines(&vocabulary));
            let opened = OpenedTokenizer { tokenizer, notes: vec![note], is_rebuilt: false };
            return Ok((opened, vec![("vocab.txt".into(), vocabulary)]));
        };
        let mut found = Vec::new();
        for name in TOKENIZER_FILES {
            match untrusted::read(&folder.join(name)) {
                Ok(bytes) => found.push((name.to_owned(), bytes)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(bad_input(anyhow!("cannot read {}: {e}", folder.join(name).display()))),
            }
        }
        let file = |name: &str| found.iter().find(|(n, _)| n == name).map(|(_, bytes)| bytes.as_slice());
        let files = TokenizerFiles {
            json: file(TOKENIZER),
            vocabulary: file("vocab.txt"),
            config: file(TOKENIZER_CONFIG),
            added_tokens: file("added_tokens.json"),
            special_tokens_map: file("special_tokens_map.json"),
            model_class: self.config.tokenizer_class(),
            are_our_own: !self.config.history.is_empty(),
        };
        if files.json.is_none() && files.vocabulary.is_none() {
            return Err(bad_input(anyhow!(
                "model {}: no tokenizer: expected tokenizer.json or vocab.txt in that folder",
                folder.display()
            )));
        }
        let opened = Tokenizer::from_files(&files, self.config.vocab_size)
            .map_err(bad_input)
            .with_context(|| format!("model {}", folder.display()))?;
        Ok((opened, found))
    }

    fn tokenizer_of_bundle(&self, folder: &Path) -> anyhow::Result<(OpenedTokenizer, NamedFiles)> {
        let context = || format!("bundle {}", folder.display());
        let entry = open_bundle::manifest(folder)?.files.tokenizer;
        let bytes = untrusted::read(&folder.join(&entry.name)).map_err(bad_input).with_context(context)?;
        entry.verify(&bytes).map_err(bad_input).with_context(context)?;
        let tokenizer =
            Tokenizer::from_json(&bytes, self.config.vocab_size).map_err(bad_input).with_context(context)?;
        let opened = OpenedTokenizer { tokenizer, notes: Vec::new(), is_rebuilt: false };
        Ok((opened, vec![(TOKENIZER.into(), bytes)]))
    }

    /// Reads the weights, or draws them with `--random-init`.
    pub fn load(
        &self,
        label_names: Option<Vec<String>>,
        head_seed: Seed,
        device: &Device,
    ) -> anyhow::Result<Checkpoint> {
        self.load_with(label_names, OtherClasses::default(), head_seed, device, WeightsHash::Wanted)
    }

    /// As [`Self::load`], with a choice of what to do with a head for other classes, and of whether the weights are hashed.
    pub fn load_with(
        &self,
        label_names: Option<Vec<String>>,
        other_classes: OtherClasses,
        head_seed: Seed,
        device: &Device,
        hash: WeightsHash,
    ) -> anyhow::Result<Checkpoint> {
        let options = LoadOptions { label_names, head_seed, device: device.clone(), hash };
        self.read(&options, |config, files, options| Checkpoint::load_with(config, files, options, other_classes))
    }

    /// As [`ModelSource::load`], to change or copy the weights: the model's own head may answer what it does. Where it has
    /// none, one for `label_names` is drawn.
    pub fn load_as_it_is(
        &self,
        label_names: Option<Vec<String>>,
        head_seed: Seed,
        hash: WeightsHash,
    ) -> anyhow::Result<Checkpoint> {
        let options = LoadOptions { label_names, head_seed, device: Device::Cpu, hash };
        self.read(&options, Checkpoint::load_as_it_is)
    }

    fn read(
        &self,
        options: &LoadOptions,
        load: impl Fn(&ModelConfig, WeightFiles, &LoadOptions) -> shared::Result<Checkpoint>,
    ) -> anyhow::Result<Checkpoint> {
        let (folder, files) = match (&self.origin, self.weights) {
            (Origin::BuiltIn, _) | (_, Weights::Random) => return Ok(Checkpoint::random(&self.config, options)?),
            (Origin::Folder(folder), Weights::Read) => (folder, weight_files(folder, &self.config)?),
            (Origin::Bundle(folder, condition), Weights::Read) => {
                let bundle = open_bundle::open(folder)?;
                let parameters = open_bundle::parameters(folder, &bundle, *condition, &Device::Cpu)?;
                // From here on it is a checkpoint like any other: its head may have to make room for another task's.
                let bytes = save_weights(&parameters)?;
                (folder, vec![WeightFile::new(WEIGHTS, bytes)].into())
            }
        };
        load(&self.config, files, options).map_err(bad_input).with_context(|| format!("model {}", folder.display()))
    }
}

/// The folder of the checkpoint itself, when `path` is a run's.
fn checkpoint_folder(path: &Path, which: Option<Condition>) -> anyhow::Result<PathBuf> {
    if path.join("config.json").is_file() || !path.join("checkpoint").is_dir() {
        if let Some(which) = which {
            return Err(bad_input(anyhow!(
                "--which {} chooses a model of a run's folder, and {} is not one",
                which.as_str(),
                path.display()
            )));
        }
        return Ok(path.to_owned());
    }
    let candidates = which.map_or_else(|| vec![Condition::Healed, Condition::Healthy], |which| vec![which]);
    candidates
        .iter()
        .map(|which| path.join("checkpoint").join(which.as_str()))
        .find(|folder| folder.join("config.json").is_file())
        .ok_or_else(|| {
            let names: Vec<&str> = candidates.iter().map(|which| which.as_str()).collect();
            bad_input(anyhow!("run {} has no {} model (is it finished?)", path.display(), names.join(" or ")))
        })
}

/// What the run of `<run>/checkpoint/<which>` cut its texts to.
fn max_length_of_run(checkpoint: &Path) -> Option<usize> {
    let checkpoint = checkpoint.canonicalize().ok()?;
    let run = checkpoint.parent().filter(|folder| folder.ends_with("checkpoint"))?.parent()?;
    let spec: serde_json::Value = serde_json::from_slice(&untrusted::read(&run.join("spec.json")).ok()?).ok()?;
    spec.pointer("/training/max_length")?.as_u64()?.try_into().ok()
}

/// The last component of a path, looking through a trailing slash and `.`.
fn display_name(path: &Path) -> String {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    resolved.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
