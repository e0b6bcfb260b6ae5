//! Everything a run needs before its first step: checked cheapest first, so that a mistake costs seconds.

use shared::Condition;
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use candle_core::Device;
use sha2::{Digest, Sha256};
use shared::Parameters;
use shared::checkpoint::{
    Checkpoint, HeadOrigin, LoadOptions, OtherClasses, WeightFile, WeightsHash, save_weights, save_weights_with_history,
};
use shared::corruption::{Plan, ResolvedPlan, ResolvedSelection, Selection};
use shared::dataset::{CarveOut, EncodedExample, Example, Split, carve_out};
use shared::model::ModelConfig;
use shared::nn::{Activations, Kernels};
use shared::random::Seed;
use shared::record::{
    DatasetSpec, ModelSpec, Numerics, Protocol, Provenance, ReportSplit, RunSpec, Seeds, SplitRows, TextLine,
};
use shared::tokenizer::{Input, Tokenizer};
use shared::training::{FineTuning, TrainingArgs, TrainingSeeds};

use super::dump::BatchDump;
use super::text_length::{cuts_in_words, max_length};
use crate::dataset_request::DatasetRequest;
use crate::device::{self, DeviceChoice};
use crate::environment::numerics;
use crate::exit_code::bad_input;
use crate::open_dataset::{OpenedDataset, Purpose};
use crate::open_model::{ModelSource, TokenizerSource, Weights, own_weights};
use crate::run_dir::RunDir;
use crate::say;

/// Where a checkpoint has its weights.
const WEIGHTS_FILE: &str = "model.safetensors";

/// What the user asked for.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// `--model`.
    pub model: &'a str,
    /// `--random-init`.
    pub weights: Weights,
    /// `--keep-head`.
    pub other_classes: OtherClasses,
    /// `--dataset` and which rows of it.
    pub dataset: &'a DatasetRequest,
    /// `--corrupt` with `--protocol`.
    pub corruption: Option<(Protocol, &'a str)>,
    /// The recipe, but for its `max_length`.
    pub training: TrainingArgs,
    /// `--max-length`.
    pub max_length: Option<usize>,
    /// All three.
    pub seeds: Seeds,
    /// `--device`.
    pub device: DeviceChoice,
    /// `--recompute`.
    pub activations: Activations,
    /// Steps between two saved states.
    pub save_steps: usize,
    /// Where batches are dumped.
    pub dump: Option<BatchDump>,
    /// What becomes of the models that it makes.
    pub models: Models,
}

/// What becomes of the models that a run makes, once they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Models {
    /// They are written as checkpoints.
    Keep,
    /// Only their hashes are kept.
    Forget,
}

/// Rows as the model reads them, with the hashes that name them.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Token ids and labels.
    pub examples: Arc<Vec<EncodedExample>>,
    /// [`Example::row_hash`] of each.
    pub row_hashes: Arc<Vec<String>>,
    /// Texts that were longer than the model reads.
    pub n_cut: usize,
}

/// A run that can start.
#[derive(Debug)]
pub struct Prepared {
    /// Everything that decides the outcome.
    pub spec: RunSpec,
    /// Where model and dataset were fetched from.
    pub provenance: Provenance,
    /// Training rows.
    pub train: Encoded,
    /// A part of train for early stopping.
    pub held_out: Option<Encoded>,
    /// The rows that are reported on.
    pub report: Encoded,
    /// Their texts.
    pub report_texts: Arc<Vec<TextLine>>,
    /// Sizes, with the dataset's labels.
    pub config: ModelConfig,
    /// The plan, resolved for this model.
    pub plan: Option<ResolvedPlan>,
    /// What is frozen, resolved for this model.
    pub frozen: Option<ResolvedSelection>,
    /// Where tensors live.
    pub device: Device,
    /// Its name in records.
    pub device_name: String,
    /// What computes, as far as it decides the bits.
    pub numerics: Numerics,
    /// Those of its device, its number format and `--recompute`.
    kernels: Kernels,
    /// Steps between two saved states.
    pub save_steps: usize,
    /// Where batches are dumped.
    pub dump: Option<BatchDump>,
    /// What becomes of the models that it makes.
    pub models: Models,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    source: Rc<ModelSource>,
    tokenizer: Rc<TokenizerSource>,
    label_names: Vec<String>,
    other_classes: OtherClasses,
    /// The parameters that `new` has read, until they are first asked for.
    read: RefCell<Option<Parameters>>,
}

