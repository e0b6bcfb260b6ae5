//! Pointers of git-lfs, which lie where a large file should when a repository was cloned without it.

/// How every pointer begins (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const START: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// No pointer is longer.
const MAX_BYTES: usize = 1024;

/// What to say of a file that is a pointer; none for any other file.
///
/// ```
/// use shared::git_lfs::pointer;
///
/// let file = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 90868376\n";
/// let expected = "it is a git-lfs pointer, not the file of 90868376 bytes: run `git lfs pull` in its folder, or download \
///                 the file itself";
/// assert_eq!(pointer(file).as_deref(), Some(expected));
/// assert_eq!(pointer(b"{}"), None);
/// ```
#[must_use]
pub fn pointer(file: &[u8]) -> Option<String> {
    if file.len() > MAX_BYTES || !file.starts_with(START) {
        return None;
    }
    let text = String::from_utf8_lossy(file);
    let size = text.lines().find_map(|line| line.strip_prefix("size ")?.parse::<u64>().ok());
    let size = size.map_or(String::new(), |size| format!(" of {size} bytes"));
    Some(format!(
        "it is a git-lfs pointer, not the file{size}: run `git lfs pull` in its folder, or download the file itself"
    ))
}
