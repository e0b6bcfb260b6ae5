//! Which part is to blame for what the damage costs.

use super::figure_card::FigureCard;
use super::long_measure::{LongBar, RowChoice, Stale, few_rows};
use crate::protocol::BlameView;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Chart, Figure, HeatCell, HeatChart, HeatRow};
use shared::surgery::{Blame, PartBlame};

/// Ask, watch, and see who it was.
#[component]
pub(super) fn BlamePanel() -> impl IntoView {
    let store = Store::get();
    let (blame, blaming) = (store.surgery.blame, store.surgery.blaming);
    let max_rows = few_rows();
    let damaged = RwSignal::new(Condition::Corrupted);
    let can_ask = move || store.has_rows() && !store.is_whole() && blaming.with(Option::is_none);
    let found = move || {
        blame.get().map(|(view, _)| {
            let sum = view.accuracy.sum;
            let difference = view.accuracy.healthy - view.accuracy.damaged;
            let label = view.label.and_then(|label| store.labels.get().get(label as usize).cloned());
            view! {
                <div
                    class="stack"
                    data-testid="blame-found"
                    data-sum=sum.to_string()
                    data-difference=difference.to_string()
                    data-n=view.n_rows.to_string()
                    data-secs=view.secs.to_string()
                >
                    <FigureCard figure=figure(&view, label.as_deref()) />
                    <p class="small numbers">
                        {format!(
                            "Check: the parts add up to {:+.2} points, healthy minus {} is {:+.2}. {} mixes of the two models, {} passes of \
                             each sentence through a layer, {:.1} s.",
                            100.0 * sum,
                            view.damaged,
                            100.0 * difference,
                            view.n_mixes,
                            view.n_passes,
                            view.secs
                        )}
                    </p>
                </div>
            }
        })
    };
    view! {
        <section class="panel stack" aria-labelledby="blame-title" data-testid="blame">
            <h2 id="blame-title">"Which layer is to blame?"</h2>
            <p class="small quiet">
                "Every mix of the healthy and the damaged model is tried on held-out sentences. A layer is charged what its damage costs on \
                 average, whichever layers were damaged before it (its Shapley value). “Rest” is everything that is no layer."
            </p>
            <div class="row">
                <div class="field">
                    <label for="blame-of">"Healthy against"</label>
                    <select
                        id="blame-of"
                        on:change=move |event| damaged.set(event_target_value(&event).parse().unwrap_or(Condition::Corrupted))
                    >
                        <option value="corrupted">"corrupted"</option>
                        <option value="healed" disabled=move || store.healed_on_show().is_none()>"healed"</option>
                    </select>
                </div>
                <RowChoice max_rows=max_rows id="blame-rows" />
                <button
                    type="button"
                    data-testid="ask-blame"
                    disabled=move || !can_ask()
                    on:click=move |_| store.ask_blame(damaged.get_untracked(), max_rows.get_untracked())
                >"Find out"</button>
            </div>
            <Show when=move || store.is_whole()><p class="small quiet">"Nothing is broken: nobody is to blame."</p></Show>
            <LongBar call=blaming label="Sentences put through all mixes" testid="cancel-blame" />
            <Stale found_under=move || blame.with(|blame| blame.as_ref().map(|(_, damage)| damage.clone())) />
            {found}
        </section>
    }
}

fn figure(view: &BlameView, label: Option<&str>) -> Figure {
    let cell = |part: &PartBlame, scale: f64, unit: &str, is_same: bool| {
        let note = match part.interval {
            _ if is_same => "same weights".to_owned(),
            Some(interval) => format!("{:.1} to {:.1}", scale * interval.low, scale * interval.high),
            None => unit.to_owned(),
        };
        Some(HeatCell { value: scale * part.value, note })
    };
    let of_part = |(i, part): (usize, &PartBlame)| {
        let is_same = view.is_same.get(i).copied().unwrap_or(false);
        let mut cells = vec![cell(part, 100.0, "points", is_same)];
        cells.extend(view.margin.as_ref().map(|margin: &Blame| cell(&margin.parts[i], 1.0, "of a logit", is_same)));
        HeatRow { label: part.part.clone(), cells }
    };
    let mut columns = vec!["accuracy".to_owned()];
    columns.extend(view.margin.as_ref().map(|_| "this sentence".to_owned()));
    let worst = view.accuracy.parts.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let accuracy = &view.accuracy;
    let of_margin = label.zip(view.margin.as_ref()).map_or(String::new(), |(label, margin)| {
        format!(" The sentence's margin of “{label}” goes from {:.2} to {:.2}.", margin.healthy, margin.damaged)
    });
    Figure {
        id: "blame".to_owned(),
        title: format!("What each part of the {} model costs", view.damaged),
        caption: format!(
            "Points of accuracy on {} sentences, {:.1} % healthy and {:.1} % {}; above 0 it costs, below 0 it helps.{of_margin}",
            view.n_rows,
            100.0 * accuracy.healthy,
            100.0 * accuracy.damaged,
            view.damaged
        ),
        description: worst.map_or(String::new(), |part| {
            format!("{} costs most: {:.1} points of accuracy.", part.part, 100.0 * part.value)
        }),
        chart: Chart::Heat(HeatChart {
            row_label: "part".to_owned(),
            column_label: "cost to".to_owned(),
            columns,
            // As the network is drawn, the input at the bottom.
            rows: accuracy.parts.iter().enumerate().rev().map(of_part).collect(),
        }),
    }
}
