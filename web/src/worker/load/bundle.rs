//! A bundle: the files of one model beside the page, each checked by the hash in its manifest and kept for the next visit.

use super::super::browser_cache::Shelf;
use super::super::known_control::KnownControl;
use super::super::origin::Origin;
use super::super::rows::Rows;
use super::super::session::{Damaged, Parts, Session};
use super::super::task::{Interruption, Pending, Task};
use super::install::{install, set_native};
use super::reading::{check_memory, wrong_file};
use crate::failure::{Failure, computation};
use crate::fetch;
use crate::protocol::{BundleSummary, Load, Loaded, ModelSource, Stage};
use candle_core::Device;
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::bundle::{self, Bundle, Manifest, ServedRows};
use shared::model::ModelConfig;

/// Loads the bundle in the folder at `url`.
pub(super) async fn load(task: &Task<Load>, url: &str, manifest: Option<String>) -> Result<Loaded, Interruption> {
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let cache = &task.context().cache;
    let mut notes = Vec::new();

    // It says what the other files have to be.
    let manifest_url = format!("{url}{}", bundle::MANIFEST);
    let manifest_bytes = kept(task, &manifest_url, manifest.map(String::into_bytes)).await;
    let manifest_bytes = manifest_bytes.ok_or_else(|| {
        let reason = "it is neither on the server nor kept in this browser".to_owned();
        Failure::Transfer { file: manifest_url.clone(), reason }
    })?;
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
        let kept = cache.get(Shelf::Models, &key).await.filter(|bytes| file.verify(bytes).is_ok());
        let bytes = if let Some(bytes) = kept {
            bytes
        } else {
            is_cached = false;
            let address = format!("{url}{}", file.name);
            let bytes = transfer(task, &address, &version(&file.sha256), |n| {
                task.progress(Stage::Transfer, (n_before + n).min(total), total);
            })
            .await?;
            file.verify(&bytes).map_err(|error| match error {
                bundle::BundleError::Hash { file, expected, got } => Failure::WrongHash { file, expected, got },
                other => Failure::Transfer { file: address.clone(), reason: other.to_string() },
            })?;
            if let Err(reason) = cache.put(Shelf::Models, &key, &bytes).await {
                notes.push(not_kept(&file.name, &reason));
            }
            bytes
        };
        n_before += file.size_bytes;
        task.progress(Stage::Transfer, n_before, total);
        contents.push(bytes);
        task.check()?;
    }

    let served = rows_beside(task, &url, &manifest, &manifest_bytes, &mut notes).await?;
    let source = ModelSource::Bundle { url, is_cached };
    let mut contents = contents.into_iter();
    let (tokenizer, weights) = (contents.next().unwrap_or_default(), contents.next().unwrap_or_default());
    open_bundle(task, manifest, weights, &tokenizer, contents.next(), served, source, notes).await
}

/// What is added to a file's address, so that a browser does not take an older file of the same name for it.
fn version(sha256: &str) -> String {
    format!("?v={}", sha256.get(..16).unwrap_or(sha256))
}

/// A whole file; `on_bytes` hears how many of its bytes are there.
///
/// # Errors
/// [`Failure::Transfer`] when it does not arrive as a whole.
async fn transfer(
    task: &Pending,
    url: &str,
    version: &str,
    mut on_bytes: impl FnMut(u64),
) -> Result<Vec<u8>, Interruption> {
    let address = format!("{url}{version}");
    let told = fetch::bytes_told(&address, |n| {
        task.check().map_err(GivenUp::Interrupted)?;
        on_bytes(n);
        Ok(())
    });
    match told.await {
        Ok(bytes) => bytes.ok_or_else(|| missing(url)),
        Err(GivenUp::Interrupted(interruption)) => Err(interruption),
        Err(GivenUp::Failed(reason)) => Err(Failure::Transfer { file: url.to_owned(), reason }.into()),
    }
}

/// Why a transfer ended early.
enum GivenUp {
    Interrupted(Interruption),
    Failed(String),
}

