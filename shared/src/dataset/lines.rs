//! The lines of a text file.

/// The lines of a file with their numbers from 1, without line ends and byte order mark.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // What follows the last line end is a line only if there is something.
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let n_lines = if bytes.is_empty() { 0 } else { usize::MAX };
    body.split(|&byte| byte == b'\n')
        .take(n_lines)
        .enumerate()
        .map(|(i, line)| (i + 1, line.strip_suffix(b"\r").unwrap_or(line)))
}
