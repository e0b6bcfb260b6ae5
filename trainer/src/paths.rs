//! Paths as people write them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The absolute path without links of what is there.
///
/// `fs::canonicalize` puts `\\?\` before it on Windows, which confuses who reads it in a message or copies it into
/// another program.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let canonical = fs::canonicalize(path)?;
    Ok(canonical.to_str().and_then(without_prefix).map_or(canonical.clone(), PathBuf::from))
}

/// A path on a drive or a server without the prefix, unless it is too long to be opened so.
fn without_prefix(path: &str) -> Option<String> {
    const LONGEST: usize = 259;
    let rest = path.strip_prefix(r"\\?\")?;
    let plain = match rest.strip_prefix(r"UNC\") {
        Some(share) => format!(r"\\{share}"),
        None if rest.as_bytes().get(1) == Some(&b':') => rest.to_owned(),
        None => return None,
    };
    (plain.encode_utf16().count() <= LONGEST).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_windows_goes_where_the_path_means_the_same_without() {
        assert_eq!(without_prefix(r"\\?\C:\runs\a").unwrap(), r"C:\runs\a");
        assert_eq!(without_prefix(r"\\?\UNC\school\runs").unwrap(), r"\\school\runs");
        for other in ["/home/u/runs", r"C:\runs", r"\\?\Volume{01}\runs", &format!(r"\\?\C:\{}", "x".repeat(260))] {
            assert_eq!(without_prefix(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_is_named_without_links_and_dots() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let expected = canonical(folder.path()).unwrap().join("a");
        assert_eq!(canonical(&folder.path().join("a/../a")).unwrap(), expected);
        assert!(canonical(&folder.path().join("b")).is_err());
    }
}
