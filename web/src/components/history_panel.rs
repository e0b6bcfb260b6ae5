//! The sentences that were tried: pinned, compared, imported, exported.

use super::files::chosen;
use super::model_card::{confidence, percent, prediction};
use super::scrolling_table::{ScrollingTable, named, of_model};
use crate::download;
use crate::failure::Failure;
use crate::fetch;
use crate::history::{Entry, History, MAX_ENTRIES, texts_of};
use crate::import::add;
use crate::store::{MODELS, Store};
use leptos::prelude::*;
use shared::Condition;

/// The most bytes of an imported file.
const MAX_BYTES: f64 = 1e6;

/// A table of sentences by models.
#[component]
pub(super) fn HistoryPanel() -> impl IntoView {
    let store = Store::get();
    // What became of the file that was imported last.
    let imported = RwSignal::new(None::<String>);
    let import = move |event: leptos::ev::Event| {
        let Some(file) = chosen(&event).into_iter().next() else { return };
        leptos::task::spawn_local(async move {
            match read(&file).await {
                Ok(texts) => {
                    let mut words = String::new();
                    store.history.update(|history| words = add(history, texts).in_words());
                    imported.set(Some(words));
                    store.ask_history();
                }
                Err(failure) => store.fail(failure),
            }
        });
    };
    let export = move |_| {
        let csv = store.history.with_untracked(|history| history.to_csv(&store.labels.get_untracked()));
        download::save_csv("sentences.csv", &csv);
    };
    let clear = move |_| store.history.update(|history| history.entries.retain(|entry| entry.is_pinned));
    let columns = || {
        let mut columns = named(["Pin", "Sentence"]);
        columns.extend(MODELS.map(of_model));
        columns.extend(named(["Damage"]));
        columns
    };
    let rows = move || store.history.get().entries.into_iter().map(|entry| row(store, entry)).collect_view();
    let is_empty = move || store.history.with(|history: &History| history.entries.is_empty());
    view! {
        <section class="panel stack" aria-labelledby="history-title" data-testid="history">
            <div class="row apart">
                <h2 id="history-title">"Sentences you tried"</h2>
                <div class="row">
                    <label class="button compact">
                        "Import"
                        <input
                            type="file"
                            class="visually-hidden"
                            accept=".txt,.csv,text/plain,text/csv"
                            data-testid="import-sentences"
                            on:change=import
                        />
                    </label>
                    <button type="button" class="compact" disabled=is_empty on:click=export>"Export as CSV"</button>
                    <button type="button" class="compact" disabled=is_empty on:click=move |_| store.ask_history()>
                        "Classify all again"
                    </button>
                    <button type="button" class="compact" disabled=is_empty on:click=clear>"Remove unpinned"</button>
                </div>
            </div>
            <p class="small quiet">
                {format!(
                    "Import one sentence per line, or a CSV file with a “text” column. Up to {MAX_ENTRIES} sentences are kept, \
                     in this browser only; the oldest one makes room for a new one, unless it is pinned. Pinned ones are also \
                     watched while the model heals."
                )}
            </p>
            <p class="notice" class:visually-hidden=move || imported.with(Option::is_none) role="status" data-testid="import-note">
                {move || imported.get()}
            </p>
            <Show when=move || !is_empty()>
                <ScrollingTable label="Table of the sentences you tried" columns=columns() class="history">
                    {rows}
                </ScrollingTable>
            </Show>
        </section>
    }
}

/// The sentences of a file.
async fn read(file: &web_sys::File) -> Result<Vec<String>, Failure> {
    let wrong = |reason: &str| Failure::wrong_file(&file.name(), reason);
    if file.size() > MAX_BYTES {
        return Err(wrong(&format!("it is larger than {:.0} MB; use fewer sentences", MAX_BYTES / 1e6)));
    }
    let bytes = fetch::file_bytes(file).await?;
    texts_of(&file.name(), &bytes).map_err(|reason| wrong(&reason))
}

fn row(store: Store, entry: Entry) -> impl IntoView {
    let labels = store.labels.get();
    let said = entry.said.clone();
    let healthy = prediction(said.as_ref(), Condition::Healthy).map(|healthy| healthy.label);
    let cells = MODELS.map(|model| {
        let own = prediction(said.as_ref(), model);
        let differs = own.as_ref().is_some_and(|own| healthy.is_some_and(|healthy| healthy != own.label));
        let words = own.map(|own| {
            let label = own.label.and_then(|label| labels.get(label as usize).cloned());
            let sure = confidence(&own).map_or(String::new(), percent);
            format!("{} {sure}", label.unwrap_or_else(|| "not finite".to_owned()))
        });
        let mark = if differs { "≠ " } else { "" };
        view! { <td class="said-short" class:differs=differs>{mark}{words.unwrap_or_else(|| "–".to_owned())}</td> }
    });
    let (pinned_text, tried_text) = (entry.text.clone(), entry.text.clone());
    let pin = move |_| {
        store.history.update(|history| {
            if let Some(entry) = history.entries.iter_mut().find(|entry| entry.text == pinned_text) {
                entry.is_pinned = !entry.is_pinned;
            }
        });
    };
    let try_again = move |_| {
        let text = tried_text.clone();
        store.choose(move |state| state.text = text);
    };
    let name = format!("Pin: {}", entry.text);
    view! {
        <tr>
            <td>
                <input type="checkbox" aria-label=name prop:checked=entry.is_pinned on:change=pin />
            </td>
            <th scope="row" class="sentence">
                <button type="button" class="plain sentence-button" on:click=try_again>{entry.text.clone()}</button>
            </th>
            {cells.collect_view()}
            <td class="small quiet mono">{entry.damage.clone()}</td>
        </tr>
    }
}
