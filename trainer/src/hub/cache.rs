//! One repository in Hugging Face's cache.
//!
//! ```text
//! <cache>/models--org--name/refs/<revision>               the commit it was last seen at
//!                           blobs/<etag>[.incomplete]     the bytes, named by their hash
//!                           snapshots/<commit>/<path>     a link to the blob, or the bytes where there are no links
//!                           .no_exist/<commit>/<path>     empty: the hub was asked, and has no such file
//!                           listings/<commit>.json        ours: which files the hub has, with their hashes
//! <cache>/.locks/models--org--name/<etag>.lock            held while a blob is written, as huggingface_hub does
//! ```
//!
//! Invariant: a blob without `.incomplete` was verified by whoever wrote it, and [`RepoCache::write_ref`] comes after
//! the last link. The layout's names are hf-hub's; locks and links are not in its light build. Where links are refused
//! the bytes are moved to the snapshot, as `huggingface_hub` does, so that nothing lies on the disk twice.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo};

use super::client::RemoteFile;
use super::error::HubError;
use super::name::{HubName, is_commit};
use super::settings::{Settings, SnapshotFiles};
use super::verify::HubHash;
use crate::atomic;

/// The folder of one repository.
pub(super) struct RepoCache {
    root: PathBuf,
    folder_name: String,
    repo: CacheRepo,
    revision: String,
    snapshot_files: SnapshotFiles,
}

/// How a blob came to be, which decides what becomes of it where there are no links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlobOrigin {
    /// It was fetched for this file.
    Fetched,
    /// It was there, and another snapshot may link to it.
    Found,
}

impl RepoCache {
    pub(super) fn new(settings: &Settings, name: &HubName) -> Self {
        let root = settings.cache.clone();
        let folder_name = name.repo().folder_name();
        let repo = Cache::new(root.clone()).repo(name.repo());
        Self { root, folder_name, repo, revision: name.revision.clone(), snapshot_files: settings.snapshot_files }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.folder_name)
    }

    /// The commit that the revision was last seen at; a commit is its own.
    pub(super) fn commit(&self) -> Option<String> {
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        let text = fs::read_to_string(self.folder().join("refs").join(&self.revision)).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Remembers the commit of the revision.
    pub(super) fn write_ref(&self, commit: &str) -> Result<(), HubError> {
        if self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        self.repo.create_ref(commit).map_err(|source| HubError::Cache { path: self.folder().join("refs"), source })
    }

    /// The folder of a commit's files.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    /// The files of a commit that are here, in the order of their names.
    pub(super) fn files(&self, commit: &str) -> Vec<String> {
        let mut names = Vec::new();
        collect_files(&self.snapshot(commit), "", &mut names);
        names.sort_unstable();
        names
    }

    /// What the hub said that a commit holds, when this program has asked before.
    pub(super) fn listing(&self, commit: &str) -> Option<Vec<RemoteFile>> {
        serde_json::from_slice(&fs::read(self.listing_path(commit)).ok()?).ok()
    }

    /// Keeps what the hub says that a commit holds.
    pub(super) fn write_listing(&self, commit: &str, files: &[RemoteFile]) -> Result<(), HubError> {
        let path = self.listing_path(commit);
        atomic::write_json(&path, &files)
            .map_err(|error| HubError::Cache { path, source: io::Error::other(format!("{error:#}")) })
    }

    fn listing_path(&self, commit: &str) -> PathBuf {
        self.folder().join("listings").join(format!("{commit}.json"))
    }

    /// Where the bytes with that etag lie.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(etag)
    }

    /// The etag of a file that is here: the name of the blob that its link leads to.
    pub(super) fn etag_of(&self, commit: &str, path: &str) -> Option<String> {
        let target = fs::read_link(self.snapshot(commit).join(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// The hash that a file must have: the name of its blob, or for real files what the hub's listing says.
    pub(super) fn hash_of(&self, commit: &str, path: &str) -> Option<HubHash> {
        if let Some(etag) = self.etag_of(commit, path) {
            return HubHash::from_etag(&etag);
        }
        self.listing(commit)?.into_iter().find(|file| file.path == path)?.hash()
    }

    /// Whether a file is here as itself and not as a link.
    pub(super) fn is_real(&self, commit: &str, path: &str) -> bool {
        fs::symlink_metadata(self.snapshot(commit).join(path)).is_ok_and(|metadata| metadata.is_file())
    }

    /// Whether the hub is known not to have a file of a commit.
    pub(super) fn is_known_absent(&self, commit: &str, path: &str) -> bool {
        self.absence(commit, path).is_file()
    }

    /// Remembers that the hub has no such file, for every program that shares the cache.
    pub(super) fn write_absence(&self, commit: &str, path: &str) -> Result<(), HubError> {
        let absence = self.absence(commit, path);
        let write = || {
            if let Some(folder) = absence.parent() {
                fs::create_dir_all(folder)?;
            }
            File::options().append(true).create(true).open(&absence).map(|_| ())
        };
        write().map_err(|source| HubError::Cache { path: absence.clone(), source })
    }

    fn absence(&self, commit: &str, path: &str) -> PathBuf {
        self.folder().join(".no_exist").join(commit).join(path)
    }

    /// Makes a commit's file of its blob: a link, or where there are none the bytes themselves.
    pub(super) fn link(&self, commit: &str, path: &str, etag: &str, origin: BlobOrigin) -> Result<(), HubError> {
        let pointer = self.snapshot(commit).join(path);
        let failed = |source| HubError::Cache { path: pointer.clone(), source };
        if let Some(folder) = pointer.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        match fs::remove_file(&pointer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // From snapshots/<commit>/<path> up to the repository's folder: relative, so that a cache can be moved.
        let up = "../".repeat(path.split('/').count() + 1);
        let target = format!("{up}blobs/{etag}");
        let link = || match self.snapshot_files {
            SnapshotFiles::Links => symlink(&target, &pointer),
            SnapshotFiles::Real => Err(io::ErrorKind::Unsupported.into()),
        };
        link_or_move(link, &self.blob(etag), &pointer, origin).map_err(failed)
    }

    /// Waits until no other process writes that blob, and holds it until the lock is dropped.
    pub(super) fn lock(&self, etag: &str, waiting: impl FnOnce()) -> Result<File, HubError> {
        let path = self.root.join(".locks").join(&self.folder_name).join(format!("{etag}.lock"));
        let lock = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            if file.try_lock().is_err() {
                waiting();
                file.lock()?;
            }
            Ok(file)
        };
        lock().map_err(|source| HubError::Cache { path: path.clone(), source })
    }
}

fn collect_files(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{name}");
        // Follows links: a link whose blob is gone is no file.
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => collect_files(&entry.path(), &format!("{name}/"), names),
            Ok(_) => names.push(name),
            Err(_) => {}
        }
    }
}