impl Prepared {
    /// Checks the request, reads the data and the weights once, and says on stderr what a user should know.
    pub fn new(request: RunRequest<'_>) -> anyhow::Result<Self> {
        let plan = request
            .corruption
            .map(|(protocol, text)| {
                let plan = Plan::parse(text).map_err(bad_input).context("--corrupt")?;
                anyhow::Ok((protocol, plan))
            })
            .transpose()?;
        let freeze = request
            .training
            .freeze
            .as_deref()
            .map(|text| Selection::parse(text).map_err(bad_input).context("--freeze"))
            .transpose()?;
        let (device, device_name) = device::open(request.device)?;
        let kernels = request.training.dtype.kernels(&device).map_err(bad_input).context("--dtype bf16")?;
        if request.activations == Activations::Recomputed && !device.is_cpu() {
            return Err(bad_input(anyhow!("--recompute: expected a CPU, got {device_name}")));
        }
        let source = ModelSource::open(request.model, None, request.weights)?;
        let anatomy = source.config.anatomy();
        let resolved_for = |config| {
            let resolve = |(_, plan): &(_, Plan)| plan.resolve_for(config).map_err(bad_input).context("--corrupt");
            plan.as_ref().map(resolve).transpose()
        };
        resolved_for(&source.config)?;
        let frozen = freeze
            .as_ref()
            .map(|selection| selection.resolve(anatomy).map_err(bad_input).context("--freeze"))
            .transpose()?;
        let max_length = max_length(request.max_length, None, request.dataset.usual_length(), &source.config)?;

        let (opened, dataset_from) = request.dataset.open(Purpose::Train, request.seeds.into(), None)?;
        let dataset = &opened.dataset;
        let mut notes: Vec<String> = opened.notes.clone();
        let texts: Vec<&str> = dataset.train.iter().flat_map(Example::texts).collect();
        let tokenizer = source.tokenizer(&texts)?;
        notes.extend(tokenizer.note.clone());
        let names = Some(dataset.label_names.clone());
        let checkpoint =
            source.load_with(names, request.other_classes, request.seeds.head, &device, WeightsHash::Wanted)?;
        if request.other_classes == OtherClasses::KeepByNumber && checkpoint.head == HeadOrigin::Created {
            return Err(bad_input(anyhow!(
                "--keep-head: model {} has no head of {} classes, which dataset {} has",
                source.name,
                dataset.label_names.len(),
                dataset.name
            )));
        }
        // Now with the classes of the dataset, which decide the classifier's shape.
        let resolved = resolved_for(&checkpoint.config)?;
        notes.extend(checkpoint.notes.iter().cloned());

        let (train, held_out) = if request.training.early_stopping.is_none() {
            (dataset.train.clone(), None)
        } else {
            let carved = carve_out(dataset.train.clone(), CarveOut::EarlyStopping, request.seeds.split);
            (carved.kept, Some(carved.held_out))
        };
        let encode = |rows: &[Example]| encode(&tokenizer.tokenizer, rows, max_length);
        let (train, held_out) = (encode(&train)?, held_out.as_deref().map(encode).transpose()?);
        let report = encode(opened.report_rows())?;
        notes.extend(train.cuts_in_words("training", max_length));
        notes.extend(report.cuts_in_words(opened.report_split.name(), max_length));
        let report_texts = Arc::new(opened.report_rows().iter().map(TextLine::from).collect());

        let dtype = request.training.dtype;
        let freeze = freeze.map(|selection| selection.to_string());
        let training = TrainingArgs { freeze, max_length, ..request.training };
        let spec = RunSpec::new(
            ModelSpec {
                name: source.name.clone(),
                architecture: source.config.architecture,
                config_sha256: source.config_sha256.clone(),
                tokenizer_sha256: tokenizer.sha256.clone(),
                weights_sha256: checkpoint.weights_hash.filter(|_| !source.is_random()),
                random: source.is_random(),
                head: checkpoint.head_change,
            },
            dataset_spec(&opened),
            plan.map(|(protocol, plan)| (protocol, plan.to_string())),
            training,
            request.seeds,
            report_split(opened.report_split),
        );
        for note in &notes {
            say!("note: {note}");
        }
        Ok(Self {
            spec,
            provenance: Provenance { model: source.fetched_from.clone(), dataset: dataset_from },
            train,
            held_out,
            report,
            report_texts,
            config: checkpoint.config,
            plan: resolved,
            frozen,
            numerics: numerics(&device, &kernels, dtype),
            kernels: Kernels { activations: request.activations, ..kernels },
            device,
            device_name,
            save_steps: request.save_steps,
            dump: request.dump,
            models: request.models,
            notes,
            label_names: opened.dataset.label_names,
            other_classes: request.other_classes,
            source: Rc::new(source),
            tokenizer: Rc::new(tokenizer),
            read: RefCell::new(Some(checkpoint.parameters)),
        })
    }

