//! Where the model comes from, another one, and what is kept in the browser.

use super::files::OwnModel;
use super::model_status::megabytes;
use super::storage_panel::StoragePanel;
use crate::protocol::Loaded;
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
        store.preview.get().map(|preview| {
            view! {
                <dt>"Data"</dt><dd>{preview.dataset.clone()}</dd>
                <dt>"Derived from"</dt><dd>{preview.notice.clone()}</dd>
            }
        })
    };
    view! {
        <div class="two">
            <section class="panel stack" aria-labelledby="model-title">
                <h2 id="model-title">"This model"</h2>
                <dl class="facts">{facts}{terms}</dl>
                <h3>"Models of this page"</h3>
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
    let is_current = Memo::new(move |_| {
        let wanted = store.state.with(|state| state.bundle.clone());
        let first = store.bundles.with(|bundles| bundles.first().map(|first| first.name.clone()));
        wanted == of_name || (wanted.is_empty() && first.as_ref() == Some(&of_name))
    });
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
        ("Numbers", count(model.n_parameters)),
        (
            "Memory",
            format!(
                "{} for weights, about {} more to heal all layers",
                megabytes(model.size_bytes),
                megabytes(model.healing_bytes)
            ),
        ),
        ("Reads", format!("up to {} word pieces of {} it knows", model.max_length, count(model.vocab_size))),
        ("Classes", model.labels.join(", ")),
    ];
    if let Some(bundle) = &loaded.bundle {
        if let Some(numerics) = bundle.superseded_numerics {
            rows.push((
                "Version",
                format!(
                    "superseded (numerics {numerics}): made by an earlier arithmetic, whose figures are not to be put \
                     together with those of today"
                ),
            ));
        }
        rows.push(("Transferred", megabytes(bundle.transfer_bytes)));
        rows.push((
            "Accuracy",
            format!(
                "{} as it is here, {} before its weights were made smaller",
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
