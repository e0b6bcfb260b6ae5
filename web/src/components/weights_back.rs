//! Whether the weights came back: the lines between the models, and how far each part is from the healthy one.

use super::figure_card::FigureCard;
use super::long_measure::{LongBar, RowChoice, Stale, few_rows};
use crate::protocol::ReturnView;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Axis, Chart, Figure, HeatCell, HeatChart, HeatRow, LineChart, Mark, Point, Series, Unit};
use shared::inspection::{Part, Scar};
use shared::surgery::{BridgePoint, barrier};

/// Ask, watch, and see.
#[component]
pub(super) fn WeightsBackPanel() -> impl IntoView {
    let store = Store::get();
    let (returned, returning) = (store.surgery.returned, store.surgery.returning);
    let max_rows = few_rows();
    let is_healed = move || store.healed_on_show().is_some() && !store.is_whole() && !store.is_healing.get();
    let found = move || {
        returned.get().map(|(view, _)| {
            view! {
                <div class="stack" data-testid="returned" data-n=view.n_rows.to_string()>
                    <div class="two">
                        <FigureCard figure=line(&view, "accuracy", |point| Some(point.accuracy)) />
                        <FigureCard figure=line(&view, "loss", |point| point.loss) />
                    </div>
                    <FigureCard figure=scar_map(&view.scars) />
                </div>
            }
        })
    };
    view! {
        <section class="panel stack" aria-labelledby="return-title" data-testid="weights-back">
            <h2 id="return-title">"Did the weights come back?"</h2>
            <p class="small quiet">
                "A healed model may answer as the healthy one does. Here you see whether it does so with the same weights: how far each part is \
                 from the healthy one, and what models on the straight line between the two are worth."
            </p>
            <div class="row">
                <RowChoice max_rows=max_rows id="return-rows" />
                <button
                    type="button"
                    data-testid="ask-return"
                    disabled=move || !(store.has_rows() && is_healed() && returning.with(Option::is_none))
                    on:click=move |_| store.ask_return(max_rows.get_untracked())
                >"Find out"</button>
            </div>
            <Show when=move || !is_healed()><p class="small quiet">"This needs a healed model: break something and heal it."</p></Show>
            <LongBar call=returning label="Sentences put through models on both lines" testid="cancel-return" />
            <Stale found_under=move || returned.with(|found| found.as_ref().map(|(_, damage)| damage.clone())) />
            {found}
        </section>
    }
}

fn line(view: &ReturnView, what: &'static str, of: fn(&BridgePoint) -> Option<f64>) -> Figure {
    let lines = [(Condition::Healthy, &view.from_healthy), (Condition::Corrupted, &view.from_corrupted)];
    let series: Vec<Series> = lines
        .into_iter()
        .map(|(from, points)| {
            let point = |point: &BridgePoint| Some(Point { x: point.t, y: of(point)?, interval: None, n: None });
            let points = points.iter().filter_map(point).collect();
            Series { label: format!("{from} → healed"), role: Some(from), mark: Mark::Line, points }
        })
        .collect();
    let highest = series.iter().flat_map(|series| &series.points).map(|point| point.y).fold(0.1, f64::max);
    let is_share = what == "accuracy";
    // A valley of accuracy is what a barrier of loss is.
    let hill = |points: &[BridgePoint]| barrier(points, |point| of(point).map(|y| if is_share { -y } else { y }));
    let said = match (hill(&view.from_healthy), is_share) {
        (None, _) => "some models on the line are not finite".to_owned(),
        (Some(depth), true) => {
            format!("on the way from healthy to healed accuracy sinks up to {:.1} points below the line", 100.0 * depth)
        }
        (Some(height), false) => {
            format!("on the way from healthy to healed the loss rises up to {height:.2} above the line")
        }
    };
    Figure {
        id: format!("bridge-{what}"),
        title: format!("{} along the straight lines", shared::words::capitalised(what)),
        caption: format!(
            "Eleven models on each line, all weights mixed evenly, on {} sentences: {said}. Where nothing sinks, both models lie in one valley.",
            view.n_rows
        ),
        description: format!("{what} along the lines from healthy and from corrupted to healed: {said}."),
        chart: Chart::Lines(LineChart {
            x: Axis::linear("share of the healed model", 0.0, 1.0, Unit::Number),
            y: if is_share {
                Axis::percent("accuracy")
            } else {
                Axis::linear("loss", 0.0, 1.05 * highest, Unit::Number)
            },
            series,
            diagonal: false,
        }),
    }
}

fn scar_map(scars: &[Scar]) -> Figure {
    let degrees = |cosine: Option<f64>| cosine.map(|cosine| cosine.clamp(-1.0, 1.0).acos().to_degrees());
    let cell = |value: Option<f64>, note: &str| value.map(|value| HeatCell { value, note: note.to_owned() });
    let percent = |distance: Option<f64>| distance.map(|distance| 100.0 * distance);
    let row = |scar: &Scar| HeatRow {
        label: match scar.part {
            Part::Embeddings => "embeddings".to_owned(),
            Part::Layer(layer_idx) => format!("layer {layer_idx}"),
            Part::Head => "head".to_owned(),
        },
        cells: vec![
            cell(percent(scar.distance_before), "%"),
            cell(percent(scar.distance_after), "%"),
            cell(percent(scar.moved), "%"),
            cell(degrees(scar.way_back), "degrees"),
        ],
    };
    let worst = scars.iter().max_by(|a, b| a.distance_after.unwrap_or(0.0).total_cmp(&b.distance_after.unwrap_or(0.0)));
    let described = worst.map_or(String::new(), |scar| {
        let HeatRow { label, .. } = row(scar);
        format!(
            "{label} is farthest from healthy after healing: {:.0} % of its length.",
            100.0 * scar.distance_after.unwrap_or(0.0)
        )
    });
    Figure {
        id: "scar".to_owned(),
        title: "The scar".to_owned(),
        caption: "Distance from the healthy weights before and after healing, how far healing moved, each as a share of the healthy weights' \
                  length, and the angle between the way that healing took and the way back: 0 is straight back, 90 is neither back nor away."
            .to_owned(),
        description: described,
        chart: Chart::Heat(HeatChart {
            row_label: "part".to_owned(),
            column_label: "healed against healthy".to_owned(),
            columns: ["broken", "healed", "moved", "angle"].map(str::to_owned).to_vec(),
            rows: scars.iter().rev().map(row).collect(),
        }),
    }
}
