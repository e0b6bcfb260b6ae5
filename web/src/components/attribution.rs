//! Which words a prediction rests on, for each model.

use super::sign::{Sign, title};
use crate::protocol::{Attribution, ModelAttribution};
use crate::store::Store;
use leptos::prelude::*;
use std::sync::Arc;

/// The sentence's word pieces, coloured by what they contribute to the healthy model's class.
#[component]
pub(super) fn AttributionPanel() -> impl IntoView {
    let store = Store::get();
    let body = move || match store.attribution.get() {
        None => view! { <p class="waiting">{store.awaited()}</p> }.into_any(),
        Some(view) => {
            let labels = store.labels.get();
            let target = labels.get(view.target as usize).cloned().unwrap_or_default();
            let rows = view.models.iter().map(|model| tokens(&view, model)).collect_view();
            view! {
                <p class="small quiet">
                    {format!(
                        "How much each word piece speaks for or against “{target}”, the healthy model's class, in logits: {}.",
                        view.method
                    )}
                </p>
                <p class="scale"><span>"against"</span><span class="ramp" aria-hidden="true"></span><span>"for"</span></p>
                <div class="stack">{rows}</div>
            }
            .into_any()
        }
    };
    view! {
        <section class="panel stack" aria-labelledby="attribution-title" data-testid="attribution">
            <h2 id="attribution-title">"What the answer is based on"</h2>
            {body}
        </section>
    }
}

fn tokens(view: &Arc<Attribution>, model: &ModelAttribution) -> impl IntoView + use<> {
    let strongest = model.scores.iter().flatten().map(|score| score.abs()).fold(1e-6, f32::max);
    let items = view.tokens.iter().zip(&model.scores).map(|(token, score)| {
        let words = score.map_or("n/a".to_owned(), |score| format!("{score:+.2}"));
        let share = (score.unwrap_or(0.0).abs() / strongest).to_string();
        let is_for = score.is_some_and(|score| score >= 0.0);
        let is_against = score.is_some_and(|score| score < 0.0);
        view! {
            <li class:for=is_for class:against=is_against style=("--share", share)>
                {token.clone()}<sub>{words}</sub>
            </li>
        }
    });
    let condition = model.model;
    let number = |value: Option<f32>| value.map_or("not finite".to_owned(), |value| format!("{value:.2}"));
    let gap = format!(
        "Margin {}; completeness gap of the scores {}.",
        number(model.margin),
        number(model.completeness_gap.map(f32::abs))
    );
    view! {
        <div>
            <h3 class="row"><Sign model=condition />{title(condition)}</h3>
            <ul class="tokens" translate="no">{items.collect_view()}</ul>
            <p class="small quiet">{gap}</p>
        </div>
    }
}
