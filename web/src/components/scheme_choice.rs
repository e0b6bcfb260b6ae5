//! How the chosen parts are damaged: every scheme of the grammar with its parameter.

use super::editor::Editor;
use leptos::prelude::*;
use shared::corruption::{BitField, Parameter, Reach, Scheme};

/// The choice of the scheme and, where it has one, its parameter.
#[component]
pub(super) fn SchemeChoice() -> impl IntoView {
    let editor = Editor::get();
    let scheme = editor.scheme;
    let set = move |to: Scheme| {
        scheme.set(to);
        editor.edit(|damage| damage.set_scheme(to));
    };
    // As `set`, but a key that is held, or pressed again and again, is one step of the browser's history.
    let slide = move |to: Scheme| {
        scheme.set(to);
        editor.slide("strength", |damage| damage.set_scheme(to));
    };
    // One weight is no choice of parts, and the page keeps every layer: such a plan is typed, or comes by a link, and is
    // shown then.
    let option = move |of: Scheme| {
        let entry = of.entry();
        let is_chosen = move || scheme.get().keyword() == entry.keyword;
        let is_hidden = move || (entry.reach == Reach::OneTensor || of == Scheme::Skip) && !is_chosen();
        view! { <option value=entry.keyword hidden=is_hidden prop:selected=is_chosen>{entry.label}</option> }
    };
    let options = Scheme::ALL.map(option);
    let choose = move |event| {
        if let Some(to) = Scheme::named(&event_target_value(&event)) {
            set(to);
        }
    };
    let parameter = move || {
        let Parameter { kind, value, .. } = scheme.get().entry().parameter?;
        let change = move |event| {
            if let Ok(value) = event_target_value(&event).parse::<f64>()
                && value.is_finite()
            {
                slide(scheme.get_untracked().with_value(value.clamp(kind.least, kind.most)));
            }
        };
        Some(view! {
            <div class="field grow">
                <label for="strength">{kind.label}</label>
                <input
                    type="number"
                    id="strength"
                    data-testid="strength"
                    min=kind.least.to_string()
                    max=kind.most.to_string()
                    step=kind.step
                    prop:value=value.to_string()
                    on:change=change
                />
            </div>
        })
    };
    let field = move || {
        let field = scheme.get().entry().field?;
        let choose = move |event| {
            let word = event_target_value(&event);
            if let Some(field) = BitField::GROUPS.into_iter().find(|known| known.word() == word) {
                set(scheme.get_untracked().with_field(field));
            }
        };
        // Single bits can be typed in the plan.
        let single = (!BitField::GROUPS.contains(&field)).then_some(field);
        let options: Vec<_> = BitField::GROUPS
            .into_iter()
            .chain(single)
            .map(|of| view! { <option value=of.word() prop:selected={of == field}>{of.label()}</option> })
            .collect();
        Some(view! {
            <div class="field grow">
                <label for="bits">"Which bits"</label>
                <select id="bits" on:change=choose>{options}</select>
            </div>
        })
    };
    view! {
        <div class="row">
            <div class="field grow">
                <label for="scheme">"How"</label>
                <select id="scheme" data-testid="scheme" on:change=choose>{options.collect_view()}</select>
            </div>
            {parameter}
            {field}
        </div>
    }
}
