//! The network as it is clicked: the input at the bottom, the answer at the top.
//!
//! One stop of the Tab key leads into the drawing, arrow keys lead around in it (the pattern of a toolbar in WAI-ARIA's
//! authoring practices), Enter and Space damage or spare.

use super::network_part::{Cell, Focus, LayerPart, PlainPart, Pointing};
use crate::plan_edit::Part;
use crate::store::Store;
use leptos::{ev, prelude::*};
use shared::Condition;
use wasm_bindgen::JsCast as _;

/// The drawing with a line that tells what is pointed at.
#[component]
pub(super) fn Network() -> impl IntoView {
    let store = Store::get();
    let focus: Focus = RwSignal::new((0, 0));
    let pointed = RwSignal::new(None::<Cell>);
    // What was pressed or has the focus keeps its words when nothing is pointed at: the drawing may move from under the
    // pointer when an answer grows, and a finger does not point.
    let held = RwSignal::new(None::<Cell>);
    provide_context(Pointing { pointed, held });
    let container = NodeRef::<leptos::html::Div>::new();
    let move_focus = move |event: ev::KeyboardEvent| {
        let (row, column) = focus.get_untracked();
        let wanted = match event.key().as_str() {
            "ArrowUp" => (row.checked_sub(1), Some(column)),
            "ArrowDown" => (Some(row + 1), Some(column)),
            "ArrowLeft" => (Some(row), column.checked_sub(1)),
            "ArrowRight" => (Some(row), Some(column + 1)),
            "Home" => (Some(row), Some(0)),
            _ => return,
        };
        event.prevent_default();
        let (Some(row), Some(column)) = wanted else { return };
        // Rows have different lengths: the same place, or the first one.
        let found = [(row, column), (row, 0)].into_iter().find_map(|(row, column)| {
            let selector = format!("[data-row=\"{row}\"][data-column=\"{column}\"]");
            let button = container.get_untracked()?.query_selector(&selector).ok()??;
            let button = button.dyn_into::<web_sys::HtmlElement>().ok()?;
            // On a small screen heads are not shown.
            button.offset_parent().is_some().then_some(((row, column), button))
        });
        if let Some((place, button)) = found {
            focus.set(place);
            // It was found in the document a moment ago.
            let _ = button.focus();
        }
    };
    let rows = move || {
        let anatomy = store.anatomy.get()?;
        let n_layers = anatomy.n_layers;
        let layers = (0..n_layers).rev().map(|layer_idx| {
            let row = 2 + n_layers - 1 - layer_idx;
            view! { <LayerPart layer_idx=layer_idx n_heads=anatomy.n_heads row=row focus=focus /> }
        });
        Some(view! {
            <PlainPart part=Part::Classifier name="Classifier" hint="names the class" row=0 focus=focus />
            <PlainPart part=Part::Pooler name="Pooler" hint="sums the sentence up" row=1 focus=focus />
            {layers.collect_view()}
            <PlainPart
                part=Part::Embeddings
                name="Embeddings"
                hint="turn word pieces into vectors"
                row={2 + n_layers}
                focus=focus
            />
        })
    };
    let readout = move || match pointed.get().or(held.get()) {
        None => "Point at a part, or press it: this line says what it does. A press breaks it, another one mends it."
            .into_any(),
        Some(cell) => view! {
            <strong>{cell.name()}</strong>
            {format!(" {}. ", cell.purpose())}
            <span class="numbers">{size(&store, cell)}</span>
        }
        .into_any(),
    };
    let pieces = move || store.said.with(|said| said.as_ref().map_or(String::new(), |said| said.tokens.join(" ")));
    let answer = move || {
        let text = store.state.with(|state| state.text.clone());
        let said = store.said.get().filter(|said| said.text == text);
        let said = super::model_card::prediction(said.as_ref(), Condition::Corrupted)?;
        let label = store.labels.with(|labels| labels.get(said.label? as usize).cloned())?;
        Some(format!(
            "{label} {}",
            super::model_card::confidence(&said).map_or(String::new(), super::model_card::percent)
        ))
    };
    view! {
        <p class="flow" translate="no"><span aria-hidden="true">"↑"</span>{move || answer().unwrap_or_else(|| "an answer".to_owned())}</p>
        <div
            class="network"
            translate="no"
            role="group"
            aria-label="The network, input at the bottom. Arrow keys move, Enter damages or restores."
            data-testid="network"
            node_ref=container
            on:keydown=move_focus
            on:mouseleave=move |_| pointed.set(None)
            on:focusout=move |_| held.set(None)
        >
            {rows}
        </div>
        <p class="flow" translate="no">
            <span aria-hidden="true">"↑"</span>
            <code>{move || if pieces().is_empty() { "a sentence in word pieces".to_owned() } else { pieces() }}</code>
        </p>
        <p class="readout" data-testid="part-words" role="status">{readout}</p>
    }
}

/// How many numbers the part or component has, and how many of them changed; nothing where that is not known.
fn size(store: &Store, cell: Cell) -> String {
    let Some(loaded) = store.loaded.get() else { return String::new() };
    let component = cell.component.map(super::network_part::word);
    let part_idx = loaded.model.parts.iter().position(|part| part.kind == cell.kind());
    let Some((part_idx, part)) = part_idx.map(|part_idx| (part_idx, &loaded.model.parts[part_idx])) else {
        return String::new();
    };
    let is_head = matches!(cell.component, Some(crate::plan_edit::Component::Head(_)));
    let of_cell = |tensor_component: Option<&str>| match component.as_deref() {
        None => true,
        // A head has its share of four matrices; the page says so of the whole attention only.
        Some(_) if is_head => false,
        Some(word) => tensor_component == Some(word),
    };
    let tensors: Vec<_> = part.tensors.iter().filter(|tensor| of_cell(tensor.component.as_deref())).collect();
    let n_values: usize = tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    if n_values == 0 {
        return String::new();
    }
    let n_changed: usize = store.damage.with(|damage| {
        let Some(damage) = damage else { return 0 };
        let changed = |name: &str| {
            let mut steps = damage.tensors.iter().filter(|change| change.part_idx == part_idx);
            steps.find(|change| change.name == name).map_or(0, |change| change.n_changed_in_all)
        };
        tensors.iter().map(|tensor| changed(&tensor.name)).sum()
    });
    let count = |n: usize| shared::figure::Unit::Count.format(n as f64);
    let share = 100.0 * n_changed as f64 / n_values as f64;
    let changed = if n_changed == 0 { "none".to_owned() } else { format!("{} ({share:.0} %)", count(n_changed)) };
    format!("{} values, {changed} changed.", count(n_values))
}
