//! The whole page, and the one loop it has: control → address → request → answer → picture.

use super::controls::Controls;
use super::model::Model;
use crate::bridge::Bridge;
use crate::failure::Failure;
use crate::protocol::{ModelView, Request, Response};
use crate::state::State;
use leptos::{ev, prelude::*};

/// The script that Trunk makes of `bin/worker.rs`, relative to the page, so that the page may lie in any folder.
const WORKER_SCRIPT: &str = "worker_loader.js";

/// Mounts the page and starts its worker.
#[component]
pub fn App() -> impl IntoView {
    let state = RwSignal::new(address_state());
    let is_worker_ready = RwSignal::new(false);
    let answer = RwSignal::new(None::<ModelView>);
    let failure = RwSignal::new(None::<Failure>);

    let hash_listener = window_event_listener(ev::hashchange, move |_| state.set(address_state()));
    on_cleanup(move || hash_listener.remove());

    let bridge = Bridge::start(WORKER_SCRIPT, move |response| match response {
        Response::Ready => is_worker_ready.set(true),
        Response::Corrupted(view) => {
            failure.set(None);
            answer.set(Some(view));
        }
        Response::Failed(reason) => failure.set(Some(reason)),
    })
    .map_err(|reason| failure.set(Some(reason)))
    .ok();
    let bridge = StoredValue::new_local(bridge);

    Effect::new(move || {
        let state = state.get();
        if !is_worker_ready.get() {
            return;
        }
        let sent = state.seed().and_then(|seed| {
            let request = Request::Corrupt { seed, plan: state.plan };
            bridge.with_value(|bridge| bridge.as_ref().map_or(Ok(()), |bridge| bridge.send(&request)))
        });
        if let Err(reason) = sent {
            failure.set(Some(reason));
        }
    });

    view! {
        <main>
            <header>
                <h1>"bert-heal"</h1>
                <p class="lead">"What happens to a language model when part of it is destroyed?"</p>
                <p>
                    "Your browser draws a tiny BERT and destroys the parts you name, with the code of the native "
                    "program: the same plan and seed give the same bits there. "
                    "This page is a first sketch. The model is random, not trained, and nothing is healed here yet."
                </p>
            </header>
            <Controls state=state />
            <p class="failure" role="alert">{move || failure.get().map(|failure| failure.to_string())}</p>
            {move || match answer.get() {
                Some(view) => view! { <Model view=view /> }.into_any(),
                None if failure.get().is_some() => ().into_any(),
                None => view! { <p role="status">"Starting the worker…"</p> }.into_any(),
            }}
        </main>
    }
}

fn address_state() -> State {
    State::from_hash(&location_hash().unwrap_or_default())
}
