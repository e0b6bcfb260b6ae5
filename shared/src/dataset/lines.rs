//! Bytes cut into lines, and excerpts of them: what stands in a file, short enough for a sentence and with nothing in it that
//! cannot be seen.

/// Names that are shown of a long list.
const MAX_SHOWN: usize = 20;

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

/// Bytes as a short quoted string, for messages.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 60;
    // Four bytes hold any character, so this is enough and keeps a huge line from being copied.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * (MAX_CHARS + 1))]);
    if text.chars().count() > MAX_CHARS {
        format!("{:?}…", text.chars().take(MAX_CHARS).collect::<String>())
    } else {
        format!("{text:?}")
    }
}

/// Names as a list of bounded length. Those that are not plain words, such as one with a blank that cannot be seen, are
/// quoted and shortened.
///
/// ```
/// use shared::dataset::names_in_words;
/// assert_eq!(names_in_words(&["pos".to_owned(), "pos\u{200b}".to_owned()]), r#"pos, "pos\u{200b}""#);
/// ```
#[must_use]
pub fn names_in_words(names: &[String]) -> String {
    let more = if names.len() > MAX_SHOWN { format!(" and {} more", names.len() - MAX_SHOWN) } else { String::new() };
    names.iter().take(MAX_SHOWN).map(|name| name_in_words(name)).collect::<Vec<_>>().join(", ") + &more
}

/// A name, quoted unless all of it can be seen and is one entry of a list.
fn name_in_words(name: &str) -> String {
    const MAX_BYTES: usize = 60;
    // Debug escapes what has no shape of its own, such as a zero-width space.
    let is_seen = |c: char| c == ' ' || c == '\'' || (!c.is_whitespace() && c.escape_debug().count() == 1);
    let is_plain = !name.is_empty()
        && name.len() <= MAX_BYTES
        && name.trim() == name
        && !name.contains("  ")
        && name.chars().all(|c| c != ',' && is_seen(c));
    if is_plain { name.to_owned() } else { excerpt(name.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_seen_whole_is_quoted() {
        let shown = |name: &str| names_in_words(&[name.to_owned()]);
        for plain in ["positive", "very positive", "don't", "café", "1", "C++"] {
            assert_eq!(shown(plain), plain);
        }
        for (name, quoted) in [("a, b", "\"a, b\""), ("a ", "\"a \""), ("", "\"\""), ("a  b", "\"a  b\"")] {
            assert_eq!(shown(name), quoted);
        }
        assert_eq!(shown("a\u{a0}b"), r#""a\u{a0}b""#);
        assert_eq!(names_in_words(&["a"; 23].map(str::to_owned)), format!("{} and 3 more", ["a"; 20].join(", ")));
    }
}
