//! Parts of one model in the place of another's.

use super::sign::title;
use crate::state::Graft;
use crate::store::{MODELS, Store};
use leptos::prelude::*;
use shared::Condition;

/// A part that can be taken: what it is called, and how plans select it.
type Part = (String, String);

/// Choose donor and receiver, then press parts.
#[component]
pub(super) fn TransplantPanel() -> impl IntoView {
    let store = Store::get();
    let of_state = store.select(|state| state.graft.clone());
    let from = RwSignal::new(Condition::Healthy);
    let to = RwSignal::new(Condition::Corrupted);
    Effect::new(move |_| {
        if let Some(graft) = of_state.get() {
            from.set(graft.from);
            to.set(graft.to);
        }
    });
    let parts = Memo::new(move |_| store.anatomy.get().map_or(Vec::new(), |anatomy| parts(anatomy.n_layers)));
    let taken = Memo::new(move |_| of_state.get().map_or(Vec::new(), |graft| selected(&graft.parts)));
    let choose = move |parts: Vec<String>| {
        store.choose_graft(Graft { to: to.get_untracked(), from: from.get_untracked(), parts: parts.join(",") });
    };
    // With a donor or receiver that is the other one as well, they change places.
    let choose_model = move |which: RwSignal<Condition>, other: RwSignal<Condition>| {
        move |event| {
            let Ok(model) = event_target_value(&event).parse::<Condition>() else { return };
            let before = which.get_untracked();
            if other.get_untracked() == model {
                other.set(before);
            }
            which.set(model);
            if of_state.with_untracked(Option::is_some) {
                choose(taken.get_untracked());
            }
        }
    };
    let has_healed = move || store.healed_on_show().is_some();
    let options = move |which: RwSignal<Condition>| {
        let option = move |model: Condition| {
            let is_missing = move || model == Condition::Healed && !has_healed();
            view! {
                <option value=model.as_str() disabled=is_missing prop:selected=move || which.get() == model>{model.as_str()}</option>
            }
        };
        MODELS.map(option).collect_view()
    };
    let part = move |(name, selection): Part| {
        let of_selection = selection.clone();
        let testid = format!("take-{}", selection.replace(':', "-"));
        let is_taken = Memo::new(move |_| taken.with(|taken| taken.contains(&of_selection)));
        let press = move |_| {
            let mut parts = taken.get_untracked();
            if is_taken.get_untracked() {
                parts.retain(|part| *part != selection);
            } else {
                parts.push(selection.clone());
            }
            choose(parts);
        };
        view! {
            <button
                type="button"
                data-testid=testid
                aria-pressed=move || is_taken.get().to_string()
                disabled=move || store.is_whole() || store.is_healing.get()
                on:click=press
            >{name}</button>
        }
    };
    let why_not = move || {
        if store.is_whole() {
            "All three models are the same as long as nothing is broken: break something first."
        } else if store.is_healing.get() {
            "The healing comes first: parts can be taken when it has ended."
        } else {
            "Press a part; the answers change at once. Press it again to give it back. A healing, its run and a saved model \
             take the models as they are without this."
        }
    };
    let said = move || match of_state.get() {
        None => format!("Nothing of the {} model is in the {} one.", from.get(), to.get()),
        Some(graft) => format!("{} has {}.", title(graft.to), graft.in_words()),
    };
    view! {
        <section class="panel stack" aria-labelledby="transplant-title" data-testid="transplant">
            <h2 id="transplant-title">"Take a part from another model"</h2>
            <p class="small quiet">{why_not}</p>
            <div class="row">
                <div class="field">
                    <label for="graft-from">"Parts of"</label>
                    <select id="graft-from" on:change=choose_model(from, to)>{options(from)}</select>
                </div>
                <div class="field">
                    <label for="graft-to">"go into"</label>
                    <select id="graft-to" on:change=choose_model(to, from)>{options(to)}</select>
                </div>
            </div>
            <div class="row" role="group" aria-label="Parts to take, input first" translate="no">
                {move || parts.get().into_iter().map(part).collect_view()}
            </div>
            <div class="row">
                <p class="small" data-testid="transplanted">{said}</p>
                <Show when=move || of_state.with(Option::is_some)>
                    <button type="button" class="compact" data-testid="give-back" on:click=move |_| choose(Vec::new())>"Give everything back"</button>
                </Show>
            </div>
        </section>
    }
}

/// The parts of a model, from its input to its answer.
fn parts(n_layers: usize) -> Vec<Part> {
    let layer = |layer_idx| (format!("Layer {layer_idx}"), format!("layers:{layer_idx}"));
    let whole = |name: &str| (name.to_owned(), name.to_lowercase());
    std::iter::once(whole("Embeddings"))
        .chain((0..n_layers).map(layer))
        .chain(["Pooler", "Classifier"].map(whole))
        .collect()
}

/// The selections that a list of them is made of, of those that this panel writes.
fn selected(parts: &str) -> Vec<String> {
    parts.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
