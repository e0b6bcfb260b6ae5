//! One file of the hub into the cache: it goes on where it was cut, and is not there until it was verified.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use shared::record::SourceFile;

use super::cache::{BlobOrigin, RepoCache};
use super::client::{ATTEMPTS, Client, FileMetadata, pause};
use super::error::HubError;
use super::name::HubName;
use super::verify::{Seen, verify};
use crate::atomic;
use crate::progress::Transfer;
use crate::say;

const REMOVED: &str = "the file was removed; repeat the command to fetch it again";

/// A commit on the hub, and the cache that its files come into.
pub(super) struct Origin<'a> {
    pub client: &'a Client,
    pub cache: &'a RepoCache,
    pub name: &'a HubName,
    pub commit: &'a str,
}

/// Brings a file of a commit into the cache.
pub(super) fn download(origin: &Origin<'_>, path: &str, transfer: &mut Transfer) -> Result<SourceFile, HubError> {
    let Origin { client, cache, name, commit } = origin;
    let what = format!("{}/{path}", name.id);
    let metadata = client.metadata(name, commit, path)?;
    let _lock =
        cache.lock(&metadata.etag, || transfer.note(&format!("{what}: waiting for another process to fetch it")))?;
    let blob = cache.blob(&metadata.etag);
    let pointer = cache.snapshot(commit).join(path);
    // Another process, or another revision with the same bytes, may have brought it.
    let seen = if blob.is_file() {
        let seen = verify(&what, &blob, metadata.hash.as_ref(), REMOVED).inspect_err(|_| remove(&blob))?;
        transfer.advance(seen.size_bytes);
        cache.link(commit, path, &metadata.etag, BlobOrigin::Found)?;
        seen
    } else if cache.is_real(commit, path)
        && let Ok(seen) = verify(&what, &pointer, metadata.hash.as_ref(), REMOVED)
        && seen.size_bytes == metadata.size
    {
        transfer.advance(seen.size_bytes);
        seen
    } else {
        let seen = fetch(origin, path, &metadata, transfer)?;
        cache.link(commit, path, &metadata.etag, BlobOrigin::Fetched)?;
        seen
    };
    if metadata.hash.is_none() {
        transfer.note(&format!("note: {what}: the server gives no hash, so only the size was checked"));
    }
    Ok(SourceFile { name: path.to_owned(), size_bytes: seen.size_bytes, sha256: seen.sha256 })
}

/// Verifies a file that the cache has: its blob is named by its hash, or the listing has it. A damaged one is removed.
pub(super) fn cached(cache: &RepoCache, name: &HubName, commit: &str, path: &str) -> Result<SourceFile, HubError> {
    let pointer = cache.snapshot(commit).join(path);
    let etag = cache.etag_of(commit, path);
    let hash = cache.hash_of(commit, path);
    let what = format!("{}/{path} in the cache", name.id);
    let seen = verify(&what, &pointer, hash.as_ref(), REMOVED).inspect_err(|error| {
        if let HubError::Mismatch { .. } = error {
            if let Some(etag) = &etag {
                remove(&cache.blob(etag));
            }
            remove(&pointer);
        }
    })?;
    Ok(SourceFile { name: path.to_owned(), size_bytes: seen.size_bytes, sha256: seen.sha256 })
}

/// Fetches the bytes that are missing, verifies all of them, and gives the blob its name.
fn fetch(origin: &Origin<'_>, path: &str, metadata: &FileMetadata, transfer: &mut Transfer) -> Result<Seen, HubError> {
    let what = format!("{}/{path}", origin.name.id);
    let blob = origin.cache.blob(&metadata.etag);
    let incomplete = origin.cache.blob(&format!("{}.incomplete", metadata.etag));
    let on_disk = |source| HubError::Cache { path: incomplete.clone(), source };
    let mut file = open(&incomplete).map_err(on_disk)?;
    let mut n_bytes = file.metadata().map_err(on_disk)?.len();
    if n_bytes > metadata.size {
        start_over(&mut file).map_err(on_disk)?;
        n_bytes = 0;
    } else if n_bytes > 0 {
        transfer.note(&format!("{what}: resuming at byte {n_bytes} of {}", metadata.size));
        transfer.advance(n_bytes);
    }
    let mut n_failures = 0;
    while n_bytes < metadata.size {
        let before = n_bytes;
        match more(origin, path, metadata.size, &mut file, &mut n_bytes, transfer) {
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                // Every new byte is progress: a bad line ends well, a dead one ends.
                n_failures = if n_bytes > before { 1 } else { n_failures + 1 };
                if n_failures >= ATTEMPTS {
                    return Err(error);
                }
                pause(&error, n_failures, |text| transfer.note(text));
            }
            Err(error) => return Err(error),
        }
    }
    file.sync_all().map_err(on_disk)?;
    let seen = verify(&what, &incomplete, metadata.hash.as_ref(), REMOVED).inspect_err(|_| remove(&incomplete))?;
    atomic::rename(&incomplete, &blob).map_err(|source| HubError::Cache { path: blob, source })?;
    Ok(seen)
}

/// One request for what is missing; `n_bytes` counts what is on disk, also when the connection breaks off.
fn more(
    origin: &Origin<'_>,
    path: &str,
    size: u64,
    file: &mut File,
    n_bytes: &mut u64,
    transfer: &mut Transfer,
) -> Result<(), HubError> {
    let Origin { client, name, commit, .. } = origin;
    let what = format!("{}/{path}", name.id);
    let on_disk = |source| HubError::Cache { path: path.into(), source };
    let (starts_at, mut body) = client.bytes(name, commit, path, *n_bytes)?;
    if starts_at != *n_bytes {
        transfer.note(&format!("{what}: the server does not support ranges, so the download starts over"));
        start_over(file).map_err(on_disk)?;
        transfer.go_back(*n_bytes);
        *n_bytes = 0;
    }
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match body.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(client.read_error(&what, error)),
        };
        if n == 0 {
            break;
        }
        if *n_bytes + n as u64 > size {
            return Err(HubError::Protocol { what, problem: format!("expected {size} bytes, got more") });
        }
        file.write_all(&buffer[..n]).map_err(on_disk)?;
        *n_bytes += n as u64;
        transfer.advance(n as u64);
    }
    if *n_bytes < size {
        return Err(HubError::Cut { what, reason: format!("expected {size} bytes, got {n_bytes}") });
    }
    Ok(())
}

/// Opens the file of a download at its end; a cut one is continued.
fn open(incomplete: &Path) -> io::Result<File> {
    if let Some(folder) = incomplete.parent() {
        fs::create_dir_all(folder)?;
    }
    // Not for appending, with which Windows would not let it start over.
    let mut file = File::options().write(true).create(true).truncate(false).open(incomplete)?;
    file.seek(io::SeekFrom::End(0))?;
    Ok(file)
}

fn start_over(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        say!("note: cannot remove {}: {error}", path.display());
    }
}
