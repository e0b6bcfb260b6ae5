//! Loading: a bundle from the page's server, or files of the visitor.

use super::control::KnownControl;
use super::files::{CheckpointFiles, Found, sort};
use super::rows::Rows;
use super::session::{Damage, Healed, Model, Parts, Patient, Session, computation};
use super::store::Shelf;
use super::task::{Interruption, Task};
use super::{browser, transfer};
use crate::failure::Failure;
use crate::protocol::{BundleSummary, FileEntry, HealedOrigin, Loaded, ModelSource, Response, Stage};
use candle_core::Device;
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::Parameters;
use shared::bundle::{self, Bundle, Manifest, ServedRows};
use shared::checkpoint::{Checkpoint, LoadOptions, Treatment, WeightFile};
use shared::corruption::Plan;
use shared::model::ModelConfig;
use shared::seed::Seed;
use shared::tokenizer::{Tokenizer, TokenizerFiles};
use web_sys::File;

/// Tokens that a text is cut to where nobody says otherwise: as long as sentences get, and quick to compute.
const MAX_LENGTH: usize = 128;

/// What a page may take. WebAssembly's memory ends at 4096 MB; the rest is for activations and for the browser.
const MEMORY_LIMIT_MB: u64 = 3_200;

/// What the program itself takes beside weights.
const PROGRAM_MB: u64 = 100;

/// Seed of a head that has to be created.
const HEAD_SEED: Seed = Seed(0);

/// Loads the bundle in the folder at `url` and replaces what was loaded before.
pub(super) async fn bundle(task: &Task, url: &str) -> Result<Response, Interruption> {
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let store = &task.worker().store;
    let mut notes = Vec::new();

    // The manifest is small and says what the others have to be, so it comes from the network; without one, what was
    // kept the last time is as good.
    let manifest_url = format!("{url}{}", bundle::MANIFEST);
    let manifest_bytes = small_file(task, &manifest_url).await?;
    let manifest = Manifest::parse(&manifest_bytes).map_err(|error| wrong_file(&manifest_url, &error))?;

    let total = manifest.size_bytes();
    let mut n_before = 0;
    let mut is_cached = true;
    let mut contents = Vec::new();
    for file in [Some(&manifest.files.tokenizer), Some(&manifest.files.weights), manifest.files.healed.as_ref()]
        .into_iter()
        .flatten()
    {
        let key = format!("{}/{}", file.sha256, file.name);
        let kept = store.get(Shelf::Models, &key).await.filter(|bytes| file.verify(bytes).is_ok());
        let bytes = if let Some(bytes) = kept {
            bytes
        } else {
            is_cached = false;
            let address = format!("{url}{}", file.name);
            let bytes = transfer::fetch(task, &address, |n| {
                task.progress(Stage::Transfer, (n_before + n).min(total), total);
            })
            .await?;
            file.verify(&bytes).map_err(|error| match error {
                bundle::BundleError::Hash { file, expected, got } => Failure::WrongHash { file, expected, got },
                other => Failure::Transfer { file: address.clone(), reason: other.to_string() },
            })?;
            if let Err(reason) = store.put(Shelf::Models, &key, &bytes).await {
                notes.push(not_kept(&file.name, &reason));
            }
            bytes
        };
        n_before += file.size_bytes;
        task.progress(Stage::Transfer, n_before, total);
        contents.push(bytes);
        task.check()?;
    }

    let served = rows_beside(task, &url, &manifest, &mut notes).await?;
    let source = ModelSource::Bundle { url, is_cached };
    let mut contents = contents.into_iter();
    let (tokenizer, weights) = (contents.next().unwrap_or_default(), contents.next().unwrap_or_default());
    open_bundle(task, manifest, weights, &tokenizer, contents.next(), served, source, notes).await
}

