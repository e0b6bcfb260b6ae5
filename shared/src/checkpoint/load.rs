//! Reading weights.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::names::{NameMatch, Names};
use crate::dataset::{ClassMatch, default_label_names, match_classes, names_in_words};
use crate::error::{CheckpointError, Result};
use crate::model::{HISTORY_KEY, History, Kind, ModelConfig, Module, ParameterPath, Parameters};
use crate::random::Seed;

/// One file of weights.
#[derive(Clone, Debug)]
pub struct WeightFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content, safetensors.
    pub bytes: Vec<u8>,
}

/// What the caller needs from a checkpoint.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Classes of the task; `None` takes the checkpoint's own head, which must then exist.
    pub label_names: Option<Vec<String>>,
    /// Seed of a head or pooler that has to be created.
    pub head_seed: Seed,
    /// Where the tensors go.
    pub device: Device,
}

/// Where a classifier's head came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadOrigin {
    /// It was in the checkpoint.
    Loaded,
    /// It was drawn from the head seed.
    Created,
}

/// What to do with a head of as many classes as the task has, which are called otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherClasses {
    /// Put a new one in its place: it was trained to tell other things apart.
    #[default]
    DrawAnew,
    /// Keep it, the first class for the first, and so on.
    KeepByNumber,
}

/// What became of a checkpoint's head of as many classes as the task has, in another order or called otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadChange {
    /// Its rows were put into the order of the task's names, which are the same.
    ReorderedByName,
    /// It was drawn anew, since the task's classes are others.
    DrawnAnew,
    /// It was kept for other classes, since that was asked for.
    KeptByNumber,
}

/// A model as it was read.
#[derive(Debug)]
pub struct Checkpoint {
    /// Sizes and labels.
    pub config: ModelConfig,
    /// All parameters, trained, f32.
    pub parameters: Parameters,
    /// Whether the classifier is new.
    pub head: HeadOrigin,
    /// What became of a head that does not fit the task's class names as it is.
    pub head_change: Option<HeadChange>,
    /// What a user should know: what was created, what was ignored.
    pub notes: Vec<String>,
    /// SHA-256 over the names, shapes and f32 values of what was read, in forward order: independent of the number
    /// format's container, of shards and of spelling.
    pub weights_hash: String,
}

impl Checkpoint {
    /// Reads weights for a config.
    ///
    /// # Errors
    /// When a file is damaged, a tensor is unexpected, misshapen or there twice, or an encoder parameter is missing.
    pub fn load(config: &ModelConfig, files: Vec<WeightFile>, options: &LoadOptions) -> Result<Self> {
        Self::load_with(config, files, options, OtherClasses::DrawAnew)
    }

