//! Where one head looks, in each model.

use super::sign::{Sign, title};
use crate::protocol::{AttentionView, ModelAttention};
use crate::store::Store;
use leptos::prelude::*;
use std::sync::Arc;

/// Tokens of which a table is still readable; the rest is left out and said.
const MAX_TOKENS: usize = 32;

/// Choose a layer and a head; the models stand side by side.
#[component]
pub(super) fn AttentionPanel() -> impl IntoView {
    let store = Store::get();
    let place = Memo::new(move |_| {
        let anatomy = store.anatomy.get();
        let (layer, head) = store.state.with(|state| (state.layer, state.head));
        let last = |n: Option<usize>| n.unwrap_or(1).saturating_sub(1);
        (
            layer.min(last(anatomy.map(|anatomy| anatomy.n_layers))),
            head.min(last(anatomy.map(|anatomy| anatomy.n_heads))),
        )
    });
    let options = move |n: usize, chosen: fn((usize, usize)) -> usize| {
        (0..n)
            .map(|i| {
                view! { <option value=i.to_string() prop:selected=move || chosen(place.get()) == i>{i.to_string()}</option> }
            })
            .collect_view()
    };
    let tables = move || match store.attention.get() {
        None => view! { <p class="waiting">{store.awaited()}</p> }.into_any(),
        Some(view) => {
            let tables = view.models.iter().map(|model| table(&view, model)).collect_view();
            let n_left_out = view.tokens.len().saturating_sub(MAX_TOKENS);
            let note = (n_left_out > 0).then(|| {
                view! { <p class="notice">{format!("The last {n_left_out} word pieces are not shown.")}</p> }
            });
            view! { <div class="three">{tables}</div>{note} }.into_any()
        }
    };
    view! {
        <section class="panel stack" aria-labelledby="attention-title" data-testid="attention">
            <div class="row apart">
                <h2 id="attention-title">"What a head attends to"</h2>
                <div class="row">
                    <label for="layer">"Layer"</label>
                    <select
                        id="layer"
                        class="narrow"
                        on:change=move |event| {
                            if let Ok(layer) = event_target_value(&event).parse() {
                                store.choose(|state| state.layer = layer);
                            }
                        }
                    >{move || options(store.anatomy.get().map_or(0, |anatomy| anatomy.n_layers), |place| place.0)}</select>
                    <label for="head">"Head"</label>
                    <select
                        id="head"
                        class="narrow"
                        on:change=move |event| {
                            if let Ok(head) = event_target_value(&event).parse() {
                                store.choose(|state| state.head = head);
                            }
                        }
                    >{move || options(store.anatomy.get().map_or(0, |anatomy| anatomy.n_heads), |place| place.1)}</select>
                </div>
            </div>
            <p class="small quiet">"Each row is a word piece: the stronger a cell, the more that piece attends to the column's."</p>
            {tables}
        </section>
    }
}

fn table(view: &Arc<AttentionView>, model: &ModelAttention) -> impl IntoView + use<> {
    let n = view.tokens.len();
    let shown = n.min(MAX_TOKENS);
    let condition = model.model;
    let head = view.tokens[..shown]
        .iter()
        .map(|token| view! { <th scope="col"><span>{token.clone()}</span></th> })
        .collect_view();
    let rows = (0..shown).map(|row| {
        let cells = (0..shown).map(|column| {
            let share = model.probabilities.get(row * n + column).copied().flatten();
            let words = share.map_or("not finite".to_owned(), |share| format!("{:.0} %", 100.0 * share));
            // By the square root, so that a tenth is seen as well.
            let level = share.unwrap_or(0.0).clamp(0.0, 1.0).sqrt().to_string();
            view! {
                <td class:broken={share.is_none()} style=("--share", level) title=words.clone()>
                    <span class="visually-hidden">{words.clone()}</span>
                </td>
            }
        });
        view! { <tr><th scope="row">{view.tokens[row].clone()}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <div class=format!("stack attention-model {}", condition.as_str())>
            <h3 class="row"><Sign model=condition />{title(condition)}</h3>
            <div class="scroll" tabindex="0" role="region" aria-label=format!("Attention of the {} model", condition.as_str())>
                <table class="attention-table" translate="no">
                    <thead><tr><td></td>{head}</tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
}
