//! Which model there is, or how far it is on its way.

use crate::bridge::Health;
use crate::protocol::{Loaded, ModelSource, Stage};
use crate::store::{Arrival, Store};
use leptos::prelude::*;
use std::sync::Arc;

/// One line about the model, with a true bar of bytes while it arrives.
#[component]
pub(super) fn ModelStatus() -> impl IntoView {
    let store = Store::get();
    let data_state = move || {
        let is_loading = store.loading.with(Option::is_some);
        match store.arrival() {
            Arrival::Here if !is_loading => "ready",
            Arrival::Absent if store.failure.with(Option::is_some) => "failed",
            Arrival::Absent => "none",
            Arrival::Here | Arrival::OnItsWay => "loading",
        }
    };
    let name = move || store.loaded.with(|loaded| loaded.as_ref().map(|loaded| loaded.model.name.clone()));
    let words = move || match (store.loading.get(), store.loaded.get()) {
        (None, Some(loaded)) => ready(&loaded),
        (Some((_, progress)), loaded) => match progress.stage {
            Stage::Transfer if progress.total > 0 => format!(
                "Loading the model: {} of {}.{}",
                megabytes(progress.done),
                megabytes(progress.total),
                match loaded {
                    Some(before) => format!(" Until it is here, the answers are those of {}.", before.model.name),
                    None if store.told().is_some() =>
                        " Until it is here, you see answers that it gave earlier.".to_owned(),
                    None => String::new(),
                }
            ),
            Stage::Transfer => format!("Loading the model: {}.", megabytes(progress.done)),
            Stage::Unpack => "Checking and unpacking the model.".to_owned(),
            Stage::Rows | Stage::Steps => "Reading the labelled sentences.".to_owned(),
        },
        (None, None) => match store.health.get() {
            Health::Starting => "The program behind this page is starting.".to_owned(),
            Health::Ready => store.arrival().words().to_owned(),
            Health::Stopped(_) => "The program behind this page has stopped.".to_owned(),
        },
    };
    let bar = move || {
        store.loading.get().map(|(_, progress)| {
            let stage = match progress.stage {
                Stage::Transfer => "transfer",
                Stage::Unpack => "unpack",
                Stage::Rows | Stage::Steps => "rows",
            };
            let (done, total) = (progress.done.to_string(), progress.total.max(1).to_string());
            view! {
                <progress data-testid="load-progress" data-stage=stage value=done max=total aria-label="Loading the model" />
                <button
                    type="button"
                    class="compact"
                    data-testid="cancel-load"
                    on:click=move |_| store.cancel(store.loading)
                >"Cancel loading"</button>
            }
        })
    };
    view! {
        <section class="stack small" aria-label="The model" data-testid="model" data-state=data_state data-name=name>
            <p role="status" class="quiet">{words}</p>
            {bar}
        </section>
    }
}

fn ready(loaded: &Arc<Loaded>) -> String {
    let model = &loaded.model;
    let source = match &loaded.source {
        ModelSource::Bundle { is_cached: true, .. } => "from this browser's cache",
        ModelSource::Bundle { .. } => "from this page",
        ModelSource::Files { .. } => "from your files",
        ModelSource::Run { .. } => "from a run folder",
    };
    format!("{}, {source}. It runs on your machine; nothing is sent anywhere.", model.name)
}

/// Bytes for people.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e5 => format!("{:.1} kB", bytes / 1e3),
        bytes if bytes > 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.1} MB", bytes / 1e6),
    }
}
