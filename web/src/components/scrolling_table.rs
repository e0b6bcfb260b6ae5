//! A table that may be wider than the screen.

use super::sign::{Sign, title};
use leptos::prelude::*;
use shared::Condition;

/// Rows of a table under the names of their columns. The table scrolls in a frame of its own, which the Tab key reaches and
/// which is called `label`; what stands in it is data, and no browser translates it.
#[component]
pub(super) fn ScrollingTable(
    label: &'static str,
    /// The names of the columns, in their order.
    columns: Vec<AnyView>,
    #[prop(optional)] class: &'static str,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let head = columns.into_iter().map(|name| view! { <th scope="col">{name}</th> }).collect_view();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=label>
            <table class=class translate="no">
                <thead><tr>{head}</tr></thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

/// Names of columns that are words.
pub(super) fn named<const N: usize>(names: [&'static str; N]) -> Vec<AnyView> {
    names.into_iter().map(IntoAny::into_any).collect()
}

/// The name of a model's column.
pub(super) fn of_model(model: Condition) -> AnyView {
    view! { <Sign model=model />" "{title(model)} }.into_any()
}

/// The name of a column that needs none to be seen.
pub(super) fn unseen(name: &'static str) -> AnyView {
    view! { <span class="visually-hidden">{name}</span> }.into_any()
}
