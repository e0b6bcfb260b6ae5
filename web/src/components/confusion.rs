//! Counts by true and predicted class, a matrix for each model.

use super::figure_card::FigureCard;
use super::sign::title;
use crate::protocol::{Evaluation, ModelEvaluation};
use leptos::prelude::*;
use shared::figure::{Axis, Chart, Figure, IntervalChart, IntervalRow, MatrixChart, Reference};
use shared::statistics::Interval;

/// All models' matrices side by side.
#[component]
pub(super) fn Confusion(evaluation: Evaluation, labels: Vec<String>) -> impl IntoView {
    let card = |model: &ModelEvaluation| {
        let name = title(model.model);
        let right: u64 = (0..model.confusion.len()).map(|i| model.confusion[i][i]).sum();
        let not_finite = match model.answers.n_non_finite {
            0 => String::new(),
            n => format!(" {n} sentences without a finite answer are in no cell."),
        };
        let figure = Figure {
            id: format!("confusion-{}", model.model.as_str()),
            title: name.to_owned(),
            caption: format!("Sentences by true class (down) and predicted class (across).{not_finite}"),
            description: format!("{name}: {right} of {} sentences are on the diagonal.", model.accuracy.n),
            chart: Chart::Matrix(MatrixChart {
                role: Some(model.model),
                row_label: "true".to_owned(),
                column_label: "predicted".to_owned(),
                classes: labels.clone(),
                counts: model.confusion.clone(),
            }),
        };
        view! { <FigureCard figure=figure /> }
    };
    view! { <div class="three">{evaluation.models.iter().map(card).collect_view()}</div> }
}

/// Accuracy of every model with its interval, against always naming the most frequent class.
pub(super) fn accuracy_figure(evaluation: &Evaluation, damage: &str) -> Figure {
    let rows: Vec<IntervalRow> = evaluation
        .models
        .iter()
        .map(|model| IntervalRow {
            label: model.model.as_str().to_owned(),
            role: Some(model.model),
            value: model.accuracy.value,
            interval: Interval { low: model.accuracy.low, high: model.accuracy.high, level: 0.95 },
        })
        .collect();
    let said: Vec<String> = rows.iter().map(|row| format!("{} {:.1} %", row.label, 100.0 * row.value)).collect();
    let n = evaluation.models.first().map_or(0, |model| model.accuracy.n);
    Figure {
        id: "held-out-accuracy".to_owned(),
        title: "Accuracy on held-out sentences".to_owned(),
        caption: format!(
            "Share of {n} sentences that each model gets right, with its 95 % Wilson interval over sentences, under {damage}. \
             It says nothing about other seeds."
        ),
        description: format!("Held-out accuracy: {}.", said.join("; ")),
        chart: Chart::Intervals(IntervalChart {
            axis: Axis::percent("accuracy"),
            level: 0.95,
            rows,
            references: vec![Reference {
                label: "always the most frequent class".to_owned(),
                value: evaluation.majority_share,
            }],
        }),
    }
}
