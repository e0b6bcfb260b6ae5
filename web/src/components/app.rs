//! The whole page.

use super::dialogue::Failures;
use super::evidence_view::EvidenceView;
use super::inside_view::InsideView;
use super::lesson_card::LessonCard;
use super::measure_view::MeasureView;
use super::model_status::ModelStatus;
use super::model_view::ModelView;
use super::operate_view::OperateView;
use super::top_bar::{Tabs, TopBar};
use crate::state::{Theme, View, Word as _};
use crate::store::Store;
use leptos::prelude::*;

/// Mounts the page and starts its worker.
#[component]
pub fn App() -> impl IntoView {
    let store = Store::provide();
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
        }>"Skip to the content"</a>
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
                View::Measure => view! { <MeasureView /> }.into_any(),
                View::Evidence => view! { <EvidenceView /> }.into_any(),
                View::Model => view! { <ModelView /> }.into_any(),
            }}
            <Failures />
            <p class="visually-hidden" role="status" aria-live="polite">{move || store.announcement.get()}</p>
        </main>
    }
}

/// Moves the keyboard's focus to the element called `id`.
pub(super) fn focus(id: &str) {
    use wasm_bindgen::JsCast as _;
    let element = document().get_element_by_id(id).and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
    // An element that is gone needs no focus.
    let _ = element.map(|element| element.focus());
}
