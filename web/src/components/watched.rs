//! The sentences that are watched while the model heals.

use super::model_card::{confidence, percent};
use crate::protocol::Classification;
use crate::store::Store;
use leptos::prelude::*;

/// The current sentence and the pinned ones, as the model answers them now.
#[component]
pub(super) fn Watched() -> impl IntoView {
    let store = Store::get();
    let watched = Memo::new(move |_| store.heal.with(|heal| heal.watched.clone()));
    let row = move |said: Classification| {
        let now = said.models.last().cloned();
        let labels = store.labels.get();
        let label = now.as_ref().and_then(|now| now.label).and_then(|label| labels.get(label as usize).cloned());
        let sure = now.as_ref().and_then(confidence);
        let share = sure.unwrap_or(0.0).to_string();
        view! {
            <tr>
                <td title=said.text.clone()>{said.text.clone()}</td>
                <td>{label.unwrap_or_else(|| "not finite".to_owned())}</td>
                <td>
                    <span class="track" aria-hidden="true"><span class="bar" style=("--share", share)></span></span>
                </td>
                <td class="numbers">{sure.map_or("–".to_owned(), percent)}</td>
            </tr>
        }
    };
    view! {
        <Show when=move || !watched.with(Vec::is_empty)>
            <div class="scroll" tabindex="0" role="region" aria-label="Watched sentences">
                <table class="watched">
                    <caption class="visually-hidden">"Sentences as the healing model answers them"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Watched sentence"</th>
                            <th scope="col">"Answer"</th>
                            <th scope="col"><span class="visually-hidden">"Confidence as a bar"</span></th>
                            <th scope="col">"Confidence"</th>
                        </tr>
                    </thead>
                    <tbody>{move || watched.get().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </Show>
    }
}
