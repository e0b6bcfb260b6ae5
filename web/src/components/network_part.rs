//! One row of the drawing: an encoder layer with its insides, or a part without any.

use super::editor::Editor;
use crate::plan_edit::{Component, Part};
use crate::protocol::PartKind;
use crate::store::Store;
use leptos::prelude::*;

/// Where the keyboard is in the drawing: row from the top, place in it.
pub(super) type Focus = RwSignal<(usize, usize)>;

/// The cell under the pointer, and the one that was pressed or has the focus.
#[derive(Clone, Copy)]
pub(super) struct Pointing {
    pub(super) pointed: RwSignal<Option<Cell>>,
    pub(super) held: RwSignal<Option<Cell>>,
}

/// What one button of the drawing stands for: a whole part, or a component of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) part: Part,
    pub(super) component: Option<Component>,
}

impl Cell {
    /// What the visitor calls it.
    pub(super) fn name(self) -> String {
        let part = match self.part {
            Part::Embeddings => "Embeddings".to_owned(),
            Part::Layer(layer_idx) => format!("Layer {layer_idx}"),
            Part::Pooler => "Pooler".to_owned(),
            Part::Classifier => "Classifier".to_owned(),
        };
        match self.component {
            None => part,
            Some(component) => format!("{part}, {}", spoken(component)),
        }
    }

    /// What it does, for people who have not met one: a verb and the rest, without a full stop.
    pub(super) fn purpose(self) -> &'static str {
        match (self.part, self.component) {
            (Part::Embeddings, None) => "is a table that turns each word piece into a list of numbers",
            (Part::Layer(_), None) => {
                "lets the word pieces look at one another (Q, K, V, Out), then works on each one alone (FFN)"
            }
            (Part::Pooler, None) => "takes the first piece's numbers as a summary of the sentence",
            (Part::Classifier, None) => "turns the summary into a score for each class",
            (_, Some(Component::Query)) => "writes what each word piece looks for in the others",
            (_, Some(Component::Key)) => "writes what each word piece can be found by",
            (_, Some(Component::Value)) => "writes what a word piece hands over when it is found",
            (_, Some(Component::Output)) => "puts together what all heads have found",
            (_, Some(Component::Head(_))) => {
                "is one reader of several side by side, each of which looks at other words"
            }
            (_, Some(Component::FfnIn)) => "spreads each word piece over more numbers, to weigh it up",
            (_, Some(Component::FfnOut)) => "folds what was weighed up into the piece's own numbers",
            (_, Some(Component::LayerNorm)) => "keep the numbers of every piece in a range that works",
            (_, Some(Component::Weight)) => "are what its inputs are multiplied by",
            (_, Some(Component::Bias)) => "are what is added to the products",
            (_, Some(Component::Finer(_))) => "is a part of it that only a plan can name",
        }
    }

    /// The part as the worker names it.
    pub(super) fn kind(self) -> PartKind {
        match self.part {
            Part::Embeddings => PartKind::Embeddings,
            Part::Layer(layer_idx) => PartKind::Layer(layer_idx),
            Part::Pooler => PartKind::Pooler,
            Part::Classifier => PartKind::Classifier,
        }
    }

    fn test_id(self) -> String {
        match (self.part, self.component) {
            (Part::Layer(layer_idx), None) => format!("layer-{layer_idx}"),
            (Part::Layer(layer_idx), Some(component)) => format!("component-{layer_idx}-{}", word(component)),
            (part, _) => format!("part-{}", Cell { part, component: None }.name().to_lowercase()),
        }
    }

    fn toggle(self, editor: Editor) {
        editor.edit(|damage| match self.component {
            Some(component) => damage.toggle_component(self.part, component),
            None => damage.toggle_part(self.part),
        });
    }
}

/// The component in the grammar.
pub(super) fn word(component: Component) -> String {
    match component {
        Component::Query => "attention.query".to_owned(),
        Component::Key => "attention.key".to_owned(),
        Component::Value => "attention.value".to_owned(),
        Component::Output => "attention.output".to_owned(),
        Component::Head(head_idx) => format!("attention.head:{head_idx}"),
        Component::FfnIn => "ffn.in".to_owned(),
        Component::FfnOut => "ffn.out".to_owned(),
        Component::LayerNorm => "layernorm".to_owned(),
        Component::Weight => "weight".to_owned(),
        Component::Bias => "bias".to_owned(),
        Component::Finer(word) => word.to_owned(),
    }
}

