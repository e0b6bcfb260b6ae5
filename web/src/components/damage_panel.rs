//! What is damaged, and how: the drawing, the sliders and the text are three views of one plan.

use super::damage_report::DamageReport;
use super::editor::Editor;
use super::network::Network;
use super::plan_field::PlanField;
use super::scheme_choice::SchemeChoice;
use super::seed_field::SeedField;
use super::sliders::Sliders;
use crate::state::Panel;
use crate::store::Store;
use leptos::prelude::*;
use shared::corruption::Scheme;

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
                <button type="button" class="compact" on:click=move |_| store.choose(|state| state.plan = String::new())>
                    "Clear"
                </button>
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
