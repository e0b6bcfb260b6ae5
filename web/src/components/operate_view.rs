//! A sentence, three models, the damage and the healing.

use super::heal_panel::HealPanel;
use super::model_card::ModelCard;
use super::operating_table::OperatingTable;
use super::sentence::SentencePanel;
use crate::state::Panel;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;

/// The page's first view.
#[component]
pub(super) fn OperateView() -> impl IntoView {
    let store = Store::get();
    let shows_healed = store.select(|state| !state.hides(Panel::Healed));
    let shows_healing = store.select(|state| !state.hides(Panel::Healing));
    view! {
        <div class="operate">
            <SentencePanel />
            <section class="models" aria-label="What each model says">
                <ModelCard model=Condition::Healthy />
                <ModelCard model=Condition::Corrupted />
                <Show when=move || shows_healed.get()>
                    <ModelCard model=Condition::Healed />
                </Show>
            </section>
            <OperatingTable />
            <Show when=move || shows_healing.get()>
                <HealPanel />
            </Show>
        </div>
    }
}
