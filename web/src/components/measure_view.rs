//! Held-out sentences, the runs of this page, and the history of tried ones.

use super::control::ControlPanel;
use super::evaluation::{Confusion, DifferingRows, accuracy_figure};
use super::figure_card::FigureCard;
use super::history_panel::HistoryPanel;
use super::runs_panel::RunsPanel;
use crate::protocol::Evaluation;
use crate::store::{Arrival, MODELS, Store};
use leptos::prelude::*;
use shared::Condition;
use std::sync::Arc;

/// The page's third view.
#[component]
pub(super) fn MeasureView() -> impl IntoView {
    let store = Store::get();
    let rows = move || store.loaded.with(|loaded| loaded.as_ref().and_then(|loaded| loaded.rows));
    let story = move || match rows() {
        None if store.arrival() != Arrival::Here => store.arrival().words().to_owned(),
        Some(rows) => format!(
            "{} labelled sentences that none of these models was trained on. Every model classifies all of them, on your machine; what \
             is not broken or not healed yet is left out.",
            rows.n_held_out
        ),
        None => {
            "This model came without labelled sentences: add a table with a text and a label in each row under “Model”."
                .to_owned()
        }
    };
    let is_stale = move || {
        let now = store.damage_name();
        store.evaluation.with(|evaluation| evaluation.as_ref().is_some_and(|(_, damage)| *damage != now))
    };
    let bar = move || {
        store.evaluating.get().map(|(_, progress)| {
            let (done, total) = (progress.done.to_string(), progress.total.max(1).to_string());
            view! {
                <progress aria-label="Sentences classified" value=done max=total />
                <button
                    type="button"
                    class="compact"
                    data-testid="cancel-evaluation"
                    on:click=move |_| store.cancel(store.evaluating)
                >"Cancel"</button>
            }
        })
    };
    let results = move || {
        store.evaluation.get().map(|(evaluation, damage)| {
            let labels = store.labels.get();
            view! {
                <FigureCard figure=accuracy_figure(&evaluation, &damage) />
                <Confusion evaluation=(*evaluation).clone() labels=labels.clone() />
                <h3>"Where they differ"</h3>
                <DifferingRows evaluation=evaluation labels=labels />
            }
        })
    };
    let accuracies = move || {
        let evaluation = store.evaluation.get().map(|(evaluation, _)| evaluation);
        MODELS.map(|model| accuracy_line(evaluation.as_ref(), model)).collect_view()
    };
    view! {
        <section class="panel stack" aria-labelledby="measure-title">
            <div class="row apart">
                <h2 id="measure-title">"Held-out sentences"</h2>
                <button
                    type="button"
                    class="primary"
                    data-testid="evaluate"
                    disabled=move || rows().is_none() || store.evaluating.with(Option::is_some)
                    on:click=move |_| store.evaluate()
                >"Evaluate all models"</button>
            </div>
            <p class="small quiet">{story}</p>
            {bar}
            <Show when=is_stale>
                <p class="notice">"The damage has changed since then. Evaluate again."</p>
            </Show>
            <ul class="row">{accuracies}</ul>
            <ControlPanel />
            {results}
        </section>
        <RunsPanel />
        <HistoryPanel />
    }
}

fn accuracy_line(evaluation: Option<&Arc<Evaluation>>, model: Condition) -> impl IntoView + use<> {
    let found = evaluation.and_then(|evaluation| evaluation.models.iter().find(|of| of.model == model));
    found.map(|found| {
        let accuracy = found.accuracy;
        let answers = found.answers.in_words(accuracy.n).map_or(String::new(), |words| format!("; {words}"));
        let n_correct = (accuracy.value * accuracy.n as f64).round();
        view! {
            <li
                class="chip numbers"
                data-testid=format!("accuracy-{}", model.as_str())
                data-value=accuracy.value.to_string()
                data-n=accuracy.n.to_string()
                data-correct=n_correct.to_string()
            >
                {format!(
                    "{model}: {n_correct} of {} correct, macro-F1 {:.1} %{answers}",
                    accuracy.n,
                    100.0 * found.macro_f1
                )}
            </li>
        }
    })
}
