//! What the page is for, in two lines, and the way to be led through it.

use super::plain_words::classes_in_words;
use crate::lessons::LESSONS;
use crate::state::{Panel, State, View};
use crate::store::Store;
use leptos::prelude::*;

/// What there is to do here, and the tour.
#[component]
pub(super) fn Lead() -> impl IntoView {
    let store = Store::get();
    let classes = Memo::new(move |_| match &store.labels.get()[..] {
        [] => "says to which class it belongs".to_owned(),
        [a, b] => format!("says whether it is {a} or {b}"),
        labels => match classes_in_words(labels) {
            Some(words) => format!("says to which of {} classes it belongs: {words}", labels.len()),
            None => format!("says to which of {} classes it belongs", labels.len()),
        },
    });
    view! {
        <div class="lead">
            <p>
                <span class="what">{move || format!("A small BERT reads the sentence and {}. ", classes.get())}</span>
                <strong>"Break part of it, see what it says then, and heal it."</strong>
            </p>
            <TourButton class="large" />
        </div>
    }
}

/// Begins the tour or ends it; gone where a teacher has taken the lessons off the page.
#[component]
pub(super) fn TourButton(class: &'static str) -> impl IntoView {
    let store = Store::get();
    let toggle = move |_| {
        let before = store.state.get_untracked();
        store.choose(|state| {
            *state = match before.lesson {
                Some(_) => State { lesson: None, hide: std::collections::BTreeSet::new(), ..before },
                None => LESSONS[0].state(1, &before),
            };
        });
    };
    let has_lesson = store.select(|state| state.lesson.is_some());
    let is_shown = store.select(|state| !state.hides(Panel::Lessons));
    view! {
        <Show when=move || is_shown.get()>
            <button type="button" class=class data-testid="tour" on:click=toggle>
                {move || if has_lesson.get() { "End the tour" } else { "Take the tour" }}
            </button>
        </Show>
    }
}

/// Whether the lead is on the page: in its first view, unless a lesson leads already.
pub(super) fn has_lead(state: &State) -> bool {
    state.view == View::Operate && state.lesson.is_none()
}
