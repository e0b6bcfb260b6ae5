//! The main line of a first visit: break it, heal it, and a sentence that says what has just happened.

use super::sign::title;
use crate::protocol::{HealState, SteerHealing};
use crate::state::Panel;
use crate::store::{HealPhase, Store};
use leptos::prelude::*;
use shared::Condition;
use std::cell::Cell;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

/// Under the corrupted model's answer: “Break it”, and once that is done another way to do it.
#[component]
pub(super) fn BreakIt() -> impl IntoView {
    let store = Store::get();
    let is_whole = Memo::new(move |_| store.is_whole());
    let is_idle = move || !store.is_healing.get();
    view! {
        <Show when=move || is_whole.get() && is_idle()>
            <button
                type="button"
                class="primary large"
                data-testid="break-it"
                on:click=move |_| {
                    take_focus_on();
                    store.break_it();
                }
            >"Break it"</button>
        </Show>
        <Show when=move || !is_whole.get() && is_idle()>
            <button
                type="button"
                class="compact"
                data-testid="break-again"
                on:click=move |_| store.roll_seed()
            >"Break it again"</button>
        </Show>
    }
}

/// Under the healed model's answer: “Heal it”, how far that is, and the way back to the beginning.
#[component]
pub(super) fn HealIt() -> impl IntoView {
    let store = Store::get();
    let phase = Memo::new(move |_| store.heal.with(|heal| heal.phase));
    let is_shown = store.select(|state| !state.hides(Panel::Healing));
    // A damage that is healed here already needs no second healing.
    let is_healed_here = Memo::new(move |_| {
        phase.get() == HealPhase::Done
            && store.heal.with(|heal| {
                let Some((plan, seed)) = &heal.damage else { return false };
                store.damage.with(|damage| damage.as_ref().is_some_and(|now| now.plan == *plan && now.seed == *seed))
            })
    });
    let can_start =
        Memo::new(move |_| !store.is_healing.get() && !is_healed_here.get() && store.why_no_healing().is_none());
    let lacks_rows = Memo::new(move |_| {
        !store.is_whole() && store.loaded.with(|loaded| loaded.as_ref().is_some_and(|loaded| loaded.rows.is_none()))
    });
    let name = move || button_name(&store);
    Effect::new(move |_| {
        store.is_healing.track();
        is_healed_here.track();
        can_start.track();
        let _ = store.is_whole();
        leptos::task::spawn_local(hand_focus_on());
    });
    view! {
        <Show when=move || is_shown.get()>
            <Show when=move || can_start.get()>
                <button
                    type="button"
                    class="primary large"
                    data-testid="heal-it"
                    on:click=move |_| {
                        take_focus_on();
                        store.start_healing(HealState::Running);
                    }
                >{name}</button>
            </Show>
            <Show when=move || store.is_healing.get()>
                <progress
                    aria-label="Steps of the healing"
                    max=move || store.heal.with(|heal| heal.n_steps.max(1).to_string())
                    value=move || store.heal.with(|heal| heal.step().to_string())
                />
                <button
                    type="button"
                    class="compact"
                    data-testid="heal-enough"
                    on:click=move |_| {
                        take_focus_on();
                        store.steer_healing(SteerHealing::Stop);
                    }
                >"That is enough"</button>
            </Show>
            <Show when=move || is_healed_here.get()>
                <button
                    type="button"
                    class="compact"
                    data-testid="start-again"
                    on:click=move |_| {
                        take_focus_on();
                        store.start_again();
                    }
                >"Start again"</button>
            </Show>
        </Show>
        <Show when=move || lacks_rows.get()><KnownHealing /></Show>
    }
}

/// The buttons of the main line, of which one is there at a time, in the order in which one follows the other.
const MAIN_LINE: [&str; 4] = ["heal-enough", "start-again", "heal-it", "break-it"];

thread_local! {
    /// Whether a button of the main line was pressed last, which goes away by that, and with it the focus.
    static GOES_ON: Cell<bool> = const { Cell::new(false) };
}

/// The next button of the main line takes the focus that the one that is pressed loses.
fn take_focus_on() {
    GOES_ON.set(true);
}

/// Gives the next button the focus, where pressing one left it nowhere: the keyboard would begin anew at the page's top.
async fn hand_focus_on() {
    if !GOES_ON.get() {
        return;
    }
    // When the buttons have changed.
    gloo_timers::future::TimeoutFuture::new(50).await;
    let is_nowhere = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
    if !is_nowhere {
        return;
    }
    let there = MAIN_LINE.iter().find_map(|name| {
        let found = document().query_selector(&format!("[data-testid={name}]")).ok().flatten()?;
        found.dyn_into::<HtmlElement>().ok()
    });
    // An element that is gone needs no focus.
    let _ = there.map(|button| button.focus());
}

/// What the button is called that heals: a model that was healed elsewhere may be on show already.
pub(super) fn button_name(store: &Store) -> &'static str {
    if store.healed_on_show().is_some() { "Heal it here" } else { "Heal it" }
}