    /// The same run with another damage, or without any; rows, tokens and recipe are shared with this one.
    ///
    /// # Errors
    /// Bad input when the plan is none, or does not fit the model.
    pub fn with_damage(
        &self,
        corruption: Option<(Protocol, &str)>,
        seed: Seed,
        models: Models,
    ) -> anyhow::Result<Self> {
        let plan = corruption
            .map(|(protocol, text)| {
                let plan = Plan::parse(text).map_err(bad_input).context("--corrupt")?;
                let resolved = plan.resolve_for(&self.config).map_err(bad_input).context("--corrupt")?;
                anyhow::Ok((protocol, plan.to_string(), resolved))
            })
            .transpose()?;
        let spec = RunSpec::new(
            self.spec.model.clone(),
            self.spec.dataset.clone(),
            plan.as_ref().map(|(protocol, plan, _)| (*protocol, plan.clone())),
            self.spec.training.clone(),
            Seeds { corruption: seed, ..self.spec.seeds },
            self.spec.report_split,
        );
        Ok(Self {
            spec,
            provenance: self.provenance.clone(),
            train: self.train.clone(),
            held_out: self.held_out.clone(),
            report: self.report.clone(),
            report_texts: self.report_texts.clone(),
            config: self.config.clone(),
            plan: plan.map(|(_, _, resolved)| resolved),
            frozen: self.frozen.clone(),
            device: self.device.clone(),
            device_name: self.device_name.clone(),
            numerics: self.numerics.clone(),
            kernels: self.kernels,
            save_steps: self.save_steps,
            dump: None,
            models,
            notes: self.notes.clone(),
            source: self.source.clone(),
            tokenizer: self.tokenizer.clone(),
            label_names: self.label_names.clone(),
            other_classes: self.other_classes,
            read: RefCell::new(None),
        })
    }

    /// The parameters that the run starts from, fresh, on the run's device. The first call gives those that [`Self::new`]
    /// has read; later ones read or draw them again.
    pub fn load(&self) -> anyhow::Result<Parameters> {
        if let Some(parameters) = self.read.take() {
            return Ok(parameters);
        }
        let names = Some(self.label_names.clone());
        let (seed, hash) = (self.spec.seeds.head, WeightsHash::Unused);
        Ok(self.source.load_with(names, self.other_classes, seed, &self.device, hash)?.parameters)
    }

