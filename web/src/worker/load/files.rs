//! Files of the visitor: a checkpoint, a bundle, or the folder of a run.

use super::super::model::Model;
use super::super::origin::Origin;
use super::super::rows::Rows;
use super::super::session::{Damage, Damaged, Parts, Session};
use super::super::task::{Interruption, Task};
use super::bundle::open_bundle;
use super::install::{install, set_native};
use super::reading::{check_memory, read_rows, wrong_file};
use super::recognise::{CheckpointFiles, Found, Handed, sort};
use crate::failure::{Failure, computation};
use crate::fetch;
use crate::protocol::{FileEntry, Load, Loaded, ModelSource, Stage};
use candle_core::Device;
use shared::Condition;
use shared::bundle::{self, Manifest};
use shared::checkpoint::{Adapter, Checkpoint, LoadOptions, Treatment, WeightFile, WeightFiles, WeightsHash};
use shared::corruption::Plan;
use shared::dataset::parse_label_names;
use shared::model::ModelConfig;
use shared::random::Seed;
use shared::tokenizer::{Tokenizer, TokenizerFiles};
use web_sys::File;

/// Tokens that a text is cut to where nobody says otherwise: as long as sentences get, and quick to compute.
const MAX_LENGTH: usize = 128;

/// Seed of a head that has to be created.
const HEAD_SEED: Seed = Seed(0);

/// Loads the model among the visitor's files.
pub(super) async fn load(task: &Task<Load>, entries: &[FileEntry], files: &[File]) -> Result<Loaded, Interruption> {
    if entries.len() != files.len() {
        let reason = format!("{} files were announced and {} came", entries.len(), files.len());
        return Err(Failure::MalformedMessage { reason }.into());
    }
    let handed = sort(entries)?;
    let mut reader = Reader::new(task, entries, files, &handed);
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
            let mut notes = handed.notes;
            let rows = reader.rows(&manifest.task.label_names, &mut notes).await?;
            let source = ModelSource::Files { name: handed.name };
            open_bundle(task, manifest, weights, &tokenizer, healed, rows, source, notes).await
        }
        Found::Checkpoint(checkpoint) => {
            let mut notes = handed.notes;
            let (loaded, tokenizer, origin) = reader.checkpoint(&checkpoint).await?;
            notes.extend(loaded.notes.iter().cloned());
            let rows = reader.rows(&loaded.config.label_names, &mut notes).await?;
            let session = session_of(handed.name.clone(), loaded, tokenizer, rows, origin)?;
            install(task, session, ModelSource::Files { name: handed.name }, None, notes).await
        }
        Found::Run { healthy, corrupted, healed } => {
            let mut notes = handed.notes;
            let (loaded, tokenizer, origin) = reader.checkpoint(&healthy).await?;
            let rows = reader.rows(&loaded.config.label_names, &mut notes).await?;
            let mut session = session_of(handed.name.clone(), loaded, tokenizer, rows, origin)?;
            for (which, checkpoint) in [(Condition::Corrupted, corrupted), (Condition::Healed, healed)] {
                let Some(checkpoint) = checkpoint else { continue };
                let (loaded, _, _) = reader.checkpoint(&checkpoint).await?;
                add_condition(&mut session, which, &loaded)?;
                task.give_way().await?;
            }
            install(task, session, ModelSource::Run { name: handed.name }, None, notes).await
        }
    }
}

