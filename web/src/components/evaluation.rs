//! An evaluation's results: accuracies, confusion matrices, and the sentences on which the models differ.

use super::figure_card::FigureCard;
use super::scrolling_table::{ScrollingTable, named, of_model, unseen};
use super::sign::title;
use crate::protocol::{Evaluation, ModelEvaluation, RowVerdict};
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Axis, Chart, Figure, IntervalChart, IntervalRow, MatrixChart, Reference};
use shared::statistics::Interval;
use std::sync::Arc;

/// All models' matrices side by side.
#[component]
pub(super) fn Confusion(evaluation: Evaluation, labels: Vec<String>) -> impl IntoView {
    let card = |model: &ModelEvaluation| {
        let name = title(model.model);
        let right: u64 = (0..model.confusion.len()).map(|i| model.confusion[i][i]).sum();
        let not_finite = match model.answers.n_non_finite {
            0 => String::new(),
            n => format!(" {n} sentences without a finite answer are not in any cell."),
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
            Some(model) => format!("Only {} is correct ({})", model.as_str(), count(filter)),
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
    let mut columns = named(["Sentence", "True class"]);
    columns.extend(models.iter().copied().map(of_model));
    columns.push(unseen("Try it"));
    let name = move |label: Option<u32>| match label {
        Some(label) => labels.get(label as usize).cloned().unwrap_or_else(|| format!("class {label}")),
        None => "not finite".to_owned(),
    };
    let row = move |row: RowVerdict| {
        let cells = row.predicted.iter().map(|predicted| {
            let is_right = *predicted == Some(row.label);
            let mark = if is_right { "✓" } else { "✗" };
            let spoken = if is_right { "correct: " } else { "wrong: " };
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
            store.announcement.set("The models now read this sentence.".to_owned());
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
        <div class="row" role="group" aria-label="Sentences to list">{filters}</div>
        <ScrollingTable label="Where the models differ" columns=columns class="history">{shown}</ScrollingTable>
        <Show when=move || { n_shown.get() < count(only.get()) }>
            <button type="button" class="compact" on:click=move |_| n_shown.update(|n| *n += 4 * PAGE)>"Show more"</button>
        </Show>
    }
}

fn fits(row: &RowVerdict, filter: Option<Condition>) -> bool {
    filter.is_none_or(|model| row.only == Some(model))
}
