//! Healing under the visitor's hand.

use super::heal_charts::{HealCharts, Watched};
use super::main_line::KnownHealing;
use super::time_lapse::TimeLapse;
use crate::protocol::{HealState, SteerHealing};
use crate::state::{BATCH_SIZES, LEARNING_RATES, STEPS, Trained, Word as _};
use crate::store::{HealPhase, Store};
use leptos::prelude::*;

const TRAINED: [(Trained, &str); 3] = [
    (Trained::Damaged, "the damaged parts and the head"),
    (Trained::Head, "the head only"),
    (Trained::All, "everything"),
];

/// Buttons, settings, curves, watched sentences and the time-lapse.
#[component]
pub(super) fn HealPanel() -> impl IntoView {
    let store = Store::get();
    let phase = Memo::new(move |_| store.heal.with(|heal| heal.phase));
    let obstacle = Memo::new(move |_| store.why_no_healing().filter(|_| !store.is_healing.get()));
    let can_start = move || obstacle.with(Option::is_none) && !store.is_healing.get();
    let button = move |id: &'static str, name: &'static str, steer: SteerHealing, on: fn(HealPhase) -> bool| {
        let press = move |_| store.steer_healing(steer);
        view! {
            <button type="button" data-testid=id disabled=move || !on(phase.get()) on:click=press>{name}</button>
        }
    };
    let story = move || {
        let rows = store.loaded.with(|loaded| loaded.as_ref().and_then(|loaded| loaded.rows));
        let sentences =
            rows.map_or("labelled sentences".to_owned(), |rows| format!("{} labelled sentences", rows.n_train));
        format!(
            "Fine-tunes the corrupted model on {sentences}, none of which is used to evaluate it. Snapshots are kept along \
             the way, so you can go back."
        )
    };
    view! {
        <section
            class="heal panel stack"
            aria-labelledby="heal-title"
            data-testid="heal"
            data-state=move || phase.get().name()
            data-step=move || store.heal.with(|heal| heal.step().to_string())
            data-n-steps=move || store.heal.with(|heal| heal.n_steps.to_string())
            data-n-workers=move || store.heal.with(|heal| heal.last().and_then(|last| last.n_workers).map(|n| n.to_string()))
            data-loss=move || store.heal.with(|heal| heal.last().and_then(|last| last.loss).map(|loss| loss.to_string()))
        >
            <div class="row apart">
                <h2 id="heal-title">"Healing, step by step"</h2>
                <p class="small quiet numbers" data-testid="heal-words">{move || words(&store)}</p>
            </div>
            <p class="small quiet">{story}</p>
            <HealSettingsFields />
            <div class="row">
                <button
                    type="button"
                    class="primary"
                    data-testid="heal-start"
                    disabled=move || !can_start()
                    aria-describedby="heal-obstacle"
                    on:click=move |_| store.start_healing(HealState::Running)
                >"Heal"</button>
                {button("heal-pause", "Pause", SteerHealing::Pause, |phase| phase == HealPhase::Running)}
                {button("heal-resume", "Resume", SteerHealing::Resume, |phase| phase == HealPhase::Paused)}
                <button
                    type="button"
                    data-testid="heal-step"
                    disabled=move || !(can_start() || phase.get() == HealPhase::Paused)
                    on:click=move |_| {
                        if phase.get_untracked() == HealPhase::Paused {
                            store.steer_healing(SteerHealing::Step);
                        } else {
                            store.start_healing(HealState::Paused);
                        }
                    }
                >{move || if store.is_healing.get() { "Single step" } else { "Start paused" }}</button>
                {button("heal-stop", "Stop and keep", SteerHealing::Stop, HealPhase::is_under_way)}
                <button
                    type="button"
                    data-testid="heal-reset"
                    disabled=move || phase.get() == HealPhase::Idle
                    on:click=move |_| store.steer_healing(SteerHealing::Reset)
                >"Reset"</button>
            </div>
            <div class="row small"><KnownHealing /></div>
            <p id="heal-obstacle" class="readout" data-testid="heal-obstacle">{move || obstacle.get()}</p>
            <Show when=move || store.is_healing.get()>
                <progress
                    aria-label="Healing steps"
                    max=move || store.heal.with(|heal| heal.n_steps.max(1).to_string())
                    value=move || store.heal.with(|heal| heal.step().to_string())
                />
            </Show>
            <HealCharts />
            <Watched />
            <TimeLapse />
        </section>
    }
}

