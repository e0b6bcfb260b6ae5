//! Where the model comes from, another one, and what is kept in the browser.

use super::files::OwnModel;
use super::model_status::megabytes;
use crate::protocol::{Loaded, Purge, Storage};
use crate::store::Store;
use leptos::prelude::*;
use shared::bundle::IndexEntry;
use shared::figure::Unit;
use std::sync::Arc;

/// The page's fifth view.
#[component]
pub(super) fn ModelView() -> impl IntoView {
    let store = Store::get();
    let facts = move || store.loaded.get().map(|loaded| facts(&loaded));
    let bundles = move || store.bundles.get().into_iter().map(|entry| bundle(store, entry)).collect_view();
    let terms = move || {
        let of_page = store.told();
        let dataset = of_page.as_ref().map(|told| told.dataset.clone());
        let notice = of_page.map(|told| told.notice.clone()).or_else(|| {
            // Files of the visitor may be a bundle, too.
            store.loaded.with(|loaded| Some(loaded.as_ref()?.bundle.as_ref()?.notice.clone()))
        });
        let is_own = notice.is_none() && store.loaded.with(Option::is_some);
        view! {
            {dataset.map(|dataset| view! { <dt>"Data"</dt><dd>{dataset}</dd> })}
            {notice.map(|notice| view! { <dt>"Derived from"</dt><dd>{notice}</dd> })}
            {is_own.then(|| view! {
                <dt>"Terms"</dt><dd>"those of the files that you loaded, of which this page knows nothing"</dd>
            })}
        }
    };
    view! {
        <div class="two">
            <section class="panel stack" aria-labelledby="model-title">
                <h2 id="model-title">"This model"</h2>
                <dl class="facts" data-testid="model-facts">{facts}{terms}</dl>
                <h3>"Models on this page"</h3>
                <ul class="stack">{bundles}</ul>
            </section>
            <OwnModel />
            <StoragePanel />
        </div>
    }
}

fn bundle(store: Store, entry: IndexEntry) -> impl IntoView {
    let IndexEntry { name, title, size_bytes, .. } = entry;
    let of_name = name.clone();
    let is_current = Memo::new(move |_| store.bundle_on_show().as_ref() == Some(&of_name));
    view! {
        <li class="row apart">
            <span>{title}" "<span class="small quiet">{megabytes(size_bytes)}</span></span>
            <button
                type="button"
                class="compact"
                data-testid=format!("bundle-{name}")
                aria-pressed=move || is_current.get().to_string()
                on:click=move |_| store.switch_bundle(&name)
            >
                {move || if is_current.get() { "Load again" } else { "Load" }}
            </button>
        </li>
    }
}

fn facts(loaded: &Arc<Loaded>) -> impl IntoView + use<> {
    let model = &loaded.model;
    let count = |n: usize| Unit::Count.format(n as f64);
    let percent =
        |share: Option<f64>| share.map_or("not measured".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    let mut rows = vec![
        ("Name", model.name.clone()),
        ("Shape", format!("{} layers, {} heads, width {}", model.n_layers, model.n_heads, model.hidden_size)),
        ("Parameters", count(model.n_parameters)),
        (
            "Memory",
            format!(
                "{} for weights, about {} more to heal all layers",
                megabytes(model.size_bytes),
                megabytes(model.healing_bytes)
            ),
        ),
        ("Input", format!("up to {} word pieces, from a vocabulary of {}", model.max_length, count(model.vocab_size))),
        ("Classes", model.labels.join(", ")),
    ];
    if let Some(bundle) = &loaded.bundle {
        if let Some(numerics) = bundle.superseded_numerics {
            rows.push((
                "Version",
                format!(
                    "superseded (numerics {numerics}): made with an earlier version of the arithmetic, whose figures \
                     must not be pooled with today's"
                ),
            ));
        }
        rows.push(("Download", megabytes(bundle.transfer_bytes)));
        rows.push((
            "Accuracy",
            format!(
                "{} with the quantised weights used here, {} with the original ones",
                percent(bundle.accuracy_quantized),
                percent(bundle.accuracy_f32)
            ),
        ));
    }
    if let Some(counts) = loaded.rows {
        rows.push((
            "Sentences",
            format!("{} for healing, {} held out", count(counts.n_train), count(counts.n_held_out)),
        ));
    }
    let notes = loaded.notes.iter().map(|note| view! { <dt>"Note"</dt><dd>{note.clone()}</dd> }).collect_view();
    let rows = rows.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view();
    view! { {rows}{notes} }
}

/// What the page keeps in this browser, and how to get rid of it.
#[component]
fn StoragePanel() -> impl IntoView {
    let store = Store::get();
    store.refresh_storage();
    let data = move |read: fn(&Storage) -> u64| {
        move || store.storage.with(|storage| storage.as_ref().map(|storage| read(storage).to_string()))
    };
    let words = move || {
        store.storage.with(|storage| match storage {
            None => "Checking…".to_owned(),
            Some(storage) if !storage.is_available => {
                "This browser stores nothing for this page (a private window, or no HTTPS): everything is downloaded again \
                 each time, and snapshots last until the tab is closed."
                    .to_owned()
            }
            Some(storage) => {
                let quota = storage.quota_bytes.map_or(String::new(), |quota| format!(" of {} allowed", megabytes(quota)));
                format!(
                    "{} of models in {} files and {} of healing in {} snapshots; {} in all{quota}.",
                    megabytes(storage.models_bytes),
                    storage.n_model_files,
                    megabytes(storage.moments_bytes),
                    storage.n_moments,
                    storage.usage_bytes.map_or("an unknown amount".to_owned(), megabytes)
                )
            }
        })
    };
    let is_kept = move || store.storage.with(|storage| storage.as_ref().is_some_and(|storage| storage.is_available));
    let button = move |id: &'static str, name: &'static str, what: Purge| {
        view! {
            <button type="button" class="compact" data-testid=id on:click=move |_| store.purge(what)>{name}</button>
        }
    };
    view! {
        <section
            class="panel stack"
            aria-labelledby="storage-title"
            data-testid="storage"
            data-models-bytes=data(|storage| storage.models_bytes)
            data-moments-bytes=data(|storage| storage.moments_bytes)
        >
            <h2 id="storage-title">"Stored in this browser"</h2>
            <p class="small numbers">{words}</p>
            <p class="small quiet">
                <Show when=is_kept>
                    <span>"After the first visit, the page and its models work offline. Stored files are versioned and checked against their hash. "</span>
                </Show>
                "For a classroom without any network: "
                <a href="bert-heal-class.zip" download data-testid="class-zip">"download everything for class"</a>
                " (a zip file; START.txt in it says how to open it)."
            </p>
            <div class="row">
                {button("purge-models", "Delete models", Purge::Models)}
                {button("purge-moments", "Delete snapshots", Purge::Moments)}
                {button("purge", "Delete everything", Purge::Everything)}
            </div>
        </section>
    }
}
