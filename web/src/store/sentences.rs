//! The tried sentences, kept beyond this visit and the same in every tab of this browser.

use super::handle::Store;
use super::kept::{Kept, keep};
use crate::history::{Entry, History};

impl Kept for History {
    const KEY: &'static str = "bert-heal history 1";

    fn merged(before: &Self, ours: &Self, theirs: &Self) -> Self {
        merged(before, ours, theirs)
    }
}

impl Store {
    /// Keeps the tried sentences, and takes over what another tab makes of them. A full or forbidden store loses the
    /// sentences with the tab, and nothing else.
    pub(super) fn keep_history(&self) {
        keep(self.history, || {});
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
