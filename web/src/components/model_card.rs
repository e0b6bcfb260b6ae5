//! One model's answer to the sentence.

use super::main_line::{BreakIt, HealIt, button_name};
use super::sign::{Sign, title};
use crate::protocol::{Classification, HealedOrigin, ModelPrediction, is_same_damage};
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;

/// A column of the comparison: class, confidence, every probability, and whether it differs from the healthy model's.
#[component]
pub(super) fn ModelCard(model: Condition) -> impl IntoView {
    let store = Store::get();
    let text = store.select(|state| state.text.clone());
    // What the worker said, else what the bundle brought along for this very sentence and damage.
    let said = Memo::new(move |_| {
        let text = text.get();
        let live = store.said.get().filter(|said| said.text == text);
        live.map(|said| (said, true)).or_else(|| {
            let preview = store.told()?;
            let sample = preview.sample(&text)?.clone();
            let is_same_damage = preview.damage.as_ref().is_some_and(|(plan, seed)| {
                store.state.with(|state| is_same_damage((plan, *seed), (&state.plan, state.seed)))
            });
            (model == Condition::Healthy || is_same_damage).then_some((sample, false))
        })
    });
    let of = move |model: Condition| said.with(|said| prediction(said.as_ref().map(|(said, _)| said), model));
    // Without damage there is one model and one answer; a healed model that came along belongs to its own damage alone.
    let is_on_show = Memo::new(move |_| match model {
        Condition::Corrupted => !store.is_whole(),
        Condition::Healed => {
            store.is_healing.get()
                || store.healed_on_show().is_some()
                || said.with(|said| matches!(said, Some((_, false))))
        }
        _ => true,
    });
    let answer = Memo::new(move |_| of(model).filter(|_| is_on_show.get()));
    let differs = Memo::new(move |_| {
        let (healthy, own) = (of(Condition::Healthy), of(model));
        matches!((healthy, own), (Some(healthy), Some(own)) if healthy.label != own.label)
    });
    let has_more = store.select(|state| state.more);
    let subtitle = move || match model {
        Condition::Healthy | Condition::Control => store
            .healthy_accuracy()
            .map_or("as it was trained".to_owned(), |share| format!("as it was trained; {:.1} % right", 100.0 * share)),
        Condition::Corrupted => {
            store.broken_words().map_or("the same model, broken".to_owned(), |words| format!("broken: {words}"))
        }
        Condition::Healed => healed_subtitle(&store),
    };
    let exact = move || match model {
        Condition::Healthy | Condition::Control => String::new(),
        Condition::Corrupted => store.damage.with(|damage| match damage {
            Some(damage) if damage.is_nothing() => "No value is changed".to_owned(),
            Some(damage) => format!("{} · seed {}", damage.plan, damage.seed.0),
            None => store.state.with(|state| match state.plan.trim() {
                "" => "No value is changed".to_owned(),
                plan => format!("{plan} · seed {}", state.seed.0),
            }),
        }),
        Condition::Healed => healed_exactly(&store),
    };
    let is_other_damage = move || {
        model == Condition::Healed
            && !store.is_healing.get()
            && store.healed_on_show().is_some_and(|healed| {
                store.damage.with(|damage| {
                    damage.as_ref().is_some_and(|damage| healed.damage() != (damage.plan.as_str(), damage.seed))
                })
            })
    };
    let body = move || {
        if let Some(prediction) = answer.get() {
            return answer_view(&prediction, &store.labels.get(), differs.get()).into_any();
        }
        let is_here = store.loaded.with(Option::is_some);
        let is_plan_wrong = || store.plan.with(|plan| matches!(plan, Some(Err(_))));
        let reason = match model {
            Condition::Corrupted if store.is_whole() => "Nothing is broken yet.",
            Condition::Healed if store.is_whole() && store.healed_on_show().is_none() => "Nothing to heal yet.",
            Condition::Healed if is_here && store.healed_on_show().is_none() => {
                store.why_no_healing().unwrap_or("Not healed yet.")
            }
            Condition::Corrupted if is_here && is_plan_wrong() => "The plan does not fit this model: correct it first.",
            _ => store.awaited(),
        };
        view! { <p class="waiting">{reason}</p> }.into_any()
    };
    let data_text =
        move || said.with(|said| said.as_ref().filter(|(_, is_live)| *is_live).map(|(said, _)| said.text.clone()));
    let data_label = move || {
        answer.with(|answer| {
            answer.as_ref().map(|answer| answer.label.map_or("none".to_owned(), |label| label.to_string()))
        })
    };
    let data_probability =
        move || answer.with(|answer| answer.as_ref().and_then(confidence).map(|share| share.to_string()));
    let is_precomputed = move || said.with(|said| said.as_ref().is_some_and(|(_, is_live)| !is_live));
    view! {
        <article
            class=format!("model panel stack {}", model.as_str())
            aria-label=format!("{} model", title(model))
            data-testid=format!("prediction-{}", model.as_str())
            data-text=data_text
            data-label=data_label
            data-probability=data_probability
        >
            <div class="head">
                <h2><Sign model=model />{title(model)}</h2>
                <p class="small quiet">{subtitle}</p>
                <Show when=move || has_more.get()><p class="small quiet mono" translate="no">{exact}</p></Show>
            </div>
            {body}
            <Show when=is_precomputed>
                <p class="small quiet precomputed">"Computed when this page was built; the answer of the model here follows."</p>
            </Show>
            <Show when=is_other_damage>
                <p class="notice">
                    "This model was healed from different damage than the one beside it has. "
                    {move || {
                        store.why_no_healing().map_or_else(
                            || format!("“{}” heals the present damage.", button_name(&store)),
                            str::to_owned,
                        )
                    }}
                </p>
            </Show>
            <div class="acts stack">
                {match model {
                    Condition::Corrupted => view! { <BreakIt /> }.into_any(),
                    Condition::Healed => view! { <HealIt /> }.into_any(),
                    _ => ().into_any(),
                }}
            </div>
        </article>
    }
}

