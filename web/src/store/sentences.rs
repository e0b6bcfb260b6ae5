//! The tried sentences, kept beyond this visit and the same in every tab of this browser.
//!
//! The store is the browser's own and not gloo-storage, which throws where a visitor forbids a page to keep anything:
//! here the page then works all the same.

use super::handle::Store;
use crate::history::{Entry, History};
use leptos::{ev, prelude::*};

/// The name under which they are kept.
const KEY: &str = "bert-heal history 1";

/// What was kept; nothing where the browser keeps nothing.
pub(super) fn history() -> History {
    kept().as_deref().map(read).unwrap_or_default()
}

fn kept() -> Option<String> {
    storage()?.get_item(KEY).ok().flatten()
}

/// What an older version kept and this one cannot read is given up: it is a list of tried sentences.
fn read(text: &str) -> History {
    serde_json::from_str(text).unwrap_or_default()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

impl Store {
    /// Keeps the tried sentences, and takes over what another tab makes of them.
    pub(super) fn keep_history(&self) {
        let history = self.history;
        // What this tab and the browser's store last had in common, as a list and as the text that is kept.
        let common = StoredValue::new((history.get_untracked(), kept()));
        let listener = window_event_listener(ev::storage, move |event| {
            // This tab keeps each of its changes at once: there are none that the other one's would undo.
            let theirs = kept().filter(|_| event.key().as_deref() == Some(KEY));
            if let Some(text) = theirs.filter(|text| common.with_value(|(_, known)| known.as_ref() != Some(text))) {
                let theirs = read(&text);
                common.set_value((theirs.clone(), Some(text)));
                history.set(theirs);
            }
        });
        on_cleanup(move || listener.remove());
        Effect::new(move |_| {
            let ours = history.get();
            let (before, known) = common.get_value();
            if ours == before {
                return;
            }
            let now = kept();
            let list = match &now {
                // A tab that sleeps does not hear of the others' changes before it wakes.
                Some(theirs) if now != known => merged(&before, &ours, &read(theirs)),
                _ => ours.clone(),
            };
            let text = serde_json::to_string(&list).unwrap_or_default();
            // A full or forbidden store loses the sentences with the tab, and nothing else.
            let _ = storage().map(|storage| storage.set_item(KEY, &text));
            common.set_value((list.clone(), kept()));
            if list != ours {
                history.set(list);
            }
        });
    }
}

/// What two tabs made of the list that was there `before`: what either added, without what either removed. Of a sentence
/// that both changed it is ours.
fn merged(before: &History, ours: &History, theirs: &History) -> History {
    let is_unchanged = |entry: &Entry| before.entries.contains(entry);
    let find = |list: &History, text: &str| list.entries.iter().find(|entry| entry.text == text).cloned();
    let added =
        theirs.entries.iter().filter(|entry| find(ours, &entry.text).is_none() && !is_unchanged(entry)).cloned();
    let kept = ours.entries.iter().filter_map(|own| match find(theirs, &own.text) {
        Some(other) if is_unchanged(own) => Some(other),
        None if is_unchanged(own) => None,
        _ => Some(own.clone()),
    });
    let mut list = History { entries: added.chain(kept).collect() };
    // Cuts the list to its length.
    list.import(Vec::new());
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn list(entries: &[(&str, bool)]) -> History {
        let entry = |(text, is_pinned): &(&str, bool)| Entry {
            text: (*text).to_owned(),
            is_pinned: *is_pinned,
            said: None,
            damage: String::new(),
        };
        History { entries: entries.iter().map(entry).collect() }
    }

    #[wasm_bindgen_test]
    fn two_tabs_lose_nothing_of_each_other() {
        let before =
            list(&[("both", false), ("pinned there", false), ("removed there", false), ("removed here", false)]);
        let ours = list(&[("new here", false), ("both", true), ("pinned there", false), ("removed there", false)]);
        let theirs = list(&[("new there", true), ("both", false), ("pinned there", true), ("removed here", false)]);
        let expected = [("new there", true), ("new here", false), ("both", true), ("pinned there", true)];
        assert_eq!(merged(&before, &ours, &theirs), list(&expected));
        assert_eq!(merged(&before, &ours, &before), ours);
    }
}
