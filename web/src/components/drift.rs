//! Where the signal dies: hidden states against the healthy model's, layer by layer.

use super::figure_card::FigureCard;
use crate::protocol::{DriftView, LayerDrift};
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Axis, Chart, Figure, LineChart, Mark, Point, Series, Unit};
use std::sync::Arc;

/// Both measures for the current sentence.
#[component]
pub(super) fn DriftPanel() -> impl IntoView {
    let store = Store::get();
    let figures = move || match store.drift.get() {
        None => view! { <p class="waiting">{store.awaited()}</p> }.into_any(),
        Some(drift) => {
            let cards = figures(&drift).into_iter().map(|figure| view! { <FigureCard figure=figure /> });
            view! { <div class="two">{cards.collect_view()}</div> }.into_any()
        }
    };
    view! {
        <section class="panel stack" aria-labelledby="drift-title" data-testid="drift">
            <h2 id="drift-title">"Where the signal is lost"</h2>
            <p class="small quiet">
                "How similar each layer's output is to the healthy model's: 1 means identical. The embeddings are at position 0, layer 0 at position 1."
            </p>
            {figures}
        </section>
    }
}

fn figures(drift: &Arc<DriftView>) -> Vec<Figure> {
    let chart = |id: &str, title: &str, caption: String, low: f64, of: fn(&LayerDrift) -> Option<f64>| {
        let series: Vec<Series> =
            [(Condition::Corrupted, Some(Condition::Corrupted)), (Condition::Healed, Some(Condition::Healed))]
                .into_iter()
                .map(|(model, role)| {
                    let layers = drift.layers.iter().filter(|layer| layer.model == model);
                    let point = |layer: &LayerDrift| {
                        let x = layer.layer_idx.map_or(0.0, |layer_idx| (layer_idx + 1) as f64);
                        Some(Point { x, y: of(layer)?, interval: None, n: None })
                    };
                    let points = layers.filter_map(point).collect();
                    Series { label: model.as_str().to_owned(), role, mark: Mark::Line, points }
                })
                .filter(|series| !series.points.is_empty())
                .collect();
        let n_layers = drift.layers.iter().filter_map(|layer| layer.layer_idx).max().map_or(1, |last| last + 1);
        let ends: Vec<String> = series
            .iter()
            .filter_map(|series| Some(format!("{} ends at {:.2}", series.label, series.points.last()?.y)))
            .collect();
        let lowest = series.iter().flat_map(|series| &series.points).map(|point| point.y).fold(low, f64::min);
        Figure {
            id: id.to_owned(),
            title: title.to_owned(),
            caption,
            description: format!("{title} from the embeddings to the top: {}.", ends.join(", ")),
            chart: Chart::Lines(LineChart {
                x: Axis::linear("position, from the bottom", 0.0, n_layers as f64, Unit::Count),
                y: Axis::linear(title.to_lowercase(), lowest, 1.0, Unit::Number),
                series,
                diagonal: false,
            }),
        }
    };
    let cosine =
        "Cosine similarity between a token's hidden state and the healthy model's, averaged over tokens.".to_owned();
    let few = if drift.n_tokens < 200 {
        " With so few tokens it is biased towards 1: look at the shape of the curve, not its height."
    } else {
        ""
    };
    let cka = format!(
        "Linear centred kernel alignment (Kornblith et al. 2019) over {} tokens: 1 means identical up to rotation and scale.{few}",
        drift.n_tokens
    );
    vec![
        chart("drift-cosine", "Cosine similarity", cosine, 0.0, |layer| layer.cosine),
        chart("drift-cka", "Linear CKA", cka, 0.0, |layer| layer.linear_cka),
    ]
}
