//! Class names: `labels.txt`, one name a line in the order of label ids.

use super::DatasetError;
use super::error::excerpt;
use super::tsv::lines;

/// Reads class names, one a line; the line's position is the label id.
///
/// # Errors
/// When a line is empty, not UTF-8 or repeats an earlier name, or there is none at all.
pub fn parse_label_names(file: &str, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let mut names: Vec<String> = Vec::new();
    for (line, row) in lines(bytes) {
        let wrong = |got: String| DatasetError::LabelNames { file: file.to_owned(), line, got };
        let name =
            std::str::from_utf8(row).map_err(|_| wrong(format!("bytes that are not UTF-8: {}", excerpt(row))))?.trim();
        if name.is_empty() {
            return Err(wrong("an empty line".to_owned()));
        }
        if let Some(earlier) = names.iter().position(|other| other == name) {
            return Err(wrong(format!("{name:?}, which is also line {}", earlier + 1)));
        }
        names.push(name.to_owned());
    }
    if names.is_empty() {
        return Err(DatasetError::LabelNames { file: file.to_owned(), line: 1, got: "an empty file".to_owned() });
    }
    Ok(names)
}

/// The names Hugging Face gives classes that have none: `LABEL_0`, `LABEL_1`, …
#[must_use]
pub fn default_label_names(n_labels: usize) -> Vec<String> {
    (0..n_labels).map(|label| format!("LABEL_{label}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_read_in_order_of_their_ids() {
        assert_eq!(
            parse_label_names("labels.txt", b"\xEF\xBB\xBFnegative\r\nvery positive").unwrap(),
            ["negative", "very positive"]
        );
        assert_eq!(default_label_names(2), ["LABEL_0", "LABEL_1"]);
    }

    #[test]
    fn empty_repeated_and_unreadable_label_names_are_refused_by_line() {
        let message = |bytes: &[u8]| parse_label_names("labels.txt", bytes).unwrap_err().to_string();
        assert_eq!(
            message(b"a\n\nb\n"),
            "labels.txt, line 2: expected one class name a line, each once; got an empty line"
        );
        assert_eq!(
            message(b"a\nb\na\n"),
            "labels.txt, line 3: expected one class name a line, each once; got \"a\", which is also line 1"
        );
        assert!(message(b"a\n\xFF\n").starts_with("labels.txt, line 2: "));
        assert!(message(b"").ends_with("got an empty file"));
    }
}