/// The rows that are served beside a bundle, if they are.
async fn rows_beside(
    task: &Task,
    url: &str,
    manifest: &Manifest,
    notes: &mut Vec<String>,
) -> Result<Option<Rows>, Interruption> {
    let address = format!("{url}{}", bundle::ROWS);
    let bytes = match small_file(task, &address).await {
        Ok(bytes) => bytes,
        Err(Interruption::Cancelled) => return Err(Interruption::Cancelled),
        Err(Interruption::Failed(_)) => {
            notes.push(
                "The sentences to heal with are not served here (they are fetched by `cargo xtask demo`): hand over a \
                 table of your own to heal and to evaluate"
                    .to_owned(),
            );
            return Ok(None);
        }
    };
    match ServedRows::parse(manifest, &bytes) {
        Ok(rows) => Ok(Some(Rows::new(rows.train, rows.held_out))),
        Err(error) => {
            notes.push(format!("The sentences beside the model cannot be used: {error}"));
            Ok(None)
        }
    }
}

/// A small file: from the network, else as it was kept the last time.
async fn small_file(task: &Task, url: &str) -> Result<Vec<u8>, Interruption> {
    let store = &task.worker().store;
    let key = format!("latest/{}", hex::encode(Sha256::digest(url.as_bytes())));
    match transfer::fetch(task, url, |_| {}).await {
        Ok(bytes) => {
            // Without room for it there is none offline, which the larger files tell.
            let _ = store.put(Shelf::Models, &key, &bytes).await;
            Ok(bytes)
        }
        Err(Interruption::Cancelled) => Err(Interruption::Cancelled),
        Err(failed) => store.get(Shelf::Models, &key).await.ok_or(failed),
    }
}

#[expect(clippy::too_many_arguments, reason = "the files of a bundle and what is known of them, used once")]
async fn open_bundle(
    task: &Task,
    manifest: Manifest,
    weights: Vec<u8>,
    tokenizer: &[u8],
    healed: Option<Vec<u8>>,
    rows: Option<Rows>,
    source: ModelSource,
    notes: Vec<String>,
) -> Result<Response, Interruption> {
    let size_mb = |config: &ModelConfig| config.n_parameters() as u64 * 4 / 1_000_000;
    let config = manifest.config().map_err(|error| wrong_file(bundle::MANIFEST, &error))?;
    check_memory(2 * size_mb(&config) + weights.len() as u64 / 1_000_000)?;
    let total = 4 * config.n_parameters() as u64;
    task.progress(Stage::Unpack, 0, total);
    task.give_way().await?;

    let summary = bundle_summary(&manifest);
    let control = KnownControl::of_bundle(&manifest);
    let identity = manifest.files.weights.sha256.clone();
    let max_length = manifest.task.max_length;
    let bundle = Bundle::open(manifest, weights, tokenizer).map_err(|error| wrong_file("the bundle", &error))?;
    let healthy = bundle.parameters(&Device::Cpu).map_err(|error| wrong_file(bundle::WEIGHTS, &error))?;
    let delta = healed.map(|bytes| bundle.delta(bytes)).transpose();
    let delta = delta.map_err(|error| wrong_file(bundle::HEALED, &error))?;
    let mut session = Session::new(Parts {
        name: summary.title.clone(),
        identity,
        config: bundle.config().clone(),
        tokenizer: bundle.tokenizer().clone(),
        max_length,
        healthy,
        rows,
    })?;
    session.controls.extend(control);
    if let (Some(delta), Some((plan, seed))) = (delta, summary.damage.clone()) {
        // The damage is made once more, and what healing did to it is added.
        session.corrupt(&plan, seed)?;
        if let Some(patient) = session.corrupted.take() {
            let mut parameters = patient.model.parameters.fork().map_err(|e| computation(&e))?;
            delta.apply(&mut parameters).map_err(|error| wrong_file(bundle::HEALED, &error))?;
            set_native(&mut session, patient.damage.plan, seed, parameters)?;
        }
    }
    task.progress(Stage::Unpack, total, total);
    Ok(install(task, session, source, Some(summary), notes))
}

