//! What measurements have in common that take long: how much is looked at, how far they are, and whether they still hold.

use crate::protocol::Progress;
use crate::store::{LongCall, Store};
use leptos::prelude::*;

/// Held-out rows of a quick look.
const FEW_ROWS: usize = 200;

/// How many held-out sentences are looked at: a few, or all there are.
#[component]
pub(super) fn RowChoice(max_rows: RwSignal<usize>, id: &'static str) -> impl IntoView {
    let store = Store::get();
    let n_all = move || store.loaded.with(|loaded| loaded.as_ref()?.rows).map_or(0, |rows| rows.n_held_out);
    let choose = move |event| max_rows.set(if event_target_value(&event) == "all" { usize::MAX } else { FEW_ROWS });
    let is_all = move || max_rows.get() == usize::MAX;
    view! {
        <div class="field">
            <label for=id>"Held-out sentences"</label>
            <select id=id on:change=choose>
                <option value="few" prop:selected=move || !is_all()>{move || format!("first {}", n_all().min(FEW_ROWS))}</option>
                <option value="all" prop:selected=is_all>{move || format!("all {}", n_all())}</option>
            </select>
        </div>
    }
}

/// A signal for [`RowChoice`].
pub(super) fn few_rows() -> RwSignal<usize> {
    RwSignal::new(FEW_ROWS)
}

/// How far something is that takes long, with a button that gives it up.
#[component]
pub(super) fn LongBar(call: LongCall, label: &'static str, testid: &'static str) -> impl IntoView {
    let store = Store::get();
    let bar = move || {
        call.get().map(|(_, Progress { done, total, .. })| {
            view! {
                <div class="row">
                    <progress aria-label=label value=done.to_string() max=total.max(1).to_string() />
                    <button type="button" class="compact" data-testid=testid on:click=move |_| store.cancel(call)>"Cancel"</button>
                </div>
            }
        })
    };
    view! { {bar} }
}

/// Says that what is shown was found under another damage.
#[component]
pub(super) fn Stale(#[prop(into)] found_under: Signal<Option<String>>) -> impl IntoView {
    let store = Store::get();
    let is_stale = move || found_under.get().is_some_and(|damage| damage != store.damage_name());
    view! {
        <Show when=is_stale>
            <p class="notice">"The models have changed since then. Measure again."</p>
        </Show>
    }
}
