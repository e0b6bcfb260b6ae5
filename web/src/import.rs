//! Sentences from a file, which join those that were tried.

use crate::history::{History, MAX_ENTRIES};

/// What became of the sentences of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Those that were added.
    pub n_added: usize,
    /// Those that were there already, or twice in the file.
    pub n_known: usize,
    /// Those that found no room.
    pub n_left_out: usize,
}

impl Imported {
    /// As sentences.
    #[must_use]
    pub fn in_words(self) -> String {
        let were = |n: usize| if n == 1 { format!("{n} was") } else { format!("{n} were") };
        let added = match self.n_added {
            1 => "1 sentence was added".to_owned(),
            n => format!("{n} sentences were added"),
        };
        let known = match self.n_known {
            0 => String::new(),
            n => format!(", {} there already", were(n)),
        };
        let left_out = match self.n_left_out {
            0 => String::new(),
            n => format!(
                " {} left out: the list holds {MAX_ENTRIES} sentences, and none of those you had was removed for new ones. \
                 “Remove unpinned” makes room.",
                were(n)
            ),
        };
        format!("{added}{known}.{left_out}")
    }
}

/// Adds as many sentences as there is room for, in their order, above those that are there, all of which stay.
pub fn add(history: &mut History, texts: Vec<String>) -> Imported {
    let n_texts = texts.len();
    let mut new: Vec<String> = Vec::new();
    for text in texts {
        if !new.contains(&text) && history.entries.iter().all(|entry| entry.text != text) {
            new.push(text);
        }
    }
    let n_new = new.len();
    new.truncate(MAX_ENTRIES.saturating_sub(history.entries.len()));
    let n_added = history.import(new);
    Imported { n_added, n_known: n_texts - n_new, n_left_out: n_new - n_added }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn what_was_there_stays_and_what_finds_no_room_is_told() {
        let mut history = History::default();
        history.import((0..50).map(|i| format!("mine {i}")).collect());
        let file: Vec<String> = (0..1_000).map(|i| format!("theirs {i}")).chain(["mine 3".to_owned()]).collect();
        let imported = add(&mut history, file.clone());
        assert_eq!(imported, Imported { n_added: 150, n_known: 1, n_left_out: 850 });
        assert_eq!((history.entries.len(), history.entries[0].text.as_str()), (MAX_ENTRIES, "theirs 0"));
        assert!((0..50).all(|i| history.entries.iter().any(|entry| entry.text == format!("mine {i}"))));
        assert!(imported.in_words().starts_with("150 sentences were added, 1 was there already. 850 were left out"));
        assert_eq!(add(&mut history, file).n_added, 0);
    }
}