impl From<String> for GivenUp {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

fn missing(url: &str) -> Interruption {
    Failure::Transfer { file: url.to_owned(), reason: "the server has no such file".to_owned() }.into()
}

/// How long the server may be silent about rows of which the browser has a copy.
const PATIENCE_MS: u32 = 4_000;

/// The rows that are served beside a bundle, if they are.
async fn rows_beside(
    task: &Pending,
    url: &str,
    manifest: &Manifest,
    manifest_bytes: &[u8],
    notes: &mut Vec<String>,
) -> Result<Option<Rows>, Interruption> {
    let address = format!("{url}{}", bundle::ROWS);
    // They have no hash of their own, but belong to the manifest.
    let version = version(&hex::encode(Sha256::digest(manifest_bytes)));
    let fetched = transfer(task, &address, &version, |_| {});
    let copy = kept(task, &address, None).await;
    let fetched = if copy.is_some_and(|bytes| ServedRows::parse(manifest, &bytes).is_ok()) {
        fetch::within(PATIENCE_MS, fetched).await
    } else {
        Some(fetched.await)
    };
    let fetched = match fetched {
        Some(Err(Interruption::Cancelled)) => return Err(Interruption::Cancelled),
        fetched => fetched.and_then(Result::ok),
    };
    let Some(bytes) = kept(task, &address, fetched).await else {
        notes.push(
            "The sentences to heal with are not on this server (`cargo xtask demo` downloads them): add a table of your \
             own to heal and to evaluate"
                .to_owned(),
        );
        return Ok(None);
    };
    match ServedRows::parse(manifest, &bytes) {
        Ok(rows) => Ok(Some(Rows::new(rows.train, rows.held_out))),
        Err(error) => {
            notes.push(format!("The sentences beside the model cannot be used: {error}"));
            Ok(None)
        }
    }
}

/// A small file as it was fetched, which is kept; else as it was kept the last time.
async fn kept(task: &Pending, url: &str, fetched: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let cache = &task.context().cache;
    let key = format!("latest/{}", hex::encode(Sha256::digest(url.as_bytes())));
    match fetched {
        Some(bytes) => {
            // Without room for it there is none offline, which the larger files tell.
            let _ = cache.put(Shelf::Models, &key, &bytes).await;
            Some(bytes)
        }
        None => cache.get(Shelf::Models, &key).await,
    }
}

#[expect(clippy::too_many_arguments, reason = "the files of a bundle and what is known of them, used once")]
pub(super) async fn open_bundle(
    task: &Task<Load>,
    manifest: Manifest,
    weights: Vec<u8>,
    tokenizer: &[u8],
    healed: Option<Vec<u8>>,
    rows: Option<Rows>,
    source: ModelSource,
    notes: Vec<String>,
) -> Result<Loaded, Interruption> {
    let size_mb = |config: &ModelConfig| config.n_parameters() as u64 * 4 / 1_000_000;
    let config = manifest.config().map_err(|error| wrong_file(bundle::MANIFEST, &error))?;
    check_memory(2 * size_mb(&config) + weights.len() as u64 / 1_000_000)?;
    let total = 4 * config.n_parameters() as u64;
    task.progress(Stage::Unpack, 0, total);
    task.give_way().await?;

    let summary = bundle_summary(&manifest);
    let origin = Origin::of_bundle(&manifest, &config, tokenizer, &source)?;
    let healed_config = manifest.healed.is_some().then(|| manifest.config_of(Condition::Healed)).transpose();
    let healed_config = healed_config.map_err(|error| wrong_file(bundle::MANIFEST, &error))?;
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
        origin,
    })?;
    session.controls.extend(control);
    if let (Some(delta), Some((plan, seed)), Some(healed)) = (delta, summary.damage.clone(), healed_config) {
        // The damage is made, which the page asks for next, and what healing did to it is added.
        session.corrupt(&plan, seed)?;
        if let Some(Damaged { damage, model }) = &session.corrupted {
            let plan = damage.plan.clone();
            let mut parameters = model.parameters.fork().map_err(|e| computation(&e))?;
            delta.apply(&mut parameters).map_err(|error| wrong_file(bundle::HEALED, &error))?;
            set_native(&mut session, plan, seed, healed.history, parameters)?;
        }
    }
    task.progress(Stage::Unpack, total, total);
    install(task, session, source, Some(summary), notes).await
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

fn not_kept(file: &str, reason: &str) -> String {
    format!(
        "{file} could not be stored in this browser ({reason}): it works all the same, and will be downloaded again next time"
    )
}
