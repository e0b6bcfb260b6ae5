//! The held-out sentences on which the models are not of one mind.

use super::sign::{Sign, title};
use crate::protocol::{Evaluation, RowVerdict};
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use std::sync::Arc;

/// Rows shown at once.
const PAGE: usize = 12;

/// Filter: whose lonely hits to list; `None` is every row that some model gets wrong.
#[component]
pub(super) fn DifferingRows(evaluation: Arc<Evaluation>, labels: Vec<String>) -> impl IntoView {
    let store = Store::get();
    let only = RwSignal::new(None::<Condition>);
    let n_shown = RwSignal::new(PAGE);
    let rows = StoredValue::new(evaluation.rows.clone());
    let models: Vec<Condition> = evaluation.models.iter().map(|model| model.model).collect();
    let count =
        move |filter: Option<Condition>| rows.with_value(|rows| rows.iter().filter(|row| fits(row, filter)).count());
    let filters = std::iter::once(None).chain(models.iter().copied().map(Some)).map(|filter| {
        let name = match filter {
            None => format!("Any model is wrong ({})", count(None)),
            Some(model) => format!("Only {} is right ({})", model.as_str(), count(filter)),
        };
        let choose = move |_| {
            n_shown.set(PAGE);
            only.set(filter);
        };
        view! {
            <button type="button" class="compact" aria-pressed=move || (only.get() == filter).to_string() on:click=choose>
                {name}
            </button>
        }
    });
    let filters = filters.collect_view();
    let head = models
        .iter()
        .map(|model| view! { <th scope="col"><Sign model=*model />" "{title(*model)}</th> })
        .collect_view();
    let name = move |label: Option<u32>| match label {
        Some(label) => labels.get(label as usize).cloned().unwrap_or_else(|| format!("class {label}")),
        None => "not finite".to_owned(),
    };
    let row = move |row: RowVerdict| {
        let cells = row.predicted.iter().map(|predicted| {
            let is_right = *predicted == Some(row.label);
            let mark = if is_right { "✓" } else { "✗" };
            let spoken = if is_right { "right: " } else { "wrong: " };
            view! {
                <td class:wrong={!is_right}>
                    <span aria-hidden="true">{mark}" "</span><span class="visually-hidden">{spoken}</span>{name(*predicted)}
                </td>
            }
        });
        let text = row.text.clone();
        let try_it = move |_| {
            let text = text.clone();
            store.choose(move |state| state.text = text);
            store.announcement.set("The sentence is under the models' eyes now.".to_owned());
        };
        view! {
            <tr>
                <th scope="row" class="sentence">{row.text.clone()}</th>
                <td>{name(Some(row.label))}</td>
                {cells.collect_view()}
                <td><button type="button" class="compact" on:click=try_it>"Try"</button></td>
            </tr>
        }
    };
    let shown = move || {
        let (filter, n) = (only.get(), n_shown.get());
        let rows =
            rows.with_value(|rows| rows.iter().filter(|row| fits(row, filter)).take(n).cloned().collect::<Vec<_>>());
        rows.into_iter().map(&row).collect_view()
    };
    view! {
        <div class="row" role="group" aria-label="Which sentences to list">{filters}</div>
        <div class="scroll" tabindex="0" role="region" aria-label="Where the models differ">
            <table class="history">
                <thead>
                    <tr>
                        <th scope="col">"Sentence"</th>
                        <th scope="col">"True class"</th>
                        {head}
                        <th scope="col"><span class="visually-hidden">"Try it"</span></th>
                    </tr>
                </thead>
                <tbody>{shown}</tbody>
            </table>
        </div>
        <Show when=move || { n_shown.get() < count(only.get()) }>
            <button type="button" class="compact" on:click=move |_| n_shown.update(|n| *n += 4 * PAGE)>"Show more"</button>
        </Show>
    }
}

fn fits(row: &RowVerdict, filter: Option<Condition>) -> bool {
    filter.is_none_or(|model| row.only == Some(model))
}
