//! The whole page.

use super::attention::AttentionPanel;
use super::attribution::AttributionPanel;
use super::bit_picker::BitPicker;
use super::damage_panel::{DamageControls, DamagePanel, NetworkPanel};
use super::dialogue::Failures;
use super::drift::DriftPanel;
use super::editor::Editor;
use super::evidence_view::EvidenceView;
use super::files::refuse_other_drops;
use super::heal_panel::HealPanel;
use super::lead::{Lead, has_lead};
use super::lesson_card::LessonCard;
use super::main_line::Tale;
use super::measure_view::MeasureView;
use super::model_card::ModelCard;
use super::model_status::ModelStatus;
use super::model_view::ModelView;
use super::more::More;
use super::sentence::SentencePanel;
use super::surgery_view::SurgeryView;
use super::tensor_view::TensorPanel;
use super::top_bar::{Tabs, TopBar};
use crate::state::{Panel, Theme, View, Word as _};
use crate::store::Store;
use crate::translation::follow_translation;
use leptos::prelude::*;
use shared::Condition;

/// Mounts the page and starts its worker.
#[component]
pub fn App() -> impl IntoView {
    let store = Store::provide();
    refuse_other_drops();
    follow_translation();
    let theme = store.select(|state| state.theme);
    Effect::new(move |_| {
        let root = document().document_element();
        // The style sheet follows the system by itself.
        let _ = root.map(|root| match theme.get() {
            Theme::System => root.remove_attribute("data-theme"),
            theme => root.set_attribute("data-theme", theme.word()),
        });
    });
    let view_choice = store.select(|state| state.view);
    let has_lesson = store.select(|state| state.lesson.is_some());
    view! {
        <a class="skip" href="#main" on:click=move |event| {
            // The address's fragment is the page's state, so the focus is moved by hand.
            event.prevent_default();
            focus("main");
        }>"Skip to content"</a>
        <TopBar />
        <Tabs />
        <main id="main" tabindex="-1">
            <ModelStatus />
            <Show when=move || has_lesson.get()>
                <LessonCard />
            </Show>
            {move || match view_choice.get() {
                View::Operate => view! { <OperateView /> }.into_any(),
                View::Inside => view! { <InsideView /> }.into_any(),
                View::Surgery => view! { <SurgeryView /> }.into_any(),
                View::Measure => view! { <MeasureView /> }.into_any(),
                View::Evidence => view! { <EvidenceView /> }.into_any(),
                View::Model => view! { <ModelView /> }.into_any(),
            }}
            <Failures />
            <p class="visually-hidden" role="status" aria-live="polite">{move || store.announcement.get()}</p>
        </main>
    }
}

/// The page's first view: a sentence, three models, the damage and the healing.
#[component]
fn OperateView() -> impl IntoView {
    let store = Store::get();
    Editor::provide();
    let shows_lead = store.select(has_lead);
    let shows_healed = store.select(|state| !state.hides(Panel::Healed));
    let shows_healing = store.select(|state| !state.hides(Panel::Healing));
    view! {
        <div class="operate">
            <Show when=move || shows_lead.get()><Lead /></Show>
            <SentencePanel />
            <section class="models" aria-label="What each model says">
                <ModelCard model=Condition::Healthy />
                <ModelCard model=Condition::Corrupted />
                <Show when=move || shows_healed.get()>
                    <ModelCard model=Condition::Healed />
                </Show>
                <Tale />
            </section>
            <div class="table"><NetworkPanel /></div>
            <More contents="exact damage, seed, settings and curves of the healing">
                <div class="two">
                    <DamageControls />
                    <Show when=move || shows_healing.get()><HealPanel /></Show>
                </div>
            </More>
        </div>
    }
}

/// The page's second view: weights, attention, drift and attribution; the damage panel stays at hand.
#[component]
fn InsideView() -> impl IntoView {
    view! {
        <div class="operate inside">
            <SentencePanel />
            <DamagePanel />
            <div class="models wide stack">
                <DriftPanel />
                <AttentionPanel />
                <AttributionPanel />
                <TensorPanel />
                <BitPicker />
            </div>
        </div>
    }
}

/// Moves the keyboard's focus to the element called `id`.
pub(super) fn focus(id: &str) {
    use wasm_bindgen::JsCast as _;
    let element = document().get_element_by_id(id).and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
    // An element that is gone needs no focus.
    let _ = element.map(|element| element.focus());
}