/// Makes a session of a checkpoint.
fn session_of(
    name: String,
    loaded: Checkpoint,
    tokenizer: Tokenizer,
    rows: Option<Rows>,
    origin: Origin,
) -> Result<Session, Failure> {
    let max_length = loaded.config.max_positions.min(MAX_LENGTH);
    Session::new(Parts {
        name,
        identity: loaded.weights_hash.expect("it was asked for when the weights were read"),
        config: loaded.config,
        tokenizer,
        max_length,
        healthy: loaded.parameters,
        rows,
        origin,
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
        return Err(wrong("its shape differs from checkpoint/healthy's; is it from the same run?"));
    }
    let damage = loaded.config.history.treatments().iter().rev().find_map(|treatment| match treatment {
        Treatment::Corrupted { plan, seed } => Some((plan.clone(), *seed)),
        Treatment::Transplanted { .. } | Treatment::FineTuned { .. } | Treatment::FineTunedAgain { .. } => None,
    });
    let (plan, seed) = damage.ok_or_else(|| wrong("it does not say what damage it had (bert_heal in config.json)"))?;
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
        return set_native(session, plan, seed, loaded.config.history.clone(), parameters);
    }
    let bad_plan = |error: shared::corruption::PlanError| Failure::BadPlan { message: error.to_string() };
    let parsed = Plan::parse(&plan).map_err(bad_plan)?;
    let resolved = parsed.resolve_for(&session.config).map_err(bad_plan)?;
    let model = Model::new(&session.config, parameters)?;
    // What the plan did is in the run's own report; the weights are those of the run all the same.
    let damage = Damage { plan: parsed.to_string(), seed, resolved, report: None };
    session.corrupted = Some(Damaged { damage, model });
    Ok(())
}

/// Reads the visitor's files one after the other and tells of the bytes.
struct Reader<'a> {
    task: &'a Task<Load>,
    entries: &'a [FileEntry],
    files: &'a [File],
    rows: Option<usize>,
    labels: Option<usize>,
    done: u64,
    total: u64,
}

impl<'a> Reader<'a> {
    fn new(task: &'a Task<Load>, entries: &'a [FileEntry], files: &'a [File], handed: &Handed) -> Self {
        let used: Vec<usize> = match &handed.found {
            Found::Bundle { manifest, weights, tokenizer, healed } => {
                [Some(*manifest), Some(*weights), Some(*tokenizer), *healed].into_iter().flatten().collect()
            }
            Found::Checkpoint(checkpoint) => checkpoint.all(),
            Found::Run { healthy, corrupted, healed } => [Some(healthy), corrupted.as_ref(), healed.as_ref()]
                .into_iter()
                .flatten()
                .flat_map(CheckpointFiles::all)
                .collect(),
        };
        let Handed { rows, labels, .. } = *handed;
        let total = used.iter().chain(&rows).chain(&labels).map(|at| entries[*at].size_bytes).sum();
        Self { task, entries, files, rows, labels, done: 0, total }
    }

    async fn read(&mut self, at: usize) -> Result<Vec<u8>, Interruption> {
        self.task.check()?;
        let bytes = fetch::file_bytes(&self.files[at]).await?;
        self.done += bytes.len() as u64;
        self.task.progress(Stage::Transfer, self.done.min(self.total), self.total);
        Ok(bytes)
    }

    async fn read_some(&mut self, at: Option<usize>) -> Result<Option<Vec<u8>>, Interruption> {
        match at {
            Some(at) => Ok(Some(self.read(at).await?)),
            None => Ok(None),
        }
    }

    async fn read_weights(&mut self, at: usize) -> Result<WeightFile, Interruption> {
        Ok(WeightFile::new(&self.entries[at].path, self.read(at).await?))
    }

    async fn rows(&mut self, labels: &[String], notes: &mut Vec<String>) -> Result<Option<Rows>, Interruption> {
        let Some(at) = self.rows else { return Ok(None) };
        let bytes = self.read(at).await?;
        let declared = match self.labels {
            Some(at) => {
                let file = &self.entries[at].path;
                let names = parse_label_names(file, &self.read(at).await?);
                Some(names.map_err(|error| wrong_file(file, &error))?)
            }
            None => None,
        };
        let name = &self.entries[at].path;
        let (rows, note) = read_rows(name, &bytes, labels, declared.as_deref())?;
        notes.extend(note);
        Ok(Some(rows.named(name)))
    }