    /// Frees what [`Self::new`] has read, when the run has no more use for it.
    pub(super) fn forget_read(&self) {
        self.read.take();
    }

    /// A fine-tuning of `parameters` by the run's recipe that has not begun; what the run freezes is frozen.
    pub fn fine_tuning(&self, mut parameters: Parameters) -> anyhow::Result<FineTuning> {
        if let Some(frozen) = &self.frozen {
            parameters.freeze(|path| frozen.contains(path))?;
        }
        let seeds = TrainingSeeds { head: self.spec.seeds.head, data: self.spec.seeds.data };
        Ok(FineTuning::new(
            &self.config,
            parameters,
            self.train.examples.clone(),
            &self.spec.training,
            seeds,
            self.kernels(),
            &self.device,
        )?)
    }

    /// The kernels for the run's device and number format.
    #[must_use]
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The id of the padding token.
    #[must_use]
    pub fn pad_token_id(&self) -> u32 {
        self.config.pad_token_id
    }

    /// The parameters of a checkpoint that this run wrote.
    pub fn load_checkpoint(&self, which: Condition, folder: &Path) -> anyhow::Result<Parameters> {
        let path = folder.join(WEIGHTS_FILE);
        self.parameters_of(which, own_weights(&path).with_context(|| path.display().to_string())?)
    }

    /// Parameters of one of the run's models from the bytes of [`Self::weights_of`].
    pub fn parameters_from(&self, which: Condition, bytes: Vec<u8>) -> anyhow::Result<Parameters> {
        self.parameters_of(which, WeightFile::new(WEIGHTS_FILE, bytes))
    }

    /// Parameters as a weight file, in which layers are counted anew where some were deleted.
    pub fn weights_of(&self, parameters: &Parameters) -> anyhow::Result<Vec<u8>> {
        Ok(save_weights(&saved_as(&self.config, parameters)?.1)?)
    }

    /// The encoder layers of one of the run's models, by the numbers they have in the model it starts from.
    fn layer_indices(&self, which: Condition) -> Vec<usize> {
        let is_damaged = matches!(which, Condition::Corrupted | Condition::Healed);
        let removed = self.plan.as_ref().filter(|_| is_damaged).map_or(Vec::new(), ResolvedPlan::removed_layers);
        (0..self.config.n_layers).filter(|layer_idx| !removed.contains(layer_idx)).collect()
    }

    fn parameters_of(&self, which: Condition, file: WeightFile) -> anyhow::Result<Parameters> {
        let options = LoadOptions {
            label_names: Some(self.label_names.clone()),
            head_seed: self.spec.seeds.head,
            device: self.device.clone(),
            hash: WeightsHash::Unused,
        };
        let layer_indices = self.layer_indices(which);
        let config = self.config.with_n_layers(layer_indices.len());
        Ok(Checkpoint::load(&config, vec![file], &options)?.parameters.with_layers_called(&layer_indices)?)
    }

    /// The config of one of the run's models, which tells what was done to its weights.
    #[must_use]
    pub fn config_of(&self, which: Condition) -> ModelConfig {
        self.config.with_history(self.config.history.after_run(&self.spec, which))
    }

    /// Writes one of the run's models in Hugging Face's layout, and returns the SHA-256 (hex) of its weights' file.
    pub fn write_checkpoint(
        &self,
        run_dir: &RunDir,
        which: Condition,
        parameters: &Parameters,
    ) -> anyhow::Result<String> {
        let files = checkpoint_files(&self.config_of(which), parameters, &self.tokenizer.files)?;
        run_dir.write_checkpoint(which, &files)?;
        let weights = files.iter().find(|(name, _)| name == WEIGHTS_FILE);
        let (_, bytes) = weights.ok_or_else(|| anyhow!("a checkpoint was written without {WEIGHTS_FILE}"))?;
        Ok(hex::encode(Sha256::digest(bytes)))
    }

