//! The healings of this page as runs: a table, the curves of those that are chosen, and what can leave the page.

use super::figure_card::FigureCard;
use super::model_status::megabytes;
use super::scrolling_table::{ScrollingTable, named};
use crate::runs::{End, MAX_RUNS, Right, Run, Runs, RunsNote};
use crate::store::{Arrival, Store};
use leptos::prelude::*;
use shared::figure::{Axis, Chart, Figure, LineChart, Mark, Point, Series, Unit};
use std::collections::BTreeSet;

/// Curves in one drawing: as many as have dashes of their own.
const MAX_CURVES: usize = 6;

/// What learns, by its word in the address.
const TRAINED: [(&str, &str); 3] =
    [("damaged", "damaged parts and head"), ("head", "head only"), ("all", "everything")];

/// A table of runs with their curves.
#[component]
pub(super) fn RunsPanel() -> impl IntoView {
    let store = Store::get();
    // The numbers of the runs whose curves are shown.
    let chosen = RwSignal::new(BTreeSet::<usize>::new());
    let is_empty = move || store.runs.with(|runs: &Runs| runs.runs.is_empty());
    let rows = move || store.runs.get().runs.into_iter().rev().map(|run| row(store, chosen, run)).collect_view();
    let charts = move || {
        let numbers = chosen.get();
        let runs: Vec<Run> =
            store.runs.with(|runs| runs.runs.iter().filter(|run| numbers.contains(&run.number)).cloned().collect());
        (!runs.is_empty()).then(|| {
            view! {
                <div class="two">
                    <FigureCard figure=accuracy_figure(&runs) />
                    <FigureCard figure=loss_figure(&runs) />
                </div>
            }
        })
    };
    let judging = move || {
        store.recording.get().map(|progress| {
            let (done, total) = (progress.done.to_string(), progress.total.max(1).to_string());
            view! {
                <p class="small quiet row" data-testid="recording">
                    "Evaluating the models of the last run on the held-out sentences…"
                    <progress aria-label="Sentences classified for the record" value=done max=total />
                </p>
            }
        })
    };
    let can_undo = move || store.removed_runs.with(|removed| !removed.is_empty());
    view! {
        <section class="panel stack" aria-labelledby="runs-title" data-testid="runs">
            <div class="row apart">
                <h2 id="runs-title">"Runs"</h2>
                <div class="row">
                    <button
                        type="button"
                        class="compact"
                        data-testid="export-runs"
                        disabled=is_empty
                        on:click=move |_| store.export_runs()
                    >"Export results.jsonl"</button>
                    <button
                        type="button"
                        class="compact"
                        data-testid="remove-runs"
                        disabled=is_empty
                        on:click=move |_| store.remove_runs(|_| false)
                    >"Remove all"</button>
                </div>
            </div>
            <p class="small quiet">
                {format!(
                    "Every healing on this page is a run. Up to {MAX_RUNS} are kept, in this browser only; the oldest makes room \
                     for a new one. results.jsonl has their records: bert-heal report and the view “Evidence” read it. They are \
                     never pooled with runs of the native program."
                )}
            </p>
            <ExportHealed />
            <p class="row" class:visually-hidden=move || store.runs_note.with(Option::is_none) && !can_undo()>
                <span class="notice" role="status" data-testid="runs-note">
                    {move || store.runs_note.with(|note| note.as_ref().map(RunsNote::in_words))}
                </span>
                <Show when=can_undo>
                    <button
                        type="button"
                        class="compact"
                        data-testid="put-runs-back"
                        on:click=move |_| store.put_runs_back()
                    >"Undo"</button>
                </Show>
            </p>
            {judging}
            <Show
                when=move || !is_empty()
                fallback=|| view! {
                    <p data-testid="no-runs">"There are no runs yet: damage the model, heal it, and its run is listed here."</p>
                }
            >
                <p class="small quiet" id="curves-words">
                    {format!("Tick up to {MAX_CURVES} runs to see their curves in one drawing.")}
                </p>
                <ScrollingTable
                    label="Healings on this page, the newest first"
                    columns=named([
                        "Curve", "Run", "Held-out accuracy", "Plan", "Seed", "Steps", "Learning rate", "Batch", "Trained",
                        "Model", "Ended", "Record", "Remove",
                    ])
                >
                    {rows}
                </ScrollingTable>
            </Show>
            {charts}
        </section>
    }
}

/// The healed model as files.
#[component]
fn ExportHealed() -> impl IntoView {
    let store = Store::get();
    let size = move || {
        let bytes = store.loaded.with(|loaded| loaded.as_ref().map(|loaded| loaded.model.size_bytes));
        bytes.map_or(String::new(), |bytes| format!(" (zip, about {})", megabytes(bytes)))
    };
    let is_busy = move || store.is_exporting.get() || store.is_healing.get();
    view! {
        <Show when=move || store.healed.with(Option::is_some) && store.arrival() == Arrival::Here>
            <div class="row small">
                <button
                    type="button"
                    class="compact"
                    data-testid="export-healed"
                    disabled=is_busy
                    aria-describedby="export-healed-words"
                    on:click=move |_| store.export_healed()
                >{move || format!("Download the healed model{}", size())}</button>
                <span class="quiet" id="export-healed-words">
                    {move || if store.is_exporting.get() {
                        "Packing…"
                    } else {
                        "A folder in Hugging Face’s layout, which transformers opens, with its model card."
                    }}
                </span>
            </div>
        </Show>
    }
}