/// Learning rate, steps, batch and what learns; while healing they wait for the next one.
#[component]
fn HealSettingsFields() -> impl IntoView {
    let store = Store::get();
    let healing = store.select(|state| state.healing);
    // The slider is logarithmic: a rate matters by its magnitude.
    let exponent = move || healing.get().learning_rate.log10();
    let set_rate = move |event| {
        if let Ok(exponent) = event_target_value(&event).parse::<f64>() {
            // Two digits are enough and stay readable in the address.
            let rate = 10_f64.powf(exponent);
            let magnitude = 10_f64.powf(rate.log10().floor() - 1.0);
            let rate = format!("{:.1e}", (rate / magnitude).round() * magnitude).parse().unwrap_or(rate);
            store.choose(|state| state.healing.learning_rate = f64::clamp(rate, LEARNING_RATES.0, LEARNING_RATES.1));
        }
    };
    let number = |event: &leptos::ev::Event, (low, high): (usize, usize)| {
        event_target_value(event).parse::<usize>().ok().map(|n| n.clamp(low, high))
    };
    let options = TRAINED.map(|(trained, name)| {
        view! {
            <option value=trained.word() prop:selected=move || healing.get().trained == trained>{name}</option>
        }
    });
    view! {
        <div class="controls">
            <div class="field">
                <label for="rate">{move || format!("Learning rate {:e}", healing.get().learning_rate)}</label>
                <input
                    type="range"
                    id="rate"
                    min=LEARNING_RATES.0.log10().to_string()
                    max=LEARNING_RATES.1.log10().to_string()
                    step="0.05"
                    prop:value=move || exponent().to_string()
                    aria-valuetext=move || format!("{:e}", healing.get().learning_rate)
                    on:input=set_rate
                />
            </div>
            <div class="field">
                <label for="trained">"Train"</label>
                <select
                    id="trained"
                    on:change=move |event| {
                        if let Some(trained) = Trained::from_word(&event_target_value(&event)) {
                            store.choose(|state| state.healing.trained = trained);
                        }
                    }
                >{options.collect_view()}</select>
            </div>
            <div class="field">
                <label for="steps">"Steps"</label>
                <input
                    type="number"
                    id="steps"
                    data-testid="heal-steps"
                    min=STEPS.0.to_string()
                    max=STEPS.1.to_string()
                    prop:value=move || healing.get().steps.to_string()
                    on:change=move |event| {
                        if let Some(n) = number(&event, STEPS) {
                            store.choose(|state| state.healing.steps = n);
                        }
                    }
                />
            </div>
            <div class="field">
                <label for="batch">"Batch size"</label>
                <input
                    type="number"
                    id="batch"
                    min=BATCH_SIZES.0.to_string()
                    max=BATCH_SIZES.1.to_string()
                    prop:value=move || healing.get().batch_size.to_string()
                    on:change=move |event| {
                        if let Some(n) = number(&event, BATCH_SIZES) {
                            store.choose(|state| state.healing.batch_size = n);
                        }
                    }
                />
            </div>
        </div>
    }
}

/// Where the healing is, in a line.
fn words(store: &Store) -> String {
    store.heal.with(|heal| {
        let Some(last) = heal.last() else { return "Not started".to_owned() };
        let by = match last.n_workers {
            None | Some(1) => String::new(),
            Some(n_workers) => format!(" by {n_workers} workers"),
        };
        let speed = last.step_secs.map_or(String::new(), |secs| format!(" · {secs:.2} s per step{by}"));
        let accuracy = heal.summary.as_ref().and_then(|summary| summary.held_out);
        let accuracy = accuracy.or_else(|| heal.steps.iter().rev().find_map(|step| step.held_out));
        let accuracy = accuracy.map_or(String::new(), |held_out| format!(" · {}", store.held_out_words(&held_out)));
        let state = match heal.phase {
            HealPhase::Idle => "",
            HealPhase::Running => "running",
            HealPhase::Paused => "paused",
            HealPhase::Done => "done",
        };
        format!("Step {} of {} · {state}{accuracy}{speed}", last.step, heal.n_steps)
    })
}
