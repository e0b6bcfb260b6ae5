//! The address, which outlives a reload.

use super::handle::Store;
use super::steps::Steps;
use crate::lessons::state_of_address;
use crate::state::State;
use leptos::{ev, prelude::*};

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
}
