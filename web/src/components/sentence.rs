//! The sentence that the models read.

use crate::state::MAX_TEXT_CHARS;
use crate::store::Store;
use leptos::{ev, prelude::*};

/// How long typing has to rest before the models are asked.
const REST: std::time::Duration = std::time::Duration::from_millis(250);

/// Sentences of our own, for a model that brings none.
const SAMPLES: [&str; 4] = [
    "A warm, funny and quietly moving film.",
    "Two hours of my life that I will never get back.",
    "It is not half as bad as everybody says.",
    "The actors do what they can with a script that does not help them.",
];

/// A box to type in and samples to pick.
#[component]
pub(super) fn SentencePanel() -> impl IntoView {
    let store = Store::get();
    let text = store.select(|state| state.text.clone());
    let choose = move |text: String| {
        let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
        if store.state.with_untracked(|state| state.text != text) {
            store.choose(|state| state.text = text);
        }
    };
    let typed = debounce(REST, choose);
    let field = NodeRef::<leptos::html::Textarea>::new();
    let submit = move || {
        if let Some(field) = field.get_untracked() {
            choose(field.value());
            store.remember_sentence();
        }
    };
    let samples = move || {
        let of_bundle = store
            .told()
            .map(|preview| preview.samples.iter().take(6).map(|sample| sample.text.clone()).collect::<Vec<_>>());
        let samples = of_bundle.filter(|samples| !samples.is_empty());
        let samples = samples.unwrap_or_else(|| SAMPLES.map(str::to_owned).to_vec());
        let button = |sample: String| {
            let (picked, name) = (sample.clone(), sample.clone());
            let pick = move |_| {
                choose(picked.clone());
                store.remember_sentence();
            };
            view! { <li><button type="button" title=name on:click=pick>{sample}</button></li> }
        };
        samples.into_iter().map(button).collect_view()
    };
    let is_cut = move || {
        let text = text.get();
        store.said.with(|said| said.as_ref().is_some_and(|said| said.text == text && said.is_cut))
    };
    view! {
        <section class="ask panel stack" aria-labelledby="ask-title">
            <div class="row apart">
                <h2 id="ask-title"><label for="text">"Sentence"</label></h2>
                <button
                    type="button"
                    class="compact"
                    data-testid="classify"
                    title="Keeps it in the list under “Measure”"
                    on:click=move |_| submit()
                >"Keep sentence"</button>
            </div>
            <textarea
                id="text"
                data-testid="text"
                node_ref=field
                rows="2"
                maxlength=MAX_TEXT_CHARS.to_string()
                prop:value=move || text.get()
                on:input={
                    let mut typed = typed;
                    move |event| typed(event_target_value(&event))
                }
                on:keydown=move |event: ev::KeyboardEvent| {
                    if event.key() == "Enter" && !event.shift_key() && !is_of_input_method(&event) {
                        event.prevent_default();
                        submit();
                    }
                }
            />
            <Show when=is_cut>
                <p class="notice">"The models read only the beginning of this text: the rest exceeds their maximum length."</p>
            </Show>
            <ul class="samples" translate="no" aria-label="Sentences to try">{samples}</ul>
        </section>
    }
}

/// Whether a key belongs to an input method, which composes characters of several keys: Safari ends the composition before
/// it tells of the Enter that ended it, whose code alone still says so (<https://www.w3.org/TR/uievents/#determine-keydown-keyup-keyCode>).
fn is_of_input_method(event: &ev::KeyboardEvent) -> bool {
    const PROCESSED: u32 = 229;
    event.is_composing() || event.key_code() == PROCESSED
}