fn bundle_summary(manifest: &Manifest) -> BundleSummary {
    let base = &manifest.base_model;
    BundleSummary {
        title: manifest.title.clone(),
        notice: format!("{} ({}): {}", base.name, base.licence, base.notice),
        transfer_bytes: manifest.size_bytes(),
        accuracy_f32: manifest.quality.as_ref().map(|quality| quality.healthy.accuracy_f32),
        accuracy_quantized: manifest.quality.as_ref().map(|quality| quality.healthy.accuracy),
        damage: manifest.healed.as_ref().map(|healed| (healed.plan.clone(), healed.seed)),
        superseded_numerics: manifest.superseded_numerics(),
    }
}

/// Loads the model among the visitor's files and replaces what was loaded before.
pub(super) async fn files(task: &Task, entries: &[FileEntry], files: &[File]) -> Result<Response, Interruption> {
    if entries.len() != files.len() {
        let reason = format!("{} files were announced and {} came", entries.len(), files.len());
        return Err(Failure::MalformedMessage { reason }.into());
    }
    let handed = sort(entries)?;
    let mut reader = Reader::new(task, entries, files, &handed.found, handed.rows);
    match handed.found {
        Found::Bundle { manifest, weights, tokenizer, healed } => {
            let manifest = Manifest::parse(&reader.read(manifest).await?);
            let manifest = manifest.map_err(|error| wrong_file(bundle::MANIFEST, &error))?;
            let (tokenizer, weights) = (reader.read(tokenizer).await?, reader.read(weights).await?);
            let healed = match healed {
                Some(healed) => Some(reader.read(healed).await?),
                None if manifest.files.healed.is_some() => {
                    return Err(Failure::MissingFile {
                        missing: bundle::HEALED.to_owned(),
                        n_files: entries.len(),
                        remedy: "the manifest names it: choose all files of the bundle's folder".to_owned(),
                    }
                    .into());
                }
                None => None,
            };
            let mut notes = Vec::new();
            let rows = reader.rows(&manifest.task.label_names, &mut notes).await?;
            let source = ModelSource::Files { name: handed.name };
            open_bundle(task, manifest, weights, &tokenizer, healed, rows, source, notes).await
        }
        Found::Checkpoint(checkpoint) => {
            let mut notes = Vec::new();
            let (loaded, tokenizer) = reader.checkpoint(&checkpoint).await?;
            notes.extend(loaded.notes.iter().cloned());
            let rows = reader.rows(&loaded.config.label_names, &mut notes).await?;
            let session = session_of(handed.name.clone(), loaded, tokenizer, rows)?;
            Ok(install(task, session, ModelSource::Files { name: handed.name }, None, notes))
        }
        Found::Run { healthy, corrupted, healed } => {
            let mut notes = Vec::new();
            let (loaded, tokenizer) = reader.checkpoint(&healthy).await?;
            let rows = reader.rows(&loaded.config.label_names, &mut notes).await?;
            let mut session = session_of(handed.name.clone(), loaded, tokenizer, rows)?;
            for (which, checkpoint) in [(Condition::Corrupted, corrupted), (Condition::Healed, healed)] {
                let Some(checkpoint) = checkpoint else { continue };
                let (loaded, _) = reader.checkpoint(&checkpoint).await?;
                add_condition(&mut session, which, &loaded)?;
                task.give_way().await?;
            }
            Ok(install(task, session, ModelSource::Run { name: handed.name }, None, notes))
        }
    }
}

/// Takes a table of labelled texts for the model that is loaded.
pub(super) async fn rows(task: &Task, entry: &FileEntry, files: &[File]) -> Result<Response, Interruption> {
    let labels = task.worker().with_session(|session| Ok(session.config.label_names.clone()))?;
    let file = files.first().ok_or_else(|| Failure::MalformedMessage { reason: "no file came".to_owned() })?;
    let (rows, note) = read_rows(&entry.path, &transfer::read(file).await?, &labels)?;
    let counts = rows.counts();
    task.worker().with_session(|session| {
        session.rows = Some(std::rc::Rc::new(rows));
        Ok(())
    })?;
    Ok(Response::RowsLoaded { rows: counts, note })
}