    /// A checkpoint and its tokenizer, checked for size before a byte of its weights is read.
    async fn checkpoint(&mut self, files: &CheckpointFiles) -> Result<(Checkpoint, Tokenizer, Origin), Interruption> {
        let config_file = &self.entries[files.config].path;
        let config_json = self.read(files.config).await?;
        let config = ModelConfig::from_json(&config_json).map_err(|error| wrong_file(config_file, &error))?;
        let file_bytes: u64 = files.weights.iter().map(|at| self.entries[*at].size_bytes).sum();
        // The file, its values, and a quarter of them to work with.
        check_memory((file_bytes + 5 * config.n_parameters() as u64) / 1_000_000)?;

        let pieces = self.read(files.tokenizer.pieces).await?;
        let tokenizer_config = self.read_some(files.tokenizer.config).await?;
        let special_tokens_map = self.read_some(files.tokenizer.special_tokens_map).await?;
        let added_tokens = self.read_some(files.tokenizer.added_tokens).await?;
        let (json, vocabulary) = if files.tokenizer.is_json { (Some(&*pieces), None) } else { (None, Some(&*pieces)) };
        let tokenizer_files = TokenizerFiles {
            json,
            vocabulary,
            config: tokenizer_config.as_deref(),
            added_tokens: added_tokens.as_deref(),
            special_tokens_map: special_tokens_map.as_deref(),
            model_class: config.tokenizer_class(),
            are_our_own: !config.history.is_empty(),
        };
        let opened = Tokenizer::from_files(&tokenizer_files, config.vocab_size)
            .map_err(|e| wrong_file(&self.entries[files.tokenizer.pieces].path, &e))?;
        let origin = Origin::of_checkpoint(&config_json, &config, &tokenizer_files);
        let origin = origin.map_err(|e| wrong_file(&self.entries[files.tokenizer.pieces].path, &e))?;
        let mut weights = Vec::new();
        for at in &files.weights {
            weights.push(self.read_weights(*at).await?);
        }
        let adapter = match files.adapter {
            Some([config, weights]) => {
                let config_file = &self.entries[config].path;
                let config = self.read(config).await?;
                let weights = self.read_weights(weights).await?;
                Some(Adapter::new(&config, weights).map_err(|error| wrong_file(config_file, &error))?)
            }
            None => None,
        };
        self.task.progress(Stage::Unpack, 0, file_bytes);
        self.task.give_way().await?;
        let mut loaded = load_checkpoint(&config, WeightFiles { files: weights, adapter })?;
        loaded.notes.extend(opened.notes);
        self.task.progress(Stage::Unpack, file_bytes, file_bytes);
        Ok((loaded, opened.tokenizer, origin))
    }
}

/// A checkpoint with its own head, or with a new one where it has none.
fn load_checkpoint(config: &ModelConfig, weights: WeightFiles) -> Result<Checkpoint, Failure> {
    let of_adapter = weights.adapter.iter().map(Adapter::file);
    let has_head = weights
        .files
        .iter()
        .chain(of_adapter)
        .any(|file| file.header_bytes().is_ok_and(|header| has_classifier(&header)));
    // What is not fine-tuned can still be looked into, and healed into something.
    let label_names = (!has_head).then(|| {
        if config.label_names.len() >= 2 { config.label_names.clone() } else { shared::dataset::default_label_names(2) }
    });
    let options = LoadOptions { label_names, head_seed: HEAD_SEED, device: Device::Cpu, hash: WeightsHash::Wanted };
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
    // Also behind what a wrapper or an adapter puts before every name, but not in pre_classifier.
    let name = b"classifier.weight\":";
    header.windows(name.len() + 1).any(|window| window[1..] == name[..] && matches!(window[0], b'"' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_head_is_found_without_parsing_all_of_a_file() {
        let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), b"123"].concat();
        assert!(has_classifier(&file(r#"{"classifier.weight":{"dtype":"F32"}}"#)));
        assert!(has_classifier(&file(r#"{"module.classifier.weight":{"dtype":"F32"}}"#)));
        assert!(!has_classifier(&file(r#"{"pre_classifier.weight":{"dtype":"F32"}}"#)));
        assert!(!has_classifier(&u64::MAX.to_le_bytes()));
        assert!(!has_classifier(b""));
    }
}
