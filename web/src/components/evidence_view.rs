//! Recorded runs as charts, with what they allow to be said.

use super::figure_card::{FigureCard, Table};
use super::files::{DropZone, chosen};
use super::plain_words::in_plain_words;
use crate::build::address_of;
use crate::failure::Failure;
use crate::fetch;
use crate::store::Store;
use leptos::{ev, prelude::*};
use shared::Condition;
use shared::claims::{ClaimsFile, Run, judge};
use shared::evidence::{
    Experiment, Piece, Results, Topic, differences_from_first, experiments, figures, largest, plans_caption,
    plans_table, runs_table, topics,
};
use shared::record::{Protocol, RunStatus};
use shared::statistics::MIN_SEEDS_FOR_A_CLAIM;
use std::sync::Arc;
use web_sys::File;

/// The records that come with the page.
const BUNDLED: &str = "results.jsonl";

/// The most bytes of a results file: a record has about 4 kB, so this is over 10,000 runs.
const MAX_BYTES: usize = 64 << 20;

/// Experiments that are shown one by one: those with the most runs.
const MAX_EXPERIMENTS: usize = 12;

/// The page's fourth view.
#[component]
pub(super) fn EvidenceView() -> impl IntoView {
    let store = Store::get();
    if store.results.with_untracked(Option::is_none) {
        leptos::task::spawn_local(async move {
            match fetch::bytes(&address_of(BUNDLED)).await {
                Ok(bytes) => show(store, BUNDLED, &bytes.unwrap_or_default()),
                Err(reason) => store.fail(Failure::Transfer { file: BUNDLED.to_owned(), reason }),
            }
        });
    }
    let take = move |file: Option<File>| {
        let Some(file) = file else { return };
        leptos::task::spawn_local(async move {
            match fetch::file_bytes(&file).await {
                Ok(bytes) => show(store, &file.name(), &bytes),
                Err(failure) => store.fail(failure),
            }
        });
    };
    let drop_file = move |event: ev::DragEvent| {
        take(event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)));
    };
    let body = move || store.results.get().map(|(results, name)| body(&results, &name));
    view! {
        <section class="panel stack" aria-labelledby="evidence-title" data-testid="evidence">
            <h2 id="evidence-title">"Recorded runs"</h2>
            <p class="small quiet">
                {format!(
                    "This page shows one seed at a time. Evidence needs many, and every run of bert-heal leaves a record. One \
                     rule decides what the records allow us to say: an exact sign-flip test over pairs of seeds, adjusted \
                     for the number of claims (Holm), says worse or better (it asks how often chance alone, deciding for each \
                     pair which of the two is ahead, gives a mean difference as large as the one found); two one-sided tests against a margin say \
                     equivalent; otherwise it is undecided, as it always is with fewer than {MIN_SEEDS_FOR_A_CLAIM} seeds."
                )}
            </p>
            <DropZone on_drop=drop_file>
                <label for="results">"Drop the results.jsonl of your own runs here, or choose it: "</label>
                <input
                    type="file"
                    id="results"
                    data-testid="load-results"
                    accept=".jsonl,application/jsonl"
                    on:change=move |event| take(chosen(&event).into_iter().next())
                />
            </DropZone>
            {body}
        </section>
    }
}

fn show(store: Store, name: &str, bytes: &[u8]) {
    if bytes.len() > MAX_BYTES {
        let reason = format!("it is larger than {} MiB: split it, or use fewer runs", MAX_BYTES >> 20);
        store.fail(Failure::wrong_file(name, &reason));
        return;
    }
    let results = Results::read(bytes);
    store.announcement.set(format!("{name}: {} runs.", results.records.len()));
    store.results.set(Some((Arc::new(results), name.to_owned())));
}

