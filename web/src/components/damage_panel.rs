//! What is damaged, and how: the drawing, the sliders and the text are three views of one plan.

use super::damage_report::DamageReport;
use super::editor::Editor;
use super::network::Network;
use super::plan_field::PlanField;
use super::scheme_choice::SchemeChoice;
use super::sliders::Sliders;
use crate::state::{Panel, parse_seed};
use crate::store::Store;
use leptos::prelude::*;
use shared::corruption::Scheme;
use shared::random::Seed;

/// At most six digits: easy to read out, and a million are enough to play with.
const ROLLED_SEEDS: f64 = 1e6;

/// The left half of the page.
#[component]
pub(super) fn DamagePanel() -> impl IntoView {
    let store = Store::get();
    // An empty plan has no scheme; the last one chosen comes back with the first click.
    let scheme = RwSignal::new(Scheme::Kaiming);
    Effect::new(move |_| {
        let last = store.plan.with(|plan| {
            plan.as_ref()?
                .as_ref()
                .ok()?
                .groups
                .last()
                .filter(|group| !group.parts.is_empty())
                .map(|group| group.scheme)
        });
        if let Some(last) = last {
            scheme.set(last);
        }
    });
    provide_context(Editor { store, scheme });
    let shows = move |panel: Panel| Memo::new(move |_| store.state.with(|state| !state.hides(panel)));
    let [network, sliders, scheme_panel, plan, seed] =
        [Panel::Network, Panel::Sliders, Panel::Scheme, Panel::Plan, Panel::Seed].map(shows);
    view! {
        <section class="table panel stack" aria-labelledby="table-title">
            <div class="row apart">
                <h2 id="table-title">"Damage"</h2>
                <button
                    type="button"
                    class="compact"
                    data-testid="clear"
                    on:click=move |_| store.choose(|state| state.plan = String::new())
                >"Clear"</button>
            </div>
            <Show when=move || network.get()><Network /></Show>
            <Show when=move || sliders.get()><Sliders /></Show>
            <Show when=move || scheme_panel.get()><SchemeChoice /></Show>
            <Show when=move || plan.get()><PlanField /></Show>
            <Show when=move || seed.get()><SeedField /></Show>
            <DamageReport />
        </section>
    }
}

/// The seed of the damage, in sight: a field for it and a button that rolls another one.
#[component]
fn SeedField() -> impl IntoView {
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
