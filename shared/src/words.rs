//! Words in sentences.

/// Words with commas, and a conjunction before the last.
///
/// ```
/// use shared::words::listed;
/// assert_eq!(listed(&["a"], "or"), "a");
/// assert_eq!(listed(&["a", "b", "c"], "or"), "a, b or c");
/// ```
#[must_use]
pub fn listed(words: &[impl AsRef<str>], conjunction: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [init @ .., last] => format!("{} {conjunction} {last}", init.join(", ")),
    }
}

/// A word as a sentence begins with it.
///
/// ```
/// assert_eq!(shared::words::capitalised("élan"), "Élan");
/// ```
#[must_use]
pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
