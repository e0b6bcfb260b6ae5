//! What went wrong, where it can be seen, and what to do next.

use crate::bridge::Health;
use crate::failure::Failure;
use crate::store::Store;
use leptos::prelude::*;

/// The last failure and what of the address was refused.
#[component]
pub(super) fn Failures() -> impl IntoView {
    let store = Store::get();
    let text = Memo::new(move |_| {
        // A plan that is wrong is told at its field, with a caret under the character.
        store.failure.with(|failure| match failure {
            None => String::new(),
            Some(failure) => failure.to_string(),
        })
    });
    let is_stopped = Memo::new(move |_| {
        matches!(store.health.get(), Health::Stopped(_))
            || store.failure.with(|failure| matches!(failure, Some(Failure::WorkerStopped { .. })))
    });
    let has_refusals = move || store.refusals.with(|refusals| !refusals.is_empty());
    view! {
        <div class="toast">
            <div class:panel=move || !text.with(String::is_empty)>
                <p data-testid="failure" role="alert">{move || text.get()}</p>
                <Show when=move || !text.with(String::is_empty)>
                    <div class="row">
                        <Show when=move || is_stopped.get()>
                            <button type="button" class="compact primary" data-testid="restart" on:click=move |_| {
                                store.restart();
                            }>"Restart"</button>
                        </Show>
                        <button type="button" class="compact" on:click=move |_| store.failure.set(None)>"Dismiss"</button>
                    </div>
                </Show>
            </div>
        </div>
        <Show when=has_refusals>
            <div class="notice" role="status" data-testid="refusals">
                <ul>
                    {move || {
                        store.refusals.get().into_iter().map(|refusal| view! { <li>{refusal}</li> }).collect_view()
                    }}
                </ul>
            </div>
        </Show>
    }
}
