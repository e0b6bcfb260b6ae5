//! `bert-heal export --for web`: a run becomes a bundle.
//!
//! The bundle is made first and measured afterwards as whoever opens it will see it: its figures are those of the decoded
//! weights, beside those of the f32 models of the run.

mod measure;
mod summary;

use shared::Condition;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use clap::Args;
use shared::Parameters;
use shared::bundle::{
    BUNDLE_VERSION, BaseModel, Bundle, BundleIndex, EncodedTensors, FileEntry, Files, HEALED, HealedEntry, INDEX,
    IndexEntry, MANIFEST, Manifest, NOTICE, RowHashes, TOKENIZER, Task, WEIGHTS, encode_delta, encode_parameters,
};
use shared::corruption::Plan;
use shared::dataset::Example;
use shared::model::ParameterPath;
use shared::random::Seed;
use shared::record::Protocol;

use self::measure::Models;
pub(crate) use self::measure::outcomes;
use super::run_models::{RunModels, healing_budget};
use crate::atomic;
use crate::commands::flag_values::{self, Bits};
use crate::commands::input_flags::{ColumnFlags, RowFlags, dataset_request};
use crate::dataset_request::DatasetRequest;
use crate::environment::VERSION_AND_COMMIT;
use crate::exit_code::{ExitCode, bad_input};
use crate::hub;
use crate::hub::catalogue::catalogue;
use crate::open_bundle;
use crate::open_model::{ModelSource, Weights};
use crate::output::print;
use crate::report::words::control_budget;

/// What only a bundle for the page has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For the page")]
pub struct WebFlags {
    /// Bits per weight (2 to 8, 16 or 32): one number, or embeddings=N,attention=N,ffn=N,other=N
    #[arg(long, value_name = "BITS", default_value = "embeddings=4,attention=6,ffn=5,other=8")]
    pub bits: Bits,

    /// Bits per weight for what healing changed, in the same form
    #[arg(long, value_name = "BITS", default_value = "4")]
    pub healed_bits: Bits,

    /// Number of weights that share one 16-bit scale; a multiple of 8
    #[arg(long, value_name = "N", default_value = "64", value_parser = flag_values::count)]
    pub block: usize,

    /// A run that healed the bundle given by --model
    #[arg(long, value_name = "RUN")]
    pub healed: Option<PathBuf>,

    /// The dataset of the run, to record the hashes of the rows it was trained on
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,

    /// The configuration of that dataset that the run used
    #[arg(long, value_name = "CONFIG", requires = "dataset")]
    pub config: Option<String>,

    #[command(flatten)]
    pub columns: ColumnFlags,

    #[command(flatten)]
    pub rows: RowFlags,

    /// File of sentences, one per line, whose results the page shows before the weights arrive
    #[arg(long, value_name = "FILE", help_heading = "For the page")]
    pub sentences: Option<PathBuf>,

    /// Title of the bundle [default: the run's model and dataset]
    #[arg(long, value_name = "TEXT", help_heading = "For the page")]
    pub title: Option<String>,

    /// What the weights are derived from [default: the run's model, as named in the catalogue]
    #[arg(long, value_name = "NAME", help_heading = "For the page")]
    pub base_model: Option<String>,

    /// Its licence, an SPDX identifier [default: the catalogue's, else unknown]
    #[arg(long, value_name = "LICENCE", help_heading = "For the page")]
    pub licence: Option<String>,

    /// A file that the licence requires to accompany the weights, such as the licence text
    #[arg(long, value_name = "FILE", help_heading = "For the page")]
    pub notice: Option<PathBuf>,

    /// Also list the bundle in index.json beside its folder
    #[arg(long, help_heading = "For the page")]
    pub index: bool,
}

impl WebFlags {
    fn dataset(&self) -> Option<DatasetRequest> {
        let name = self.dataset.as_ref()?;
        Some(dataset_request(name, self.config.as_deref(), &self.columns, self.rows))
    }
}

/// What becomes a bundle, and where.
pub(super) struct WebExport<'a> {
    /// A run's folder or a bundle.
    pub(super) model: &'a Path,
    pub(super) which: Option<Condition>,
    pub(super) out: &'a Path,
    pub(super) flags: &'a WebFlags,
}

