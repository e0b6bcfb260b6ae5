//! Which model is on show: whose answers, whose data and whose licence the page may put under its name.
//!
//! A bundle's manifest arrives before its weights, and stays when the visitor loads files of his own. What it tells belongs
//! to its own model: it is shown while there is no other.

use super::handle::Store;
use super::preview::Preview;
use crate::protocol::{Loaded, ModelSource};
use leptos::prelude::*;
use std::sync::Arc;

/// Whether there is a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// There is none, and none was asked for.
    Absent,
    /// The first one was asked for.
    OnItsWay,
    /// One is there; another one may be on its way.
    Here,
}

impl Arrival {
    /// What to say where something waits for the model.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "No model is loaded yet: choose one under “Model”.",
            Self::OnItsWay => "The model is on its way…",
            Self::Here => "Waiting for the model…",
        }
    }
}

impl Store {
    /// Whether there is a model.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        if self.loaded.with(Option::is_some) {
            Arrival::Here
        } else if self.is_opening.get() || self.loading.with(Option::is_some) {
            Arrival::OnItsWay
        } else {
            Arrival::Absent
        }
    }

    /// What an answer to the sentence waits for.
    #[must_use]
    pub fn awaited(&self) -> &'static str {
        if self.state.with(|state| state.text.trim().is_empty()) { "Type a sentence." } else { self.arrival().words() }
    }

    /// What the bundle of the model on show tells of itself; nothing when that model came from elsewhere.
    #[must_use]
    pub fn told(&self) -> Option<Arc<Preview>> {
        let preview = self.preview.get()?;
        let is_its_own =
            self.loaded.with(|loaded| loaded.as_ref().is_none_or(|loaded| bundle_of(loaded) == Some(&preview.name)));
        is_its_own.then_some(preview)
    }

    /// The folder name of the bundle on show; while there is no model, of the one that was asked for.
    #[must_use]
    pub fn bundle_on_show(&self) -> Option<String> {
        if let Some(of_model) =
            self.loaded.with(|loaded| loaded.as_ref().map(|loaded| bundle_of(loaded).map(str::to_owned)))
        {
            return of_model;
        }
        let wanted = self.state.with(|state| state.bundle.clone());
        if wanted.is_empty() {
            self.bundles.with(|bundles| bundles.first().map(|first| first.name.clone()))
        } else {
            Some(wanted)
        }
    }
}

/// The folder name of the bundle that a model came from, if it lies beside the page.
fn bundle_of(loaded: &Loaded) -> Option<&str> {
    match &loaded.source {
        ModelSource::Bundle { url, .. } => url.trim_end_matches('/').rsplit('/').next(),
        ModelSource::Files { .. } | ModelSource::Run { .. } => None,
    }
}
