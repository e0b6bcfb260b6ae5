//! The page's start: the store is made, follows what it has to follow, and opens the first model.

use super::handle::Store;
use super::kept::kept;
use crate::lessons::state_of_address;
use leptos::prelude::*;

impl Store {
    /// Starts the worker and hands the store to all components.
    #[must_use]
    pub fn provide() -> Self {
        let (state, refusals) = state_of_address(&location_hash().unwrap_or_default());
        let store = Self::new(state, refusals, kept());
        provide_context(store);
        store.follow_address();
        store.keep_history();
        store.keep_runs();
        store.follow_damage();
        store.follow_graft();
        store.follow_weight();
        store.follow_sentence();
        store.follow_view();
        store.open_first_bundle();
        store
    }
}