/// The files of a bundle that is being made, and what it is measured against.
struct Draft {
    manifest: Manifest,
    weights: Vec<u8>,
    healed: Vec<u8>,
    tokenizer: Vec<u8>,
    notice: String,
}

/// Runs the command.
pub(super) fn run(args: &WebExport<'_>) -> anyhow::Result<ExitCode> {
    atomic::require_empty(args.out).context("--out")?;
    if let Some(which @ (Condition::Corrupted | Condition::Control)) = args.which {
        return Err(bad_input(anyhow!(
            "--which {which}: a bundle stores only the healthy model and what healing changed; the corrupted model is \
             recomputed from plan and seed, and of the control only the figures are kept; expected healthy or healed"
        )));
    }
    let (mut draft, run) = if open_bundle::is_bundle(args.model) { healed_bundle(args)? } else { of_run(args)? };
    let bundle = Bundle::open(draft.manifest.clone(), draft.weights.clone(), &draft.tokenizer)?;
    let models = Models::of(&bundle, draft.manifest.healed.is_some().then_some(draft.healed.as_slice()))?;
    draft.manifest.quality = Some(models.quality(&bundle, &run, draft.manifest.quality.as_ref())?);
    if let Some(path) = &args.flags.sentences {
        let text = fs::read_to_string(path).map_err(bad_input).with_context(|| path.display().to_string())?;
        let sentences: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        draft.manifest.samples = models.samples(&bundle, &sentences)?;
    }
    write(args, &draft)
}

/// A bundle of a run: its healthy model, and the healed one if that was made of it.
fn of_run(args: &WebExport<'_>) -> anyhow::Result<(Draft, RunModels)> {
    if args.flags.healed.is_some() {
        let sentence = "--healed adds a healed model to a bundle: expected a bundle as --model";
        return Err(bad_input(anyhow!(sentence)));
    }
    let run = RunModels::open(args.model)?;
    let with_healed = args.which != Some(Condition::Healthy) && run.record.healed.is_some();
    if args.which == Some(Condition::Healed) && !with_healed {
        return Err(bad_input(anyhow!("{}: the run has no healed model (it was made without --corrupt)", run.name())));
    }
    if with_healed && run.record.spec.protocol == Protocol::Pretrained {
        return Err(bad_input(anyhow!(
            "{}: under protocol pretrained the damage was done before the head was trained, so the healed model cannot \
             be stored as a change to the healthy one; expected a run with --protocol finetuned, or --which healthy",
            run.name()
        )));
    }
    let healthy = run.checkpoint(Condition::Healthy)?;
    let files = run.tokenizer()?.files;
    let tokenizer = files.into_iter().find(|(name, _)| name == TOKENIZER).map(|(_, bytes)| bytes);
    let tokenizer = tokenizer.ok_or_else(|| bad_input(anyhow!("{}: its models have no {TOKENIZER}", run.name())))?;
    let weights = encode_parameters(&healthy.parameters, &args.flags.bits.mix(args.flags.block)).map_err(bad_input)?;
    let training = run.training_rows(args.flags.dataset().as_ref())?;
    let spec = &run.record.spec;
    let entry = hub::dataset_entry(&spec.dataset.name);
    let base_model = base_model(args, &run);
    let mut draft = Draft {
        notice: notice(args, &base_model)?,
        manifest: Manifest {
            version: BUNDLE_VERSION,
            name: folder_name(args.out)?,
            title: (args.flags.title.clone())
                .unwrap_or_else(|| format!("{} on {}", spec.model.name, spec.dataset.name)),
            base_model,
            task: Task {
                dataset: spec.dataset.name.clone(),
                dataset_terms: entry.map_or_else(
                    || "unknown".to_owned(),
                    |entry| format!("{}; licence: {}", entry.terms, entry.licence),
                ),
                label_names: healthy.config.label_names.clone(),
                max_length: spec.training.max_length,
            },
            config: serde_json::from_slice(&healthy.config.to_json())?,
            files: Files {
                weights: FileEntry::new(WEIGHTS, &weights.bytes),
                tokenizer: FileEntry::new(TOKENIZER, &tokenizer),
                healed: None,
            },
            tensors: weights.tensors,
            fine_tuned: Some(run.fine_tuned()?),
            healed: None,
            control: None,
            quality: None,
            rows: RowHashes {
                training: training.clone(),
                healing: Vec::new(),
                held_out: run.held_out()?.iter().map(Example::row_hash).collect(),
            },
            samples: Vec::new(),
        },
        weights: weights.bytes,
        healed: Vec::new(),
        tokenizer,
    };
    if with_healed {
        draft.manifest.rows.healing = training;
        heal(&mut draft, args, &run)?;
        draft.manifest.control = run.control(Condition::Control, control_budget(&run.record.spec.training))?;
    }
    Ok((draft, run))
}

