//! What classes are called, and which of two lists of names are the same classes.

use std::collections::BTreeMap;

use super::DatasetError;
use super::lines::{excerpt, lines, names_in_words};

/// The start of a name that says nothing but a number.
const GENERIC: &str = "LABEL_";

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
    (0..n_labels).map(|label| format!("{GENERIC}{label}")).collect()
}

/// Whether these are the names of classes that have none: `LABEL_0` and so on, or nothing but the numbers from 0, as many
/// datasets of the hub call theirs.
///
/// ```
/// use shared::dataset::{are_generic, default_label_names};
/// assert!(are_generic(&default_label_names(3)));
/// assert!(are_generic(&["0", "1"].map(str::to_owned)));
/// assert!(!are_generic(&["LABEL_1", "LABEL_0"].map(str::to_owned)));
/// assert!(!are_generic(&["1", "2"].map(str::to_owned)));
/// ```
#[must_use]
pub fn are_generic(names: &[String]) -> bool {
    let are_all = |generic: &dyn Fn(usize) -> String| names.iter().enumerate().all(|(id, name)| *name == generic(id));
    !names.is_empty() && (are_all(&|id| format!("{GENERIC}{id}")) || are_all(&|id| id.to_string()))
}

/// How the classes of one list are those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassMatch {
    /// The same names in the same order.
    Same,
    /// The same names in another order or in other letters, such as `POSITIVE` for `positive`.
    Named {
        /// Where each name of the first list stands in the second.
        places: Vec<usize>,
    },
    /// As many, of which one list has no names of its own: only numbers can be compared.
    Numbered,
    /// Other classes, or another number of them.
    Different,
}

/// Matches two lists of class names: by name, by name but for capital letters, or, where one of them has none, by number.
///
/// Hugging Face's `run_glue.py` does the same with the names of data and model, and leaves out capitals as well.
///
/// ```
/// use shared::dataset::{ClassMatch, match_classes};
/// let names = |names: [&str; 2]| names.map(str::to_owned);
/// let places = vec![1, 0];
/// assert_eq!(match_classes(&names(["pos", "neg"]), &names(["NEG", "POS"])), ClassMatch::Named { places });
/// assert_eq!(match_classes(&names(["pos", "neg"]), &names(["LABEL_0", "LABEL_1"])), ClassMatch::Numbered);
/// assert_eq!(match_classes(&names(["pos", "neg"]), &names(["yes", "no"])), ClassMatch::Different);
/// ```
#[must_use]
pub fn match_classes(from: &[String], to: &[String]) -> ClassMatch {
    if from == to {
        ClassMatch::Same
    } else if from.len() != to.len() {
        ClassMatch::Different
    } else if let Some(places) = places_of(from, to) {
        ClassMatch::Named { places }
    } else if are_generic(from) || are_generic(to) {
        ClassMatch::Numbered
    } else {
        ClassMatch::Different
    }
}

/// The classes of one list as those of another: where each of the first is among the second, and what was decided on the
/// way, none when they are the same. `of` and `other` say whose they are.
///
/// # Errors
/// When they are other classes, with both lists.
pub fn class_places(
    (of, from): (&str, &[String]),
    (other, to): (&str, &[String]),
) -> Result<(Vec<usize>, Option<String>), DatasetError> {
    let (ours, theirs) = (names_in_words(from), names_in_words(to));
    let (places, by) = match match_classes(from, to) {
        ClassMatch::Same => return Ok(((0..to.len()).collect(), None)),
        ClassMatch::Named { places } => (places, "name"),
        ClassMatch::Numbered => ((0..to.len()).collect(), "number, since one of them has no names"),
        ClassMatch::Different => {
            return Err(DatasetError::OtherClasses {
                of: of.to_owned(),
                got: ours,
                other: other.to_owned(),
                expected: theirs,
            });
        }
    };
    Ok((places, Some(format!("{other} calls the classes {theirs}, {of} {ours}: they are matched by {by}"))))
}

/// Where each name stands among `to`; none when one of them is not there.
fn places_of(from: &[String], to: &[String]) -> Option<Vec<usize>> {
    let places = places_among(from, to);
    let places = places.into_iter().collect::<Option<Vec<usize>>>()?;
    let mut taken = vec![false; to.len()];
    // Two names for one class are no match.
    places.iter().all(|place| !std::mem::replace(&mut taken[*place], true)).then_some(places)
}

/// Where each name stands among `to`, exactly or, where that is the only one left, but for capital letters.
pub(super) fn places_among(from: &[String], to: &[String]) -> Vec<Option<usize>> {
    let exact: BTreeMap<&str, usize> = to.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut in_small: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for (at, name) in to.iter().enumerate() {
        in_small.entry(name.to_lowercase()).and_modify(|other| *other = None).or_insert(Some(at));
    }
    let place = |name: &String| {
        exact.get(name.as_str()).copied().or_else(|| in_small.get(&name.to_lowercase()).copied().flatten())
    };
    from.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

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

    #[test]
    fn classes_are_matched_by_name_before_number_and_others_are_different() {
        let matched = |from: &[&str], to: &[&str]| match_classes(&names(from), &names(to));
        let named = |places: &[usize]| ClassMatch::Named { places: places.to_vec() };
        assert_eq!(matched(&["a", "b"], &["a", "b"]), ClassMatch::Same);
        assert_eq!(matched(&["a", "b", "c"], &["c", "a", "b"]), named(&[1, 2, 0]));
        assert_eq!(matched(&["LABEL_1", "LABEL_0"], &["LABEL_0", "LABEL_1"]), named(&[1, 0]));
        assert_eq!(matched(&["a", "b"], &["LABEL_0", "LABEL_1"]), ClassMatch::Numbered);
        assert_eq!(matched(&["LABEL_0", "LABEL_1"], &["1", "2"]), ClassMatch::Numbered);
        assert_eq!(matched(&["0", "1"], &["a", "b"]), ClassMatch::Numbered);
        assert_eq!(matched(&["1", "0"], &["0", "1"]), named(&[1, 0]));
        assert_eq!(matched(&["1", "2"], &["a", "b"]), ClassMatch::Different);
        assert_eq!(matched(&["a", "b"], &["a", "c"]), ClassMatch::Different);
        assert_eq!(matched(&["a", "b"], &["LABEL_0", "LABEL_1", "LABEL_2"]), ClassMatch::Different);
        // In capitals there are two of them.
        assert_eq!(matched(&["A", "a"], &["a", "A"]), named(&[1, 0]));
        assert_eq!(matched(&["a", "A"], &["a", "b"]), ClassMatch::Different);
    }
}
