//! Which bytes a file must have, as the hub names them by its etag.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::error::HubError;

/// The hash behind an etag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HubHash {
    /// Of a large file (git LFS, Xet): SHA-256 of its bytes.
    Sha256(String),
    /// Of a small one: git's name of the blob, SHA-1 of `blob <size>\0` and its bytes.
    GitSha1(String),
}

impl HubHash {
    /// The hash that an etag is by its length; none when it is something else.
    pub(super) fn from_etag(etag: &str) -> Option<Self> {
        let is_hex = etag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match etag.len() {
            64 if is_hex => Some(Self::Sha256(etag.to_owned())),
            40 if is_hex => Some(Self::GitSha1(etag.to_owned())),
            _ => None,
        }
    }

    fn expected(&self) -> (&'static str, &str) {
        match self {
            Self::Sha256(hex) => ("SHA-256", hex),
            Self::GitSha1(hex) => ("git SHA-1", hex),
        }
    }
}

/// A file's bytes as they were read.
pub(super) struct Seen {
    pub size_bytes: u64,
    /// SHA-256 (hex).
    pub sha256: String,
}

/// Reads a file and compares it with what the hub says.
///
/// # Errors
/// [`HubError::Mismatch`] with both hashes; the file stays, and `removed` says what the caller does with it.
pub(super) fn verify(what: &str, path: &Path, hash: Option<&HubHash>, removed: &'static str) -> Result<Seen, HubError> {
    let (seen, got) = read(path, hash).map_err(|source| HubError::Cache { path: path.to_owned(), source })?;
    match hash.map(HubHash::expected) {
        Some((algorithm, expected)) if expected != got => {
            Err(HubError::Mismatch { what: what.to_owned(), algorithm, expected: expected.to_owned(), got, removed })
        }
        _ => Ok(seen),
    }
}

/// What a file is, and its hash of the kind that is asked for.
fn read(path: &Path, hash: Option<&HubHash>) -> io::Result<(Seen, String)> {
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut git = match hash {
        Some(HubHash::GitSha1(_)) => Some(Sha1::new_with_prefix(format!("blob {}\0", file.metadata()?.len()))),
        _ => None,
    };
    let (mut buffer, mut size_bytes) = (vec![0; 1 << 20], 0);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        sha256.update(&buffer[..n]);
        if let Some(git) = &mut git {
            git.update(&buffer[..n]);
        }
        size_bytes += n as u64;
    }
    let sha256 = hex::encode(sha256.finalize());
    let asked = git.map_or_else(|| sha256.clone(), |git| hex::encode(git.finalize()));
    Ok((Seen { size_bytes, sha256 }, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf 'hello\n' | git hash-object --stdin` and `| sha256sum`.
    const GIT: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    #[test]
    fn both_of_the_hubs_hashes_are_those_of_git_and_sha256sum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "hello\n").unwrap();
        for etag in [GIT, SHA256] {
            let seen = verify("f", &path, HubHash::from_etag(etag).as_ref(), "").unwrap();
            assert_eq!((seen.sha256.as_str(), seen.size_bytes), (SHA256, 6));
        }
        std::fs::write(&path, "hellp\n").unwrap();
        for etag in [GIT, SHA256] {
            let error = verify("f", &path, HubHash::from_etag(etag).as_ref(), "it stays").map(|_| ()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(etag) && text.contains("got") && text.ends_with("it stays"), "{text}");
        }
    }

    #[test]
    fn an_etag_of_another_kind_is_no_hash() {
        for etag in ["abc", &"g".repeat(64), &"A".repeat(40), "ce013625030ba8dba906f756967f9e9ca394464a-2"] {
            assert_eq!(HubHash::from_etag(etag), None, "{etag}");
        }
    }
}