/// A bundle with the healed model of a run that started from it.
fn healed_bundle(args: &WebExport<'_>) -> anyhow::Result<(Draft, RunModels)> {
    let (folder, healed) = (args.model, args.flags.healed.as_ref());
    let healed = healed.ok_or_else(|| {
        bad_input(anyhow!("{} is already a bundle: expected --healed RUN, a run that healed it", folder.display()))
    })?;
    let run = RunModels::open(healed)?;
    let source = ModelSource::open(&folder.to_string_lossy(), None, Weights::Read)?;
    let checkpoint = source.load(None, Seed(0), &Device::Cpu)?;
    let spec = &run.record.spec;
    if spec.model.weights_sha256 != checkpoint.weights_hash || spec.protocol != Protocol::Pretrained {
        return Err(bad_input(anyhow!(
            "--healed {}: expected a run of bert-heal run --model {} --corrupt … (protocol pretrained), which damages the \
             bundle's own weights",
            healed.display(),
            folder.display()
        )));
    }
    let bundle = open_bundle::open(folder)?;
    let mut manifest = bundle.manifest().clone();
    let read = |name: &str| fs::read(folder.join(name)).with_context(|| folder.join(name).display().to_string());
    let (weights, tokenizer) = (read(&manifest.files.weights.name)?, read(&manifest.files.tokenizer.name)?);
    let held_out: Vec<String> = run.held_out()?.iter().map(Example::row_hash).collect();
    if held_out != manifest.rows.held_out {
        return Err(bad_input(anyhow!(
            "--healed {}: expected a run evaluated on the bundle's {} held-out rows, got {} other rows",
            healed.display(),
            manifest.rows.held_out.len(),
            held_out.len()
        )));
    }
    manifest.version = BUNDLE_VERSION;
    manifest.name = folder_name(args.out)?;
    manifest.title = args.flags.title.clone().unwrap_or(manifest.title);
    manifest.rows.healing = run.training_rows(args.flags.dataset().as_ref())?;
    let notice = match &args.flags.notice {
        Some(_) => notice(args, &manifest.base_model)?,
        None => fs::read_to_string(folder.join(NOTICE)).unwrap_or_else(|_| format!("{}\n", manifest.base_model.notice)),
    };
    // To the run the bundle's healthy model is a pre-trained one: what it calls healthy is that model fine-tuned once more,
    // undamaged, with the healing's budget.
    let budget = healing_budget(&manifest, &run.record.spec.training)?;
    manifest.control = run.control(Condition::Healthy, budget)?;
    let mut draft = Draft { manifest, weights, healed: Vec::new(), tokenizer, notice };
    heal(&mut draft, args, &run)?;
    Ok((draft, run))
}

/// Adds what healing changed. What it did not move stays the bundle's own, although that differs from the run's by what
/// few bits cost.
fn heal(draft: &mut Draft, args: &WebExport<'_>, run: &RunModels) -> anyhow::Result<()> {
    let (plan, seed) = run.damage()?;
    let bundle = Bundle::open(draft.manifest.clone(), draft.weights.clone(), &draft.tokenizer)?;
    let mut corrupted = bundle.parameters(&Device::Cpu)?;
    let resolved = Plan::parse(plan)?.resolve(bundle.config().anatomy())?;
    if !resolved.removed_layers().is_empty() {
        let message = "a bundle keeps all layers, and this run deleted some (skip); export it --for hub";
        return Err(bad_input(anyhow!(message)));
    }
    corrupted.corrupt(&resolved, seed)?;
    let (before, after) = (run.checkpoint(Condition::Corrupted)?, run.checkpoint(Condition::Healed)?);
    let moved = moved(&before.parameters, &after.parameters)?;
    let mix = args.flags.healed_bits.mix(args.flags.block);
    let EncodedTensors { bytes, tensors } =
        encode_delta(&corrupted, &after.parameters, &mix, |path| moved.contains(&path)).map_err(bad_input)?;
    draft.manifest.files.healed = Some(FileEntry::new(HEALED, &bytes));
    draft.manifest.healed = Some(HealedEntry { plan: plan.to_owned(), seed, fine_tuned: run.fine_tuned()?, tensors });
    draft.healed = bytes;
    Ok(())
}

