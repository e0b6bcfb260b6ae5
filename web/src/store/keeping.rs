//! The address and the browser's own store: what outlives a reload.
//!
//! The store is the browser's own and not gloo-storage, which throws where a visitor forbids a page to keep anything:
//! here the page then works all the same.

use super::handle::Store;
use super::steps::Steps;
use crate::history::History;
use crate::lessons::state_of_address;
use crate::state::State;
use leptos::{ev, prelude::*};

/// The name under which the history is kept.
const HISTORY_KEY: &str = "bert-heal history 1";

/// What was kept; nothing where the browser keeps nothing.
pub(super) fn history() -> History {
    let kept = storage().and_then(|storage| storage.get_item(HISTORY_KEY).ok().flatten());
    // What an older version kept and this one cannot read is given up: it is a list of tried sentences.
    kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

impl Store {
    /// Keeps the address and the state the same. What the visitor chose of the plan, the seed, the view or the lesson is a
    /// step in the browser's history; everything else replaces the address.
    pub(super) fn follow_address(&self) {
        let store = *self;
        let listener = window_event_listener(ev::popstate, move |_| {
            let hash = location_hash().unwrap_or_default();
            let (state, refusals) = state_of_address(&hash);
            store.steps.update_value(Steps::leave);
            if store.state.with_untracked(|now| *now != state) {
                store.state.set(state);
            }
            store.refusals.set(refusals);
        });
        on_cleanup(move || listener.remove());
        Effect::new(move |before: Option<State>| {
            let state = store.state.get();
            let hash = state.to_hash();
            let is_chosen = store.steps.try_update_value(Steps::take).unwrap_or_default();
            let is_step = is_chosen
                && before.as_ref().is_some_and(|before| {
                    before.plan != state.plan
                        || before.seed != state.seed
                        || before.view != state.view
                        || before.lesson != state.lesson
                });
            // An address that was opened without any choice stays as it is.
            let is_first = before.is_none();
            let now = location_hash().unwrap_or_default();
            let is_changed = !is_first && hash.trim_start_matches('#') != now.trim_start_matches('#');
            if let Some(history) = window().history().ok().filter(|_| is_changed) {
                // Refused only to a document that is gone, or after hundreds of changes a second.
                let null = wasm_bindgen::JsValue::NULL;
                let _ = if is_step {
                    history.push_state_with_url(&null, "", Some(&hash))
                } else {
                    history.replace_state_with_url(&null, "", Some(&hash))
                };
            }
            state
        });
    }

    /// Keeps the tried sentences beyond this visit.
    pub(super) fn keep_history(&self) {
        let history = self.history;
        Effect::new(move |_| {
            let text = history.with(|history| serde_json::to_string(history).unwrap_or_default());
            // A full or forbidden store loses the history with the tab, and nothing else.
            let _ = storage().map(|storage| storage.set_item(HISTORY_KEY, &text));
        });
    }
}
