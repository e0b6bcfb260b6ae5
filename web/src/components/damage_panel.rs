//! What is damaged, and how: the drawing, the sliders and the text are three views of one plan.

use super::damage_report::DamageReport;
use super::editor::Editor;
use super::more::More;
use super::network::Network;
use super::plan_field::PlanField;
use super::scheme_choice::SchemeChoice;
use super::sliders::Sliders;
use crate::state::{Panel, parse_seed};
use crate::store::Store;
use leptos::prelude::*;

/// The network with the controls of its damage below, where there is room for one column.
#[component]
pub(super) fn DamagePanel() -> impl IntoView {
    Editor::provide();
    view! {
        <div class="table stack">
            <NetworkPanel />
            <More contents="exact damage"><DamageControls /></More>
        </div>
    }
}

/// The drawing, what of it is broken, and the way back.
#[component]
pub(super) fn NetworkPanel() -> impl IntoView {
    let store = Store::get();
    let network = store.select(|state| !state.hides(Panel::Network));
    let broken = Memo::new(move |_| store.broken_words());
    let can_mend = Memo::new(move |_| store.state.with(|state| !state.plan.trim().is_empty()));
    let words = move || match broken.get() {
        Some(broken) => format!("Broken: {broken}"),
        None if store.is_whole() => "Whole".to_owned(),
        None => String::new(),
    };
    view! {
        <section class="drawing panel stack" aria-labelledby="table-title">
            <div class="row apart">
                <h2 id="table-title">"The network"</h2>
                <span class="chip" class:broken=move || broken.with(Option::is_some)>{words}</span>
                <Show when=move || can_mend.get()>
                    <button
                        type="button"
                        class="compact"
                        data-testid="clear"
                        on:click=move |_| store.make_whole()
                    >"Make it whole"</button>
                </Show>
            </div>
            <Show when=move || network.get()><Network /></Show>
        </section>
    }
}

/// The damage to the last digit.
#[component]
pub(super) fn DamageControls() -> impl IntoView {
    let store = Store::get();
    let shows = move |panel: Panel| Memo::new(move |_| store.state.with(|state| !state.hides(panel)));
    let [sliders, scheme_panel, plan, seed] = [Panel::Sliders, Panel::Scheme, Panel::Plan, Panel::Seed].map(shows);
    view! {
        <section class="panel stack" aria-labelledby="damage-title">
            <h2 id="damage-title">"Exact damage"</h2>
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
        store.roll_seed();
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