/// A visitor's table, or the rows of a bundle.
fn read_rows(name: &str, bytes: &[u8], labels: &[String]) -> Result<(Rows, Option<String>), Failure> {
    match serde_json::from_slice::<ServedRows>(bytes) {
        Ok(rows) if !rows.train.is_empty() && !rows.held_out.is_empty() => {
            let is_class = |label: u32| (label as usize) < labels.len();
            if let Some(row) = rows.train.iter().chain(&rows.held_out).find(|row| !is_class(row.label)) {
                return Err(Failure::WrongFile {
                    file: name.to_owned(),
                    reason: format!("a row has the class {}, and the model has {} classes", row.label, labels.len()),
                });
            }
            Ok((Rows::new(rows.train, rows.held_out), None))
        }
        _ => Rows::read(name, bytes, labels),
    }
}

/// Makes a session of a checkpoint.
fn session_of(name: String, loaded: Checkpoint, tokenizer: Tokenizer, rows: Option<Rows>) -> Result<Session, Failure> {
    let max_length = loaded.config.max_positions.min(MAX_LENGTH);
    Session::new(Parts {
        name,
        identity: loaded.weights_hash,
        config: loaded.config,
        tokenizer,
        max_length,
        healthy: loaded.parameters,
        rows,
    })
}

/// Adds a run's corrupted or healed checkpoint. What is the same as in the healthy one is shared with it.
fn add_condition(session: &mut Session, condition: Condition, loaded: &Checkpoint) -> Result<(), Failure> {
    let wrong = |reason: &str| Failure::WrongFile {
        file: format!("checkpoint/{}", condition.as_str()),
        reason: reason.to_owned(),
    };
    if loaded.config.parameters() != session.config.parameters()
        || loaded.config.label_names.len() != session.config.label_names.len()
    {
        return Err(wrong("it is not of the same shape as checkpoint/healthy; is it of the same run?"));
    }
    let damage = loaded.config.history.treatments().iter().rev().find_map(|treatment| match treatment {
        Treatment::Corrupted { plan, seed } => Some((plan.clone(), *seed)),
        Treatment::FineTuned { .. } | Treatment::FineTunedAgain { .. } => None,
    });
    let (plan, seed) = damage.ok_or_else(|| wrong("it does not tell what damage it had (bert_heal in config.json)"))?;
    let mut parameters = session.healthy.parameters.fork().map_err(|e| computation(&e))?;
    for path in session.config.parameters() {
        let values = loaded.parameters.to_vec(path).map_err(|e| computation(&e))?;
        let healthy = parameters.to_vec(path).map_err(|e| computation(&e))?;
        let is_same = values.iter().zip(&healthy).all(|(a, b)| a.to_bits() == b.to_bits());
        if !is_same {
            parameters.set(path, values).map_err(|e| computation(&e))?;
        }
    }
    if condition == Condition::Healed {
        return set_native(session, plan, seed, parameters);
    }
    let bad_plan = |error: shared::corruption::PlanError| Failure::BadPlan { message: error.to_string() };
    let parsed = Plan::parse(&plan).map_err(bad_plan)?;
    let resolved = parsed.resolve(session.config.anatomy()).map_err(bad_plan)?;
    let model = Model::new(&session.config, parameters)?;
    // What the plan did is in the run's own report; the weights are those of the run all the same.
    let damage = Damage { plan: parsed.to_string(), seed, resolved, report: None };
    session.corrupted = Some(Patient { damage, model });
    Ok(())
}

/// Sets the healed model that came along.
fn set_native(session: &mut Session, plan: String, seed: Seed, parameters: Parameters) -> Result<(), Failure> {
    let model = Model::new(&session.config, parameters)?;
    let healed = Healed { origin: HealedOrigin::Native { plan, seed }, model };
    session.healed = Some(healed.clone());
    session.healed_natively = Some(healed);
    Ok(())
}