/// The healed model that came with this one, which belongs to a damage of its own.
#[component]
pub(super) fn KnownHealing() -> impl IntoView {
    let store = Store::get();
    let is_there = Memo::new(move |_| store.known_healing().is_some());
    view! {
        <Show when=move || is_there.get()>
            <button
                type="button"
                class="compact"
                data-testid="known-healing"
                on:click=move |_| store.show_known_healing()
            >"Show a damage healed beforehand"</button>
        </Show>
    }
}

/// What has just happened and what can be done next, in one or two sentences below the models.
#[component]
pub(super) fn Tale() -> impl IntoView {
    let store = Store::get();
    let words = Memo::new(move |_| tale(&store));
    view! { <p class="tale" data-testid="tale">{move || words.get()}</p> }
}

fn tale(store: &Store) -> String {
    if store.is_healing.get() {
        return healing_words(store);
    }
    let can_heal = !store.state.with(|state| state.hides(Panel::Healing) || state.hides(Panel::Healed));
    let Some(broken) = store.broken_words() else {
        return if store.is_whole() {
            "Nothing is broken yet. “Break it” fills the lowest layer with random numbers; or press any part of the network."
                .to_owned()
        } else {
            "The plan of damage cannot be used: see “More” below.".to_owned()
        };
    };
    let is_done = store.heal.with(|heal| heal.phase == HealPhase::Done);
    let origin = store.healed_on_show();
    let is_own = origin.as_ref().is_some_and(|healed| {
        store
            .damage
            .with(|damage| damage.as_ref().is_some_and(|damage| healed.damage() == (damage.plan.as_str(), damage.seed)))
    });
    if is_own && is_done {
        return done_words(store);
    }
    let next = match store.why_no_healing() {
        _ if !can_heal => String::new(),
        _ if is_own => " The healed model was made beforehand, by the same program on another machine.".to_owned(),
        Some(reason) => format!(" {reason}"),
        None => {
            let n_rows = store.loaded.with(|loaded| loaded.as_ref()?.rows.map(|rows| rows.n_train));
            let rows = n_rows.map_or("labelled sentences".to_owned(), |n| format!("{n} labelled sentences"));
            let name = button_name(store);
            format!(" “{name}” trains the broken model again on {rows}, here on your machine.")
        }
    };
    format!("Broken: {broken}. {}{next}", comparison(store))
}

/// How the broken model's answer compares with the healthy one's.
fn comparison(store: &Store) -> &'static str {
    let text = store.state.with(|state| state.text.clone());
    let label = |model: Condition| {
        store.said.with(|said| {
            let said = said.as_ref().filter(|said| said.text == text)?;
            said.models.iter().find(|answer| answer.model == model).map(|answer| answer.label)
        })
    };
    match (label(Condition::Healthy), label(Condition::Corrupted)) {
        (_, None) | (None, _) => "",
        (_, Some(None)) => "The sentence is the same, but its scores are no numbers any more.",
        (healthy, corrupted) if healthy == corrupted => {
            "On this sentence it happens to say the same: try another sentence, or break it again."
        }
        _ => "The same sentence, another answer.",
    }
}

fn healing_words(store: &Store) -> String {
    store.heal.with(|heal| {
        let (step, n_steps) = (heal.step(), heal.n_steps);
        // The answer on show is that of the last step at which the model was asked.
        let asked = heal.steps.iter().rev().find(|step| step.pinned.is_some()).map_or(0, |step| step.step);
        let accuracy = heal.steps.iter().rev().find_map(|step| step.held_out);
        let accuracy = accuracy.map_or(String::new(), |held_out| format!(" {}.", store.held_out_words(&held_out)));
        if step >= n_steps {
            return format!("Step {step} of {n_steps}: it has learned. Now it answers all held-out sentences.");
        }
        let state = if heal.phase == HealPhase::Paused { ", paused" } else { "" };
        if asked == 0 {
            format!(
                "Step {step} of {n_steps}{state}: it begins to learn. Shown is still the broken model, which is asked again at \
                 step 10."
            )
        } else {
            format!(
                "Step {step} of {n_steps}{state}: still learning; its answer (of step {asked}) may go back and forth.{accuracy}"
            )
        }
    })
}

fn done_words(store: &Store) -> String {
    store.heal.with(|heal| {
        let step = heal.summary.as_ref().map_or(heal.step(), |summary| summary.step);
        let accuracy = heal.summary.as_ref().and_then(|summary| summary.held_out);
        let accuracy = accuracy.or_else(|| heal.steps.iter().rev().find_map(|step| step.held_out));
        let accuracy = accuracy.map_or(String::new(), |held_out| {
            format!(" {}: {}.", title(Condition::Healed), store.held_out_words(&held_out))
        });
        let before = store.healthy_accuracy().map_or(String::new(), |share| {
            format!(" The healthy model was right on {:.1} % when this page was made.", 100.0 * share)
        });
        if step < heal.n_steps {
            return format!(
                "Stopped at step {step} of {}: it could still learn.{accuracy}{before} A run that is stopped leaves no record.",
                heal.n_steps
            );
        }
        format!("Trained again for {step} steps, here on your machine.{accuracy}{before} “Measure” compares all three.")
    })
}
