//! A step of the tour: read, guess, reveal, go on.

use crate::lessons::{LESSONS, Lesson};
use crate::state::State;
use crate::store::Store;
use leptos::prelude::*;

/// The lesson that the address names.
#[component]
pub(super) fn LessonCard() -> impl IntoView {
    let store = Store::get();
    let number = Memo::new(move |_| store.state.with(|state| state.lesson).unwrap_or(1).clamp(1, LESSONS.len()));
    let guess = RwSignal::new(None::<usize>);
    // Each lesson asks anew.
    Effect::new(move |_| {
        number.track();
        guess.set(None);
    });
    let go = move |to: usize| {
        let before = store.state.get_untracked();
        store.choose(|state| *state = LESSONS[to - 1].state(to, &before));
    };
    let body = move || lesson_body(&LESSONS[number.get() - 1], guess);
    let again = move |_| go(number.get_untracked());
    let end = move |_| {
        store.choose(|state| *state = State { lesson: None, hide: std::collections::BTreeSet::new(), ..state.clone() });
    };
    let steps = move || {
        let now = number.get();
        (1..=LESSONS.len()).map(|step| view! { <span class:now={step == now}></span> }).collect_view()
    };
    view! {
        <section class="lesson panel stack" aria-labelledby="lesson-title" data-testid="lesson">
            <div class="row apart">
                <p class="small quiet">{move || format!("Step {} of {}", number.get(), LESSONS.len())}</p>
                <div class="steps" aria-hidden="true">{steps}</div>
            </div>
            {body}
            <div class="row">
                <button
                    type="button"
                    disabled=move || number.get() == 1
                    on:click=move |_| go(number.get_untracked().saturating_sub(1).max(1))
                >"Back"</button>
                <button
                    type="button"
                    class:primary=move || guess.get().is_some()
                    data-testid="next-lesson"
                    disabled=move || number.get() == LESSONS.len()
                    on:click=move |_| go((number.get_untracked() + 1).min(LESSONS.len()))
                >"Next"</button>
                <button type="button" class="plain" on:click=again>"Reset this step"</button>
                <button type="button" class="plain" on:click=end>"Leave the tour"</button>
            </div>
        </section>
    }
}

fn lesson_body(lesson: &'static Lesson, guess: RwSignal<Option<usize>>) -> impl IntoView {
    let guesses = lesson.guesses.iter().enumerate().map(|(i, words)| {
        view! {
            <button
                type="button"
                aria-pressed=move || (guess.get() == Some(i)).to_string()
                on:click=move |_| guess.set(Some(i))
            >
                {*words}
            </button>
        }
    });
    let paragraphs = move || {
        let guessed = guess.get()?;
        Some(view! {
            <div class="reveal stack" role="status" data-testid="reveal">
                <p class="small quiet">{format!("Your guess: {}. Now look.", lesson.guesses[guessed])}</p>
                {lesson.reveal.iter().map(|paragraph| view! { <p>{*paragraph}</p> }).collect_view()}
            </div>
        })
    };
    view! {
        <h2 id="lesson-title">{lesson.title}</h2>
        <div class="body stack">
            <div class="story stack">
                {lesson.story.iter().map(|paragraph| view! { <p>{*paragraph}</p> }).collect_view()}
            </div>
            <div class="stack">
                <p><strong>{lesson.question}</strong></p>
                <div class="guesses" role="group" aria-label="Guess before you look">{guesses.collect_view()}</div>
                {paragraphs}
            </div>
        </div>
    }
}