fn row(store: Store, chosen: RwSignal<BTreeSet<usize>>, run: Run) -> impl IntoView {
    let number = run.number;
    let is_chosen = move || chosen.with(|chosen| chosen.contains(&number));
    let is_full = move || chosen.with(|chosen| chosen.len() >= MAX_CURVES && !chosen.contains(&number));
    let choose = move |_| {
        chosen.update(|chosen| {
            if !chosen.remove(&number) {
                chosen.insert(number);
            }
        });
    };
    let id = run.ended_at_ms;
    let remove = move |_| {
        chosen.update(|chosen| {
            chosen.remove(&number);
        });
        store.remove_runs(|run| run.ended_at_ms != id);
    };
    let steps = if run.step == run.n_steps { run.step.to_string() } else { format!("{} of {}", run.step, run.n_steps) };
    let end = match &run.end {
        End::Whole => "with its last step".to_owned(),
        End::Stopped => "stopped by hand".to_owned(),
        End::Failed(reason) => reason.clone(),
    };
    let record = match (&run.record, &run.end) {
        (Some(record), _) => record.run_id.clone(),
        (None, End::Stopped) => "none: stopped by hand".to_owned(),
        (None, _) => "not evaluated".to_owned(),
    };
    let trained =
        TRAINED.iter().find(|(word, _)| *word == run.trained).map_or(run.trained.clone(), |(_, name)| (*name).into());
    view! {
        <tr data-testid=format!("run-{number}") data-record=run.record.as_ref().map(|record| record.run_id.clone())>
            <td>
                <input
                    type="checkbox"
                    aria-label=format!("Show the curves of run {number}")
                    data-testid=format!("curve-{number}")
                    prop:checked=is_chosen
                    disabled=is_full
                    on:change=choose
                />
            </td>
            <th scope="row" class="numbers">{format!("#{number}")}</th>
            <td class="numbers">{run.held_out.map_or("–".to_owned(), accuracy)}</td>
            <td class="mono">{run.plan.clone()}</td>
            <td class="numbers">{run.seed.0.to_string()}</td>
            <td class="numbers">{steps}</td>
            <td class="numbers">{format!("{:e}", run.learning_rate)}</td>
            <td class="numbers">{run.batch_size}</td>
            <td>{trained}</td>
            <td>{run.model.clone()}</td>
            <td>{end}</td>
            <td class="mono small">{record}</td>
            <td>
                <button
                    type="button"
                    class="compact"
                    data-testid=format!("remove-run-{number}")
                    aria-label=format!("Remove run {number}")
                    on:click=remove
                >"Remove"</button>
            </td>
        </tr>
    }
}

fn accuracy(right: Right) -> String {
    let interval = right.interval().map_or(String::new(), |interval| {
        format!(" (95 % interval {:.1} to {:.1} %)", 100.0 * interval.low, 100.0 * interval.high)
    });
    format!("{:.1} % of {}{interval}", 100.0 * right.share(), right.n)
}

/// What runs are called in a drawing, and below it.
fn legend(runs: &[Run]) -> String {
    let of = |run: &Run| format!("#{}: {}, seed {}, rate {:e}", run.number, run.plan, run.seed.0, run.learning_rate);
    runs.iter().map(of).collect::<Vec<_>>().join("; ")
}

fn lines(runs: &[Run], y: Axis, points: impl Fn(&Run) -> Vec<Point>) -> Chart {
    let n_steps = runs.iter().map(|run| run.n_steps).max().unwrap_or(1).max(1);
    let series = runs.iter().enumerate().map(|(n, run)| {
        let label = format!("#{}", run.number);
        Series { label, role: None, mark: Mark::Nth(n), points: points(run) }
    });
    let series = series.collect();
    Chart::Lines(LineChart { x: Axis::linear("step", 0.0, n_steps as f64, Unit::Count), y, series, diagonal: false })
}

fn accuracy_figure(runs: &[Run]) -> Figure {
    let ends: Vec<String> = runs
        .iter()
        .filter_map(|run| Some(format!("#{} at {:.1} %", run.number, 100.0 * run.curves.looks.last()?.1.share())))
        .collect();
    let point =
        |(step, right): &(usize, Right)| Point { x: *step as f64, y: right.share(), interval: None, n: Some(right.n) };
    Figure {
        id: "runs-accuracy".to_owned(),
        title: "Held-out accuracy while healing".to_owned(),
        caption: format!(
            "On the first held-out sentences, which are looked at on the way (their number is in the table); all of them count \
             at the end. {}.",
            legend(runs)
        ),
        description: format!("Held-out accuracy by step; the last looks are {}.", ends.join(", ")),
        chart: lines(runs, Axis::percent("held-out accuracy"), |run| run.curves.looks.iter().map(point).collect()),
    }
}

fn loss_figure(runs: &[Run]) -> Figure {
    let highest = runs.iter().flat_map(|run| &run.curves.losses).map(|(_, loss)| f64::from(*loss)).fold(0.1, f64::max);
    let ends: Vec<String> =
        runs.iter().filter_map(|run| Some(format!("#{} at {:.3}", run.number, run.curves.losses.last()?.1))).collect();
    let point = |(step, loss): &(usize, f32)| Point { x: *step as f64, y: f64::from(*loss), interval: None, n: None };
    Figure {
        id: "runs-loss".to_owned(),
        title: "Training loss while healing".to_owned(),
        caption: format!(
            "Mean cross-entropy of the training batches, averaged over some steps where there are many. {}.",
            legend(runs)
        ),
        description: format!("Training loss by step; the last ones are {}.", ends.join(", ")),
        chart: lines(runs, Axis::linear("training loss", 0.0, 1.05 * highest, Unit::Number), |run| {
            run.curves.losses.iter().map(point).collect()
        }),
    }
}