/// Puts a session in the place of the one before.
fn install(
    task: &Task,
    session: Session,
    source: ModelSource,
    bundle: Option<BundleSummary>,
    notes: Vec<String>,
) -> Response {
    let loaded = Loaded {
        source,
        model: session.summary.clone(),
        bundle,
        models: session.conditions(),
        damage: session.corrupted.as_ref().map(|patient| (patient.damage.plan.clone(), patient.damage.seed)),
        healed: session.healed.as_ref().map(|healed| healed.origin.clone()),
        control: session.control().and_then(|control| control.view(session.rows.as_deref())),
        rows: session.rows.as_ref().map(|rows| rows.counts()),
        notes,
    };
    let before = task.worker().session.replace(Some(session));
    if let Some(mut before) = before {
        // Whoever runs its healing is waked and finds it gone.
        before.stop_healing();
    }
    Response::Loaded(Box::new(loaded))
}

/// Reads the visitor's files one after the other and tells of the bytes.
struct Reader<'a> {
    task: &'a Task,
    entries: &'a [FileEntry],
    files: &'a [File],
    rows: Option<usize>,
    done: u64,
    total: u64,
}

impl<'a> Reader<'a> {
    fn new(task: &'a Task, entries: &'a [FileEntry], files: &'a [File], found: &Found, rows: Option<usize>) -> Self {
        let of_checkpoint = |checkpoint: &CheckpointFiles| {
            let tokenizer =
                [Some(checkpoint.tokenizer.pieces), checkpoint.tokenizer.config].into_iter().flatten().collect();
            [vec![checkpoint.config], checkpoint.weights.clone(), tokenizer].concat()
        };
        let used: Vec<usize> = match found {
            Found::Bundle { manifest, weights, tokenizer, healed } => {
                [Some(*manifest), Some(*weights), Some(*tokenizer), *healed].into_iter().flatten().collect()
            }
            Found::Checkpoint(checkpoint) => of_checkpoint(checkpoint),
            Found::Run { healthy, corrupted, healed } => {
                // Of further checkpoints the tokenizer is not read again.
                let others = [corrupted, healed].into_iter().flatten();
                let others = others.flat_map(|other| [vec![other.config], other.weights.clone()].concat());
                of_checkpoint(healthy).into_iter().chain(others).collect()
            }
        };
        let total = used.iter().chain(&rows).map(|at| entries[*at].size_bytes).sum();
        Self { task, entries, files, rows, done: 0, total }
    }

    async fn read(&mut self, at: usize) -> Result<Vec<u8>, Interruption> {
        self.task.check()?;
        let bytes = transfer::read(&self.files[at]).await?;
        self.done += bytes.len() as u64;
        self.task.progress(Stage::Transfer, self.done.min(self.total), self.total);
        Ok(bytes)
    }

    async fn rows(&mut self, labels: &[String], notes: &mut Vec<String>) -> Result<Option<Rows>, Interruption> {
        let Some(at) = self.rows else { return Ok(None) };
        let bytes = self.read(at).await?;
        let (rows, note) = read_rows(&self.entries[at].path, &bytes, labels)?;
        notes.extend(note);
        Ok(Some(rows))
    }

    /// A checkpoint and its tokenizer, checked for size before a byte of its weights is read.
    async fn checkpoint(&mut self, files: &CheckpointFiles) -> Result<(Checkpoint, Tokenizer), Interruption> {
        let config_file = &self.entries[files.config].path;
        let config = ModelConfig::from_json(&self.read(files.config).await?);
        let config = config.map_err(|error| wrong_file(config_file, &error))?;
        let file_bytes: u64 = files.weights.iter().map(|at| self.entries[*at].size_bytes).sum();
        // The file, its values, and a copy of the largest tensor while it becomes a variable.
        check_memory((file_bytes + 5 * config.n_parameters() as u64) / 1_000_000)?;

        let pieces = self.read(files.tokenizer.pieces).await?;
        let tokenizer_config = match files.tokenizer.config {
            Some(at) => Some(self.read(at).await?),
            None => None,
        };
        let (json, vocabulary) = if files.tokenizer.is_json { (Some(&*pieces), None) } else { (None, Some(&*pieces)) };
        let tokenizer_files = TokenizerFiles {
            json,
            vocabulary,
            config: tokenizer_config.as_deref(),
            are_our_own: !config.history.is_empty(),
        };
        let (tokenizer, note) = Tokenizer::from_files(&tokenizer_files, config.vocab_size)
            .map_err(|e| wrong_file(&self.entries[files.tokenizer.pieces].path, &e))?;
        let mut weights = Vec::new();
        for at in &files.weights {
            let name = self.entries[*at].path.clone();
            weights.push(WeightFile { name, bytes: self.read(*at).await? });
        }
        self.task.progress(Stage::Unpack, 0, file_bytes);
        self.task.give_way().await?;
        let mut loaded = load_checkpoint(&config, weights)?;
        loaded.notes.extend(note);
        self.task.progress(Stage::Unpack, file_bytes, file_bytes);
        Ok((loaded, tokenizer))
    }
}

