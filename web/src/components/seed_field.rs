//! The seed of the damage, in sight, and a die.

use crate::state::parse_seed;
use crate::store::Store;
use leptos::prelude::*;
use shared::random::Seed;

/// At most six digits: easy to read out, and a million are enough to play with.
const ROLLED_SEEDS: f64 = 1e6;

/// A field for the seed and a button that rolls another one.
#[component]
pub(super) fn SeedField() -> impl IntoView {
    let store = Store::get();
    let seed = store.select(|state| state.seed);
    let problem = RwSignal::new(None::<String>);
    let apply = move |event: leptos::ev::Event| match parse_seed(&event_target_value(&event)) {
        Ok(seed) => {
            problem.set(None);
            store.choose(|state| state.seed = seed);
        }
        Err(failure) => problem.set(Some(failure.to_string())),
    };
    let roll = move |_| {
        problem.set(None);
        store.choose(|state| state.seed = Seed((js_sys::Math::random() * ROLLED_SEEDS) as u64));
    };
    view! {
        <div class="row">
            <label for="seed">"Seed"</label>
            <input
                type="text"
                id="seed"
                class="mono grow"
                data-testid="seed"
                inputmode="numeric"
                autocomplete="off"
                aria-describedby="seed-problem"
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                prop:value=move || seed.get().0.to_string()
                on:change=apply
            />
            <button type="button" data-testid="roll-seed" on:click=roll>
                <svg class="die" viewBox="0 0 12 12" aria-hidden="true">
                    <path fill="none" stroke="currentColor" d="M1.5 1.5h9v9h-9z" />
                    <path fill="currentColor" d="M3 3h1.6v1.6H3zM7.4 3h1.6v1.6H7.4zM5.2 5.2h1.6v1.6H5.2zM3 7.4h1.6v1.6H3zM7.4 7.4h1.6v1.6H7.4z" />
                </svg>
                "Roll the dice"
            </button>
        </div>
        <p id="seed-problem" class="error" role="alert">{move || problem.get()}</p>
    }
}
