//! What is damaged, and how: the drawing, the sliders and the text are three views of one plan.

use super::damage_report::DamageReport;
use super::network::Network;
use super::plan_field::PlanField;
use super::scheme_choice::SchemeChoice;
use super::seed_field::SeedField;
use super::sliders::Sliders;
use crate::plan_edit::Damage;
use crate::state::{MAX_PLAN_CHARS, Panel};
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

/// Changes the plan by its parts.
#[derive(Clone, Copy)]
pub(super) struct Editor {
    store: Store,
    /// The scheme that a new damage gets.
    pub(super) scheme: RwSignal<Scheme>,
}

impl Editor {
    /// The editor that the damage panel provides.
    pub(super) fn get() -> Self {
        use_context().expect("the damage panel provides the editor")
    }

    /// Reads the plan, changes it and writes it back. A plan that cannot be read is replaced.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Damage)) {
        let Some(anatomy) = self.store.anatomy.get_untracked() else { return };
        let read = self.store.plan.get_untracked().and_then(Result::ok);
        let Some(mut damage) = read.or_else(|| Damage::read("", anatomy).ok()) else { return };
        if damage.groups.last().is_none_or(|group| group.parts.is_empty()) {
            damage.set_scheme(self.scheme.get_untracked());
        }
        change(&mut damage);
        let text = damage.to_text();
        // Hundreds of parts chosen one by one would be a plan that no link holds.
        if text.len() <= MAX_PLAN_CHARS {
            self.store.choose(|state| state.plan = text);
        }
    }

    /// Reads something of the plan; nothing while it is wrong.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Damage) -> T) -> Option<T> {
        self.store.plan.with(|plan| plan.as_ref().and_then(|plan| plan.as_ref().ok()).map(read))
    }
}
