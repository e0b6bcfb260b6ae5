//! The name of the page, what is always at hand, and the tabs.

use super::copy_link::CopyLink;
use super::lead::{TourButton, has_lead};
use crate::state::{Panel, State, Theme, View};
use crate::store::Store;
use leptos::prelude::*;

const VIEWS: [(View, &str); 6] = [
    (View::Operate, "Damage and heal"),
    (View::Inside, "Look inside"),
    (View::Surgery, "Surgery"),
    (View::Measure, "Measure"),
    (View::Evidence, "Evidence"),
    (View::Model, "Model"),
];

/// Brand, lessons, link and theme.
#[component]
pub(super) fn TopBar() -> impl IntoView {
    let store = Store::get();
    let theme = store.select(|state| state.theme);
    let next_theme = move |_| {
        store.choose(|state| {
            state.theme = match state.theme {
                Theme::System => Theme::Dark,
                Theme::Dark => Theme::Light,
                Theme::Light => Theme::System,
            };
        });
    };
    let theme_name = move || match theme.get() {
        Theme::System => "Theme: system",
        Theme::Light => "Theme: light",
        Theme::Dark => "Theme: dark",
    };
    // The lead has a larger one.
    let has_lead = store.select(has_lead);
    view! {
        <header class="top">
            <div class="brand">
                <h1>
                    <svg viewBox="0 0 24 24" aria-hidden="true">
                        <path fill="var(--healthy)" d="M3 17h18v4H3z" />
                        <path fill="var(--corrupted)" d="M3 10h7l2 4 2-4h7v4H3z" />
                        <path fill="var(--healed)" d="M3 3h18v4H3z" />
                    </svg>
                    "bert-heal"
                </h1>
                <p>"Break part of a language model, watch it fail, heal it: all in your browser."</p>
            </div>
            <div class="tools">
                <Show when=move || !has_lead.get()><TourButton class="compact" /></Show>
                <CopyLink />
                <button type="button" class="compact" on:click=next_theme>{theme_name}</button>
            </div>
        </header>
    }
}

/// Links to the views; each is an address of its own.
#[component]
pub(super) fn Tabs() -> impl IntoView {
    let store = Store::get();
    let is_shown = store.select(|state| !state.hides(Panel::Tabs));
    let tab = move |(view, name): (View, &'static str)| {
        let href = move || store.state.with(|state| State { view, ..state.clone() }.to_hash());
        let is_current = move || store.state.with(|state| state.view == view).then_some("page");
        let choose = move |event: leptos::ev::MouseEvent| {
            // With a modifier the browser opens the address in a tab of its own.
            if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                event.prevent_default();
                store.choose(|state| state.view = view);
            }
        };
        view! { <a href=href aria-current=is_current on:click=choose>{name}</a> }
    };
    view! {
        <Show when=move || is_shown.get()>
            <nav class="tabs" aria-label="Views">{VIEWS.map(tab).collect_view()}</nav>
        </Show>
    }
}