/// For those who hear it; what stands on the button comes first, so that it can be said to a voice control as well.
fn spoken(component: Component) -> String {
    match component {
        Component::Query => "Q: attention query".to_owned(),
        Component::Key => "K: attention key".to_owned(),
        Component::Value => "V: attention value".to_owned(),
        Component::Output => "Out: attention output".to_owned(),
        Component::Head(head_idx) => format!("attention head {head_idx}"),
        Component::FfnIn => "FFN in: first feed-forward layer".to_owned(),
        Component::FfnOut => "FFN out: second feed-forward layer".to_owned(),
        Component::LayerNorm => "Norm: both LayerNorms".to_owned(),
        Component::Weight => "weights".to_owned(),
        Component::Bias => "biases".to_owned(),
        Component::Finer(word) => word.to_owned(),
    }
}

/// Whether all of the cell is damaged, as `aria-pressed` says it; `mixed` when a part of it is.
fn is_pressed(editor: Editor, cell: Cell) -> &'static str {
    let state = editor.read(|damage| match cell.component {
        Some(component) => (damage.has(cell.part, component), false),
        None => (damage.is_whole(cell.part), damage.touches(cell.part)),
    });
    match state {
        Some((true, _)) => "true",
        Some((false, true)) => "mixed",
        _ => "false",
    }
}

/// One button.
#[component]
fn CellButton(cell: Cell, label: String, place: (usize, usize), focus: Focus) -> impl IntoView {
    let editor = Editor::get();
    let store = Store::get();
    let Pointing { pointed, held } = expect_context();
    let pressed = Memo::new(move |_| is_pressed(editor, cell));
    // Touched by an earlier step of the plan, which clicks do not change.
    let is_before = Memo::new(move |_| {
        store.plan.with(|plan| {
            let groups = plan.as_ref().and_then(|plan| plan.as_ref().ok()).map(|damage| &damage.groups[..]);
            let earlier = groups.and_then(|groups| groups.split_last()).map_or(&[][..], |(_, earlier)| earlier);
            earlier.iter().any(|group| group.parts.contains_key(&cell.part))
        })
    });
    let name = cell.name();
    let is_name = cell.component.is_none();
    view! {
        <button
            type="button"
            class:name=is_name
            class:before=move || is_before.get()
            aria-label=name
            aria-pressed=move || pressed.get()
            tabindex=move || if focus.get() == place { "0" } else { "-1" }
            data-row=place.0.to_string()
            data-column=place.1.to_string()
            data-testid=cell.test_id()
            on:click=move |_| {
                focus.set(place);
                // Not every browser gives a pressed button the focus.
                held.set(Some(cell));
                cell.toggle(editor);
            }
            on:focus=move |_| {
                // Of the pointer and the keyboard, the last one that moved.
                pointed.set(None);
                held.set(Some(cell));
            }
            on:mouseenter=move |_| pointed.set(Some(cell))
        >
            {label}
        </button>
    }
}

/// A part without insides.
#[component]
pub(super) fn PlainPart(part: Part, name: &'static str, hint: &'static str, row: usize, focus: Focus) -> impl IntoView {
    let cell = Cell { part, component: None };
    view! {
        <div class="part plain">
            <CellButton cell=cell label=name.to_owned() place=(row, 0) focus=focus />
            <span class="end">{hint}</span>
        </div>
    }
}

/// An encoder layer: attention with its heads, feed-forward network, LayerNorms.
#[component]
pub(super) fn LayerPart(layer_idx: usize, n_heads: usize, row: usize, focus: Focus) -> impl IntoView {
    let part = Part::Layer(layer_idx);
    let button = move |component: Option<Component>, label: String, column: usize| {
        let cell = Cell { part, component };
        view! { <CellButton cell=cell label=label place=(row, column) focus=focus /> }
    };
    let attention = [Component::Query, Component::Key, Component::Value, Component::Output];
    let attention_names = ["Q", "K", "V", "Out"];
    let heads = move || (0..n_heads).map(|i| button(Some(Component::Head(i)), String::new(), 8 + i)).collect_view();
    view! {
        <div class="part">
            {button(None, format!("Layer {layer_idx}"), 0)}
            <div class="inside">
                <div class="attention">
                    {(1..).zip(attention).zip(attention_names)
                        .map(|((column, component), name)| button(Some(component), name.to_owned(), column))
                        .collect_view()}
                    <div class="heads">{heads()}</div>
                </div>
                <div class="ffn">
                    {button(Some(Component::FfnIn), "FFN in".to_owned(), 5)}
                    {button(Some(Component::FfnOut), "out".to_owned(), 6)}
                </div>
                {button(Some(Component::LayerNorm), "Norm".to_owned(), 7)}
            </div>
        </div>
    }
}