/// The parameters that have other bits.
fn moved(before: &Parameters, after: &Parameters) -> anyhow::Result<BTreeSet<ParameterPath>> {
    let mut moved = BTreeSet::new();
    for path in before.paths() {
        let (before, after) = (before.to_vec(path)?, after.to_vec(path)?);
        if before.iter().zip(&after).any(|(before, after)| before.to_bits() != after.to_bits()) {
            moved.insert(path);
        }
    }
    Ok(moved)
}

/// What the catalogue knows of the run's model, unless the user says it.
fn base_model(args: &WebExport<'_>, run: &RunModels) -> BaseModel {
    let named = &run.record.spec.model.name;
    let is_it = |hub_id: &str| hub_id.rsplit('/').next() == Some(named);
    let entry = catalogue().model(named).or_else(|| catalogue().models.iter().find(|entry| is_it(&entry.hub_id)));
    let name = args.flags.base_model.clone().or_else(|| entry.map(|entry| entry.hub_id.clone()));
    let name = name.unwrap_or_else(|| named.clone());
    let licence = args.flags.licence.clone().or_else(|| entry.map(|entry| entry.licence.clone()));
    let licence = licence.unwrap_or_else(|| "unknown".to_owned());
    let notice = format!(
        "These weights are derived from {name} (licence: {licence}). They were changed: fine-tuned on {} by bert-heal \
         {VERSION_AND_COMMIT} and stored in fewer bits. They come without any warranty.",
        run.record.spec.dataset.name
    );
    BaseModel { name, licence, notice }
}

/// What lies beside the weights for people: the notice, and what else the licence asks to be given.
fn notice(args: &WebExport<'_>, base_model: &BaseModel) -> anyhow::Result<String> {
    let Some(path) = &args.flags.notice else { return Ok(format!("{}\n", base_model.notice)) };
    let text = fs::read_to_string(path).map_err(bad_input).with_context(|| path.display().to_string())?;
    Ok(format!("{}\n\n{text}", base_model.notice))
}

/// The bundle is called as its folder.
fn folder_name(out: &Path) -> anyhow::Result<String> {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| bad_input(anyhow!("--out {}: expected a path that ends in the bundle's name", out.display())))
}

/// Puts the folder in place, checks it as a reader would, and says what it takes.
fn write(args: &WebExport<'_>, draft: &Draft) -> anyhow::Result<ExitCode> {
    let manifest = draft.manifest.to_json();
    Manifest::parse(&manifest).map_err(bad_input).context("--out")?;
    let mut files: Vec<(&str, &[u8])> = vec![
        (MANIFEST, &manifest),
        (TOKENIZER, &draft.tokenizer),
        (WEIGHTS, &draft.weights),
        (NOTICE, draft.notice.as_bytes()),
    ];
    if draft.manifest.healed.is_some() {
        files.push((HEALED, &draft.healed));
    }
    atomic::write_dir(args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    if args.flags.index {
        list(args.out, &draft.manifest, manifest.len() as u64)?;
    }
    print(&summary::summary(args.out, &draft.manifest, &files)?)?;
    Ok(ExitCode::Ok)
}

/// Puts the bundle at its place in `index.json` beside its folder, or at the end.
fn list(out: &Path, manifest: &Manifest, manifest_bytes: u64) -> anyhow::Result<()> {
    let path = out.parent().unwrap_or(Path::new("")).join(INDEX);
    let mut index = match fs::read(&path) {
        Ok(bytes) => BundleIndex::parse(&bytes).map_err(bad_input).with_context(|| path.display().to_string())?,
        Err(_) => BundleIndex { bundles: Vec::new() },
    };
    let entry = IndexEntry {
        name: manifest.name.clone(),
        title: manifest.title.clone(),
        manifest_bytes,
        size_bytes: manifest.size_bytes(),
    };
    match index.bundles.iter_mut().find(|other| other.name == entry.name) {
        Some(other) => *other = entry,
        None => index.bundles.push(entry),
    }
    atomic::write_json(&path, &index)
}