    /// As [`Self::load`], with a choice of what to do with a head for other classes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(
        config: &ModelConfig,
        files: Vec<WeightFile>,
        options: &LoadOptions,
        other_classes: OtherClasses,
    ) -> Result<Self> {
        let names = Names::new(config.architecture, config.n_layers);
        let mut found: BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
        let mut ignored: BTreeMap<&str, usize> = BTreeMap::new();
        let mut config = config.clone();
        for file in files {
            if config.history.is_empty() {
                config.history = history_of(&file)?;
            }
            // Each file is dropped before the next is parsed, so that a sharded model needs one shard's bytes at a time.
            read_file(&config, &names, &file, &mut found, &mut ignored)?;
        }
        let mut notes: Vec<String> = ignored
            .into_iter()
            .map(|(what, n)| format!("{n} tensor{} ignored: {what}", if n == 1 { " was" } else { "s were" }))
            .collect();
        notes.extend(config.history.warning());
        let weights_hash = hash(&config, &found);

        let Head { config, origin: head, change: head_change } =
            choose_head(&config, &mut found, options, other_classes, &mut notes)?;
        let expected = config.parameters();
        let is_creatable = |path: &ParameterPath| matches!(path.module, Module::Pooler | Module::Classifier);
        let missing: Vec<&ParameterPath> =
            expected.iter().filter(|path| !found.contains_key(path) && !is_creatable(path)).collect();
        if let Some(first) = missing.first() {
            return Err(CheckpointError::Missing {
                n: missing.len(),
                n_expected: expected.iter().filter(|path| !is_creatable(path)).count(),
                first: first.name(config.architecture),
            }
            .into());
        }
        if !found.contains_key(&ParameterPath::weight(Module::Pooler)) {
            notes.push(format!(
                "the checkpoint has no {}: created from head seed {}",
                ParameterPath::weight(Module::Pooler).name(config.architecture).trim_end_matches(".weight"),
                options.head_seed.0
            ));
        }
        let tensors = expected
            .into_iter()
            .map(|path| {
                let shape = config.shape_of(path);
                let values = match found.remove(&path) {
                    Some((_, values)) => values,
                    None => initial_values(&config, path, options.head_seed, "head"),
                };
                Ok((path, Tensor::from_vec(values, shape, &options.device)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let parameters = Parameters::new(config.architecture, tensors)?;
        Ok(Self { config, parameters, head, head_change, notes, weights_hash })
    }

    /// A model with all weights drawn anew: N(0, `initializer_range`²), biases 0, LayerNorm gains 1 and the padding
    /// token's embedding 0, as Hugging Face initialises.
    ///
    /// # Errors
    /// When the device has no room for the tensors.
    pub fn random(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let label_names = options.label_names.clone().unwrap_or_else(|| config.label_names.clone());
        let config = config.with_labels(label_names);
        let tensors = config
            .parameters()
            .into_iter()
            .map(|path| {
                let mut values = initial_values(&config, path, options.head_seed, "random-init");
                if path.module == Module::WordEmbeddings {
                    let start = config.pad_token_id as usize * config.hidden_size;
                    if let Some(row) = values.get_mut(start..start + config.hidden_size) {
                        row.fill(0.0);
                    }
                }
                Ok((path, Tensor::from_vec(values, config.shape_of(path), &options.device)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let parameters = Parameters::new(config.architecture, tensors)?;
        let notes = vec![format!("all weights are random, from head seed {}", options.head_seed.0)];
        let weights_hash = format!("random:{}", options.head_seed.0);
        Ok(Self { config, parameters, head: HeadOrigin::Created, head_change: None, notes, weights_hash })
    }
}

/// What a weight file tells of itself. A file that is damaged is refused where its tensors are read.
fn history_of(file: &WeightFile) -> Result<History, CheckpointError> {
    let Ok((_, header)) = SafeTensors::read_metadata(&file.bytes) else { return Ok(History::default()) };
    let Some(text) = header.metadata().as_ref().and_then(|metadata| metadata.get(HISTORY_KEY)) else {
        return Ok(History::default());
    };
    serde_json::from_str(text).and_then(|value| History::from_json(&value)).map_err(|e| CheckpointError::Safetensors {
        file: file.name.clone(),
        reason: format!("{HISTORY_KEY} in its metadata: {e}"),
    })
}

fn read_file(
    config: &ModelConfig,
    names: &Names,
    file: &WeightFile,
    found: &mut BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)>,
    ignored: &mut BTreeMap<&'static str, usize>,
) -> Result<(), CheckpointError> {
    let unreadable = |reason: String| CheckpointError::Safetensors { file: file.name.clone(), reason };
    if file.bytes.is_empty() {
        return Err(unreadable("the file is empty".into()));
    }
    let tensors = SafeTensors::deserialize(&file.bytes).map_err(|e| unreadable(e.to_string()))?;
    let mut all: Vec<(&str, TensorView<'_>)> = tensors.iter().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    for (name, view) in all {
        let path = match names.matches(name) {
            NameMatch::Parameter(path) => path,
            NameMatch::Ignored(what) => {
                *ignored.entry(what).or_default() += 1;
                continue;
            }
            NameMatch::Unknown => {
                return Err(CheckpointError::Unexpected {
                    file: file.name.clone(),
                    tensor: name.to_owned(),
                    shape: view.shape().to_vec(),
                    architecture: format!(
                        "a {} of {} layers",
                        config.architecture.family().model_type,
                        config.n_layers
                    ),
                });
            }
        };
        let mut expected = config.shape_of(path);
        if path.module == Module::Classifier {
            // A head for other classes is well-formed; whether it fits is decided when all files are read.
            let n_labels = view.shape().first().copied().unwrap_or_default();
            expected[0] = n_labels;
        }
        if view.shape() != expected {
            return Err(CheckpointError::Shape {
                file: file.name.clone(),
                tensor: name.to_owned(),
                expected,
                got: view.shape().to_vec(),
            });
        }
        let values = to_f32(&view).ok_or_else(|| CheckpointError::NumberFormat {
            file: file.name.clone(),
            tensor: name.to_owned(),
            got: format!("{:?}", view.dtype()),
        })?;
        if found.insert(path, (view.shape().to_vec(), values)).is_some() {
            return Err(CheckpointError::Duplicate { file: file.name.clone(), tensor: name.to_owned() });
        }
    }
    Ok(())
}

fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
        bytes
            .par_chunks_exact(N)
            .with_min_len(1 << 14)
            .map(|chunk| value(chunk.try_into().expect("chunks have exactly N bytes")))
            .collect()
    }
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Some(convert(bytes, f32::from_le_bytes)),
        Dtype::F16 => Some(convert(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Some(convert(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F64 => Some(convert(bytes, |b| f64::from_le_bytes(b) as f32)),
        _ => None,
    }
}

/// A head for the task.
struct Head {
    config: ModelConfig,
    origin: HeadOrigin,
    change: Option<HeadChange>,
}

/// Takes the checkpoint's head when it is for the task's classes, and makes room for a new one otherwise. The classes are
/// those of the task in any case, so that what is saved names what was trained on.
fn choose_head(
    config: &ModelConfig,
    found: &mut BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)>,
    options: &LoadOptions,
    other_classes: OtherClasses,
    notes: &mut Vec<String>,
) -> Result<Head, CheckpointError> {
    let (weight, bias) = (ParameterPath::weight(Module::Classifier), ParameterPath::bias(Module::Classifier));
    let n_loaded = found.get(&weight).map(|(shape, _)| shape[0]);
    let bias_fits = found.get(&bias).map(|(shape, _)| shape[0]) == n_loaded;
    let own_names = |n: usize| {
        if config.label_names.len() == n { config.label_names.clone() } else { default_label_names(n) }
    };
    let Some(names) = &options.label_names else {
        return match n_loaded {
            Some(n) if bias_fits => {
                Ok(Head { config: config.with_labels(own_names(n)), origin: HeadOrigin::Loaded, change: None })
            }
            _ => Err(CheckpointError::Missing {
                n: 2,
                n_expected: 2,
                first: format!("{} (it is not a fine-tuned classifier)", weight.name(config.architecture)),
            }),
        };
    };
    let created = format!("created from head seed {}", options.head_seed.0);
    let kept = |change| Head { config: config.with_labels(names.clone()), origin: HeadOrigin::Loaded, change };
    let mut drawn = |change, note: String, notes: &mut Vec<String>| {
        found.remove(&weight);
        found.remove(&bias);
        notes.push(note);
        Head { config: config.with_labels(names.clone()), origin: HeadOrigin::Created, change }
    };
    let Some(n) = n_loaded.filter(|n| bias_fits && *n == names.len()) else {
        let note = match n_loaded {
            Some(n) => {
                format!("the checkpoint's head has {n} classes, the dataset {}: a new head was {created}", names.len())
            }
            None => format!("the checkpoint has no classifier: {created}"),
        };
        return Ok(drawn(None, note, notes));
    };
    let own = own_names(n);
    let both =
        format!("the checkpoint calls its classes {}, the dataset {}", names_in_words(&own), names_in_words(names));
    Ok(match (match_classes(&own, names), other_classes) {
        (ClassMatch::Same, _) => kept(None),
        (ClassMatch::Named { places }, _) if places.iter().is_sorted() => kept(None),
        (ClassMatch::Named { places }, _) => {
            for path in [weight, bias] {
                if let Some((_, values)) = found.get_mut(&path) {
                    *values = in_places(values, &places);
                }
            }
            notes.push(format!("{both}: its head was put into the dataset's order, by name"));
            kept(Some(HeadChange::ReorderedByName))
        }
        (ClassMatch::Numbered, _) => {
            notes.push(format!("{both}: its head is kept, matched by number, since one of them has no names"));
            kept(None)
        }
        (ClassMatch::Different, OtherClasses::KeepByNumber) => {
            notes.push(format!("{both}: its head is kept all the same, matched by number"));
            kept(Some(HeadChange::KeptByNumber))
        }
        (ClassMatch::Different, OtherClasses::DrawAnew) => {
            let note = format!("{both}: these are other classes, so a new head was {created} (--keep-head keeps it)");
            drawn(Some(HeadChange::DrawnAnew), note, notes)
        }
    })
}

/// Rows in another order: the first goes to the first of the places, and so on.
fn in_places(values: &[f32], places: &[usize]) -> Vec<f32> {
    let n_columns = values.len() / places.len();
    let mut moved = vec![0.0; values.len()];
    for (row, place) in values.chunks_exact(n_columns).zip(places) {
        moved[place * n_columns..(place + 1) * n_columns].copy_from_slice(row);
    }
    moved
}

/// Hugging Face's `_init_weights`: N(0, `initializer_range`²) for matrices and tables, 1 for gains, 0 for biases.
fn initial_values(config: &ModelConfig, path: ParameterPath, seed: Seed, purpose: &str) -> Vec<f32> {
    let n: usize = config.shape_of(path).iter().product();
    if path.kind == Kind::Bias {
        return vec![0.0; n];
    }
    if path.module.is_layer_norm() {
        return vec![1.0; n];
    }
    let stream = seed.stream(purpose, &path.name(config.architecture));
    (0..n)
        .into_par_iter()
        .with_min_len(1 << 12)
        .map(|i| (stream.normal_at(i as u64) * config.initializer_range) as f32)
        .collect()
}

fn hash(config: &ModelConfig, found: &BTreeMap<ParameterPath, (Vec<usize>, Vec<f32>)>) -> String {
    let mut hasher = Sha256::new();
    for (path, (shape, values)) in found {
        hasher.update(path.name(config.architecture).as_bytes());
        for dim in shape {
            hasher.update((*dim as u64).to_le_bytes());
        }
        for chunk in values.chunks(1 << 14) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|x| x.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    }
    hex::encode(hasher.finalize())
}