/// Not all file systems have links, and not every user may make them.
fn link_or_move(
    link: impl FnOnce() -> io::Result<()>,
    blob: &Path,
    pointer: &Path,
    origin: BlobOrigin,
) -> io::Result<()> {
    match (link(), origin) {
        (Ok(()), _) => Ok(()),
        (Err(_), BlobOrigin::Fetched) => fs::rename(blob, pointer),
        (Err(_), BlobOrigin::Found) => fs::copy(blob, pointer).map(|_| ()),
    }
}

#[cfg(unix)]
fn symlink(target: &str, pointer: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, pointer)
}

#[cfg(windows)]
fn symlink(target: &str, pointer: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), pointer)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::super::name::RepoKind;
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn cache(root: &Path, name: &str) -> RepoCache {
        let settings = Settings { cache: root.to_owned(), ..Settings::example() };
        RepoCache::new(&settings, &HubName::parse(RepoKind::Dataset, name).unwrap())
    }

    #[test]
    fn a_linked_file_is_found_by_revision_and_by_commit() {
        let root = tempfile::tempdir().unwrap();
        let repo = cache(root.path(), "org/name");
        assert_eq!(repo.commit(), None);
        fs::create_dir_all(root.path().join("datasets--org--name/blobs")).unwrap();
        fs::write(repo.blob("abc"), "rows").unwrap();
        repo.link(COMMIT, "data/train.tsv", "abc", BlobOrigin::Found).unwrap();
        repo.write_ref(COMMIT).unwrap();
        assert_eq!(repo.commit().unwrap(), COMMIT);
        assert_eq!(repo.files(COMMIT), ["data/train.tsv"]);
        assert_eq!(fs::read_to_string(repo.snapshot(COMMIT).join("data/train.tsv")).unwrap(), "rows");
        assert_eq!(repo.etag_of(COMMIT, "data/train.tsv").unwrap(), "abc");
        assert_eq!(cache(root.path(), &format!("org/name@{COMMIT}")).commit().unwrap(), COMMIT);
        fs::remove_file(repo.blob("abc")).unwrap();
        assert_eq!(repo.files(COMMIT), Vec::<String>::new(), "a link into nothing is no file");
    }

    #[test]
    fn a_revision_with_slashes_has_its_own_reference() {
        let root = tempfile::tempdir().unwrap();
        let repo = cache(root.path(), "org/name@refs/convert/parquet");
        repo.write_ref(COMMIT).unwrap();
        let path = root.path().join("datasets--org--name/refs/refs/convert/parquet");
        assert_eq!(fs::read_to_string(path).unwrap(), COMMIT);
    }

    #[test]
    fn where_links_are_refused_a_new_blob_is_moved_and_an_old_one_copied() {
        let root = tempfile::tempdir().unwrap();
        let (blob, pointer) = (root.path().join("blob"), root.path().join("pointer"));
        for (origin, is_left) in [(BlobOrigin::Found, true), (BlobOrigin::Fetched, false)] {
            fs::write(&blob, "rows").unwrap();
            let refused = || Err(io::ErrorKind::PermissionDenied.into());
            link_or_move(refused, &blob, &pointer, origin).unwrap();
            assert_eq!(fs::read_to_string(&pointer).unwrap(), "rows");
            assert!(!fs::symlink_metadata(&pointer).unwrap().is_symlink());
            assert_eq!(blob.exists(), is_left, "{origin:?}");
        }
    }

    #[test]
    fn what_the_hub_does_not_have_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let repo = cache(root.path(), "org/name");
        assert!(!repo.is_known_absent(COMMIT, "a/b.json"));
        repo.write_absence(COMMIT, "a/b.json").unwrap();
        repo.write_absence(COMMIT, "a/b.json").unwrap();
        assert!(repo.is_known_absent(COMMIT, "a/b.json"));
        assert!(root.path().join(format!("datasets--org--name/.no_exist/{COMMIT}/a/b.json")).is_file());
    }
}
