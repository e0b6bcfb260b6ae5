//! What the page keeps in this browser, and how to get rid of it.

use super::model_status::megabytes;
use crate::protocol::Purge;
use crate::store::Store;
use leptos::prelude::*;

/// Sizes and buttons.
#[component]
pub(super) fn StoragePanel() -> impl IntoView {
    let store = Store::get();
    store.refresh_storage();
    let data = move |read: fn(&crate::protocol::Storage) -> u64| {
        move || store.storage.with(|storage| storage.as_ref().map(|storage| read(storage).to_string()))
    };
    let words = move || {
        store.storage.with(|storage| match storage {
            None => "Looking…".to_owned(),
            Some(storage) if !storage.is_available => {
                "This browser keeps nothing for this page (private window, or no HTTPS): everything is fetched anew each \
                 time, and moments last until the tab is closed."
                    .to_owned()
            }
            Some(storage) => {
                let quota = storage.quota_bytes.map_or(String::new(), |quota| format!(" of {} allowed", megabytes(quota)));
                format!(
                    "{} of models in {} files, {} of healing in {} moments; all in all {}{quota}.",
                    megabytes(storage.models_bytes),
                    storage.n_model_files,
                    megabytes(storage.moments_bytes),
                    storage.n_moments,
                    storage.usage_bytes.map_or("an unknown size".to_owned(), megabytes)
                )
            }
        })
    };
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
            <h2 id="storage-title">"Kept in this browser"</h2>
            <p class="small numbers">{words}</p>
            <p class="small quiet">
                "After the first visit the page and its models work without a network. What is kept is versioned and checked by hash. For a room without any network: "
                <a href="bert-heal-class.zip" download data-testid="class-zip">"download all of it for class"</a>
                " (a zip; START.txt in it says how to open it)."
            </p>
            <div class="row">
                {button("purge-models", "Delete models", Purge::Models)}
                {button("purge-moments", "Delete moments", Purge::Moments)}
                {button("purge", "Delete everything", Purge::Everything)}
            </div>
        </section>
    }
}
