//! What went wrong, where it can be seen, and what to do next.

use crate::bridge::Health;
use crate::failure::Failure;
use crate::protocol::SteerHealing;
use crate::store::Store;
use leptos::prelude::*;

/// The last failure, a change that waits for a healing, and what of the address was refused.
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
            <WaitingChange />
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

/// Another damage was chosen while a healing goes on, which it would end: it waits, and the visitor says what becomes of it.
#[component]
fn WaitingChange() -> impl IntoView {
    let store = Store::get();
    let is_waiting = Memo::new(move |_| store.has_waiting_change());
    let words = move || {
        let (step, n_steps) = store.heal.with(|heal| (heal.step(), heal.n_steps));
        format!("A healing is at step {step} of {n_steps}. Your change of the damage waits until it has ended.")
    };
    Effect::new(move |_| {
        if is_waiting.get() {
            store.announcement.set("Your change of the damage waits until the healing has ended.".to_owned());
        }
    });
    view! {
        <Show when=move || is_waiting.get()>
            <div class="notice row apart" role="group" aria-label="The healing and your change" data-testid="waiting-change">
                <p>{words}</p>
                <div class="row">
                    <button
                        type="button"
                        class="compact"
                        data-testid="change-back"
                        on:click=move |_| store.take_change_back()
                    >"Take the change back"</button>
                    <button
                        type="button"
                        class="compact"
                        data-testid="change-now"
                        on:click=move |_| store.steer_healing(SteerHealing::Stop)
                    >"Stop, keep what is healed, and change"</button>
                </div>
            </div>
        </Show>
    }
}