fn healed_subtitle(store: &Store) -> String {
    let under_way = store.heal.with(|heal| {
        heal.phase.is_under_way().then(|| match heal.step() {
            0 => "still the broken model".to_owned(),
            step => format!("learning: step {step} of {}", heal.n_steps),
        })
    });
    under_way.unwrap_or_else(|| match store.healed_on_show() {
        None => "broken, then trained again".to_owned(),
        Some(HealedOrigin::Native { .. }) => "healed beforehand by bert-heal".to_owned(),
        Some(HealedOrigin::Live { step, .. }) => format!("broken, then trained again for {step} steps"),
    })
}

fn healed_exactly(store: &Store) -> String {
    // Of a healing under way it is the model at its step, whatever was healed before.
    let live = store.heal.with(|heal| {
        let (plan, seed) = heal.damage.as_ref().filter(|_| heal.phase.is_under_way())?;
        Some(format!("{plan} · seed {} · healing here, step {} of {}", seed.0, heal.step(), heal.n_steps))
    });
    if let Some(live) = live {
        return live;
    }
    store.healed_on_show().map_or(String::new(), |healed| match healed {
        HealedOrigin::Native { plan, seed } => format!("{plan} · seed {} · healed by bert-heal", seed.0),
        HealedOrigin::Live { plan, seed, step, .. } => format!("{plan} · seed {} · {step} steps here", seed.0),
    })
}

fn answer_view(prediction: &ModelPrediction, labels: &[String], differs: bool) -> impl IntoView + use<> {
    let name = |label: Option<u32>| match label {
        Some(label) => labels.get(label as usize).cloned().unwrap_or_else(|| format!("class {label}")),
        None => "no answer".to_owned(),
    };
    let sure = confidence(prediction).map_or("its scores are not finite".to_owned(), percent);
    let bars = prediction.probabilities.iter().enumerate().map(|(label, share)| {
        let is_top = prediction.label == Some(label as u32);
        let width = share.unwrap_or(0.0).clamp(0.0, 1.0).to_string();
        view! {
            <li class:is-top=is_top>
                <span class="name">{name(Some(label as u32))}</span>
                <span class="track" aria-hidden="true"><span class="bar" style=("--share", width)></span></span>
                <span class="value">{share.map_or("–".to_owned(), percent)}</span>
            </li>
        }
    });
    view! {
        <p class="said" translate="no">
            <span class="answer">{name(prediction.label)}</span>
            <span class="sure">{sure}</span>
            {differs.then(|| view! { <span class="chip warn" translate="yes">"differs from healthy"</span> })}
        </p>
        <ul class="bars" translate="no" aria-label="Probability of each class">{bars.collect_view()}</ul>
    }
}

/// What a model said, if it was asked.
pub(super) fn prediction(said: Option<&Classification>, model: Condition) -> Option<ModelPrediction> {
    said?.models.iter().find(|prediction| prediction.model == model).cloned()
}

/// The probability of the predicted class.
pub(super) fn confidence(prediction: &ModelPrediction) -> Option<f64> {
    *prediction.probabilities.get(prediction.label? as usize)?
}

/// A share for people.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