/// A checkpoint with its own head, or with a new one where it has none.
fn load_checkpoint(config: &ModelConfig, weights: Vec<WeightFile>) -> Result<Checkpoint, Failure> {
    let has_head = weights.iter().any(|file| has_classifier(&file.bytes));
    // What is not fine-tuned can still be looked into, and healed into something.
    let label_names = (!has_head).then(|| {
        if config.label_names.len() >= 2 { config.label_names.clone() } else { shared::dataset::default_label_names(2) }
    });
    let options = LoadOptions { label_names, head_seed: HEAD_SEED, device: Device::Cpu };
    let mut loaded =
        Checkpoint::load(config, weights, &options).map_err(|error| wrong_file("the checkpoint", &error))?;
    if !has_head {
        loaded.notes.push("It was never fine-tuned to classify, so its answers mean nothing until it is".to_owned());
    }
    if loaded.config.label_names.len() < 2 {
        return Err(Failure::WrongFile {
            file: "config.json".to_owned(),
            reason: format!("the model has {} class, and a classifier needs two", loaded.config.label_names.len()),
        });
    }
    Ok(loaded)
}

/// Whether a safetensors file holds a classifier; its header is JSON behind its length.
fn has_classifier(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let header = rest.get(..length).unwrap_or_default();
    header.windows(20).any(|window| window == b"\"classifier.weight\":")
}

/// # Errors
/// [`Failure::TooLarge`] when a page cannot have so much memory.
fn check_memory(needed_mb: u64) -> Result<(), Failure> {
    let needed_mb = needed_mb + PROGRAM_MB;
    // Half of a small machine's memory belongs to others.
    let machine_mb = browser::device_memory_gb().filter(|gb| *gb < 8.0).map(|gb| (gb * 512.0) as u64);
    let limit_mb = machine_mb.unwrap_or(MEMORY_LIMIT_MB).min(MEMORY_LIMIT_MB);
    if needed_mb > limit_mb { Err(Failure::TooLarge { needed_mb, limit_mb }) } else { Ok(()) }
}

fn wrong_file(file: &str, error: &impl std::fmt::Display) -> Failure {
    Failure::WrongFile { file: file.to_owned(), reason: error.to_string() }
}

fn not_kept(file: &str, reason: &str) -> String {
    format!(
        "{file} could not be kept in this browser ({reason}): it works all the same, and will be fetched again next time"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_model_that_no_page_can_hold_is_refused_with_figures() {
        assert_eq!(check_memory(10), Ok(()));
        let Err(failure @ Failure::TooLarge { .. }) = check_memory(5_000) else { panic!() };
        assert!(failure.to_string().starts_with("This model needs about 5100 MB of memory here"));
    }

    #[wasm_bindgen_test]
    fn a_head_is_found_without_parsing_all_of_a_file() {
        let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), b"123"].concat();
        assert!(has_classifier(&file(r#"{"classifier.weight":{"dtype":"F32"}}"#)));
        assert!(!has_classifier(&file(r#"{"pre_classifier.weight":{"dtype":"F32"}}"#)));
        assert!(!has_classifier(&u64::MAX.to_le_bytes()));
        assert!(!has_classifier(b""));
    }
}