fn body(results: &Results, name: &str) -> impl IntoView + use<> {
    let n_failed = results.records.iter().filter(|record| record.status != RunStatus::Ok).count();
    let summary = match results.records.len() {
        0 if name == BUNDLED => "This page comes without recorded runs: add the results.jsonl of your own.".to_owned(),
        0 => format!("{name} contains no runs."),
        n => format!("{name}: {n} runs, {n_failed} of which failed."),
    };
    let problems =
        results.problems.iter().map(|problem| view! { <li>{format!("{name} {problem}.")}</li> }).collect_view();
    let has_problems = !results.problems.is_empty();
    let runs = Run::from_records(&results.records);
    let judgements = judge(&ClaimsFile::default(), &runs).expect("the usual claims are in range");
    let all = experiments(&runs, &judgements);
    let topics = topics(&results.records, &[], &all).into_iter().map(topic).collect_view();
    let n_more = all.len().saturating_sub(MAX_EXPERIMENTS);
    let (today, before): (Vec<_>, Vec<_>) = largest(&all, MAX_EXPERIMENTS)
        .into_iter()
        .cloned()
        .partition(|experiment| experiment.common.superseded.is_none());
    let has_before = !before.is_empty();
    let today = with_differences(today);
    let before = with_differences(before);
    view! {
        <p role="status" data-testid="evidence-summary">{summary}</p>
        {has_problems.then(|| view! { <ul class="notice">{problems}</ul> })}
        {today}
        {(n_more > 0).then(|| view! {
            <p class="notice">{format!(
                "Shown are the {MAX_EXPERIMENTS} experiments with the most runs. bert-heal report lists the other {n_more}."
            )}</p>
        })}
        {topics}
        {has_before.then(|| view! {
            <p class="notice" data-testid="superseded-runs">
                "Below are runs of earlier versions of bert-heal, as they were recorded. They are never pooled with today's."
            </p>
        })}
        {before}
    }
}

/// What all experiments show together, folded up: its charts are drawn when somebody looks.
fn topic(topic: Topic) -> impl IntoView {
    let open = RwSignal::new(false);
    let pieces = move || open.get().then(|| topic.pieces.iter().cloned().map(piece).collect_view());
    view! {
        <details class="stack" data-testid=format!("topic-{}", topic.id) on:toggle=move |_| open.set(true)>
            <summary>{topic.title}</summary>
            {pieces}
        </details>
    }
}

fn piece(piece: Piece) -> impl IntoView {
    match piece {
        Piece::Text(text) => view! { <p class="small">{text}</p> }.into_any(),
        Piece::Table { caption, table } => view! {
            <p class="small quiet">{caption.clone()}</p>
            <Table name=caption table=table />
        }
        .into_any(),
        Piece::Figures(figures) => {
            let cards = figures.into_iter().map(|figure| view! { <FigureCard figure=figure /> }).collect_view();
            view! { <div class="two">{cards}</div> }.into_any()
        }
    }
}

/// Each with what keeps it apart from the first one of its model, dataset and protocol.
fn with_differences(experiments: Vec<Experiment>) -> impl IntoView {
    let differences: Vec<Vec<String>> = differences_from_first(&experiments)
        .iter()
        .map(|fields| fields.iter().map(ToString::to_string).collect())
        .collect();
    experiments.into_iter().zip(differences).map(|(one, differences)| experiment(one, &differences)).collect_view()
}

fn experiment(experiment: Experiment, differences: &[String]) -> impl IntoView + use<> {
    let common = &experiment.common;
    let apart = (!differences.is_empty())
        .then(|| format!("Not pooled with the runs above, from which it differs in {}.", differences.join("; ")));
    let protocol = match common.protocol {
        Protocol::Pretrained => "pre-trained, damaged, fine-tuned (the corrupted model has an untrained head)",
        Protocol::Finetuned => "fine-tuned, damaged, fine-tuned again",
    };
    let against = match common.reference {
        Condition::Control => "the control: the healthy model, fine-tuned with the healing's budget",
        _ if common.protocol == Protocol::Finetuned => {
            "the healthy model, which has had one round of fine-tuning less: these runs have no control"
        }
        _ => "the healthy model",
    };
    let superseded =
        common.superseded.clone().map(|superseded| view! { " "<span class="chip warn">{superseded}</span> });
    let said = experiment.judgements.iter().map(|judgement| {
        let plain = in_plain_words(judgement).map(|words| view! { <span class="plain-words">{words}</span> });
        view! { <li>{judgement.to_string()}{plain}</li> }
    });
    let said = said.collect_view();
    let cards = figures(&experiment).into_iter().map(|figure| view! { <FigureCard figure=figure /> }).collect_view();
    view! {
        <section class="stack">
            <h3>{format!("{} on {}", common.model, common.dataset)}{superseded}</h3>
            <p class="small quiet">{format!("Protocol: {protocol}. {}. Deficits are against {against}.", common.budget())}</p>
            {apart.map(|words| view! { <p class="notice" data-testid="apart">{words}</p> })}
            <ul class="stack">{said}</ul>
            <div class="two">{cards}</div>
            <details>
                <summary>"All plans"</summary>
                <p class="small quiet">{plans_caption(&experiment)}</p>
                <Table name="All plans".to_owned() table=plans_table(&experiment) />
            </details>
            <details>
                <summary>"All runs"</summary>
                <Table name="All runs".to_owned() table=runs_table(&experiment) />
            </details>
        </section>
    }
}
