//! Reading weights.

use crate::parallel::prelude::*;

use super::adapter::Adapter;
use super::head::{Head, HeadChange, HeadOrigin, LoadOptions, OtherClasses, Use, WeightsHash, choose_head, task_of};
use super::names::Names;
use super::tensors::{Found, Reading, hash};
use super::weight_file::WeightFile;
use crate::error::{CheckpointError, Result};
use crate::model::{Kind, ModelConfig, Module, ParameterPath, Parameters};
use crate::random::Seed;

/// What the weights of a checkpoint are read from.
#[derive(Debug)]
pub struct WeightFiles {
    /// One file or shards.
    pub files: Vec<WeightFile>,
    /// What is added to them, where it lies beside them.
    pub adapter: Option<Adapter>,
}

impl From<Vec<WeightFile>> for WeightFiles {
    fn from(files: Vec<WeightFile>) -> Self {
        Self { files, adapter: None }
    }
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
    /// The parameters that were drawn, since the files have none of them; in forward order.
    pub created: Vec<ParameterPath>,
    /// What became of a head that does not fit the task's class names as it is.
    pub head_change: Option<HeadChange>,
    /// What a user should know: what was created, what was ignored.
    pub notes: Vec<String>,
    /// SHA-256 over the names, shapes and f32 values of what was read, in forward order: independent of the number
    /// format's container, of shards and of spelling. `None` where the options do not ask for it.
    pub weights_hash: Option<String>,
}

impl Checkpoint {
    /// Reads weights for a config. A head that does not tell classes of texts apart makes room for a new one where the
    /// options name classes.
    ///
    /// # Errors
    /// When a file is damaged, a tensor is unexpected, misshapen or there twice, an encoder parameter is missing, or the
    /// checkpoint's own head is asked for and answers something else than the class of a text.
    pub fn load(config: &ModelConfig, files: impl Into<WeightFiles>, options: &LoadOptions) -> Result<Self> {
        Self::load_with(config, files, options, OtherClasses::default())
    }

    /// As [`Checkpoint::load`], with a choice of what to do with a head for other classes.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_with(
        config: &ModelConfig,
        files: impl Into<WeightFiles>,
        options: &LoadOptions,
        other_classes: OtherClasses,
    ) -> Result<Self> {
        Self::load_for(config, files.into(), options, Use::Classify(other_classes))
    }

    /// As [`Checkpoint::load`], for whoever changes or copies weights: the checkpoint's own head may answer whatever it does
    /// as long as it has the layers of a classifier, and the config keeps what it says of it. The classes of the options are
    /// those of a head that is created where there is none.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_as_it_is(config: &ModelConfig, files: impl Into<WeightFiles>, options: &LoadOptions) -> Result<Self> {
        Self::load_for(config, files.into(), options, Use::Handle)
    }

    fn load_for(config: &ModelConfig, files: WeightFiles, options: &LoadOptions, usage: Use) -> Result<Self> {
        let names = Names::new(config.architecture, config.n_layers);
        let mut reading = Reading::default();
        let mut config = config.clone();
        for file in files.files {
            let header = file.header()?;
            if config.history.is_empty() {
                config.history = header.history()?;
            }
            // Each file is dropped before the next is parsed, so that of files in memory no two are kept.
            reading.read(&config, &names, &header)?;
        }
        let mut notes = std::mem::take(&mut config.notes);
        notes.extend(reading.notes());
        let has_span_head = reading.has_span_head();
        let mut found = reading.found;
        let mut task_of_adapter = None;
        if let Some(adapter) = files.adapter {
            task_of_adapter = adapter.apply(&config, &names, &mut found, &mut notes)?;
        }
        notes.extend(config.history.warning());
        let weights_hash = (options.hash == WeightsHash::Wanted).then(|| hash(&config, &found));

        let task = task_of(&config, &found, task_of_adapter, has_span_head);
        let Head { config, origin: head, change: head_change } =
            choose_head(&config, task, usage, &mut found, options, &mut notes)?;
        let expected = config.parameters();
        require_encoder(&config, &expected, &found)?;
        let created = expected.iter().copied().filter(|path| !found.contains_key(path)).collect();
        if !found.contains_key(&ParameterPath::weight(Module::Pooler)) {
            notes.push(format!(
                "the checkpoint has no {}: created from head seed {}",
                ParameterPath::weight(Module::Pooler).name(config.architecture).trim_end_matches(".weight"),
                options.head_seed.0
            ));
        }
        let values = expected.into_iter().map(|path| {
            let values = match found.remove(&path) {
                Some((_, values)) => values,
                None => initial_values(&config, path, options.head_seed, "head"),
            };
            (path, config.shape_of(path), values)
        });
        let parameters = Parameters::from_values(config.architecture, values, &options.device)?;
        Ok(Self { config, parameters, head, created, head_change, notes, weights_hash })
    }

    /// A model with all weights drawn anew: N(0, `initializer_range`²), biases 0, LayerNorm gains 1 and the padding
    /// token's embedding 0, as Hugging Face initialises.
    ///
    /// # Errors
    /// When the device has no room for the tensors.
    pub fn random(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let label_names = options.label_names.clone().unwrap_or_else(|| config.label_names.clone());
        let config = config.with_new_head(label_names);
        let values = config.parameters().into_iter().map(|path| {
            let mut values = initial_values(&config, path, options.head_seed, "random-init");
            if path.module == Module::WordEmbeddings {
                let start = config.pad_token_id as usize * config.hidden_size;
                if let Some(row) = values.get_mut(start..start + config.hidden_size) {
                    row.fill(0.0);
                }
            }
            (path, config.shape_of(path), values)
        });
        let parameters = Parameters::from_values(config.architecture, values, &options.device)?;
        let mut notes = config.notes.clone();
        notes.push(format!("all weights are random, from head seed {}", options.head_seed.0));
        let weights_hash = Some(format!("random:{}", options.head_seed.0));
        let (head, created) = (HeadOrigin::Created, config.parameters());
        Ok(Self { config, parameters, head, created, head_change: None, notes, weights_hash })
    }
}

/// # Errors
/// When a parameter is missing that cannot be created: of the pooler and the classifier both or neither may be there.
fn require_encoder(config: &ModelConfig, expected: &[ParameterPath], found: &Found) -> Result<(), CheckpointError> {
    let has_half_of = |module| {
        let [weight, bias] = [ParameterPath::weight(module), ParameterPath::bias(module)];
        found.contains_key(&weight) != found.contains_key(&bias)
    };
    let is_creatable =
        |path: &ParameterPath| matches!(path.module, Module::Pooler | Module::Classifier) && !has_half_of(path.module);
    let missing: Vec<&ParameterPath> =
        expected.iter().filter(|path| !found.contains_key(path) && !is_creatable(path)).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    Err(CheckpointError::Missing {
        n: missing.len(),
        n_expected: expected.iter().filter(|path| !is_creatable(path)).count(),
        first: first.name(config.architecture),
    })
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