    /// The files of the model that the run starts from, as parameters, in Hugging Face's layout.
    pub fn checkpoint_files(&self, parameters: &Parameters) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        checkpoint_files(&self.config, parameters, &self.tokenizer.files)
    }

    /// SHA-256 (hex) of a model's weights as they would be written.
    pub fn weights_hash(&self, which: Condition, parameters: &Parameters) -> anyhow::Result<String> {
        let (config, parameters) = saved_as(&self.config_of(which), parameters)?;
        let bytes = save_weights_with_history(&parameters, &config.history)?;
        Ok(hex::encode(Sha256::digest(bytes)))
    }

    /// SHA-256 (hex) of a written model's weights.
    pub fn checkpoint_hash(&self, run_dir: &RunDir, which: Condition) -> anyhow::Result<String> {
        let path = run_dir.checkpoint_path(which).join(WEIGHTS_FILE);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(hex::encode(Sha256::digest(bytes)))
    }
}

/// The files of a checkpoint in Hugging Face's layout: config, weights and tokenizer. Config and weights tell what was
/// done to the weights.
pub fn checkpoint_files(
    config: &ModelConfig,
    parameters: &Parameters,
    tokenizer_files: &[(String, Vec<u8>)],
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let (config, parameters) = saved_as(config, parameters)?;
    let weights = save_weights_with_history(&parameters, &config.history)?;
    let mut files = vec![("config.json".to_owned(), config.to_json()), (WEIGHTS_FILE.to_owned(), weights)];
    files.extend(tokenizer_files.iter().cloned());
    Ok(files)
}

/// A model as its files have it: with its layers counted from 0 where some were deleted.
fn saved_as(config: &ModelConfig, parameters: &Parameters) -> anyhow::Result<(ModelConfig, Parameters)> {
    let n_layers = parameters.layer_indices().len();
    let in_order: Vec<usize> = (0..n_layers).collect();
    Ok((config.with_n_layers(n_layers), parameters.with_layers_called(&in_order)?))
}

/// Token ids of rows, cut to `max_length`.
pub fn encode(tokenizer: &Tokenizer, rows: &[Example], max_length: usize) -> anyhow::Result<Encoded> {
    let inputs: Vec<Input<'_>> = rows.iter().map(Example::input).collect();
    let encoded = tokenizer.encode_inputs(&inputs, max_length)?;
    let n_cut = encoded.iter().filter(|encoded| encoded.is_cut).count();
    let examples =
        encoded.into_iter().zip(rows).map(|(encoded, row)| EncodedExample::new(encoded, row.label)).collect();
    let row_hashes = Arc::new(rows.iter().map(Example::row_hash).collect());
    Ok(Encoded { examples: Arc::new(examples), row_hashes, n_cut })
}

impl Encoded {
    /// How many of the texts of `split` were cut, in words; none where none was.
    #[must_use]
    pub fn cuts_in_words(&self, split: &str, max_length: usize) -> Option<String> {
        cuts_in_words(self.n_cut, self.examples.len(), split, max_length)
    }
}

fn dataset_spec(opened: &OpenedDataset) -> DatasetSpec {
    let dataset = &opened.dataset;
    DatasetSpec {
        name: dataset.name.clone(),
        content_sha256: dataset.content_hash(),
        n_labels: dataset.label_names.len(),
        label_names: dataset.label_names.clone(),
        rows: SplitRows { train: dataset.train.len(), validation: dataset.validation.len(), test: dataset.test.len() },
        n_bad_rows_skipped: opened.n_skipped,
    }
}

fn report_split(split: Split) -> ReportSplit {
    match split {
        Split::Test => ReportSplit::Test,
        Split::Validation => ReportSplit::Validation,
        Split::Train => unreachable!("a dataset is opened with a split to report on that is not train"),
    }
}
