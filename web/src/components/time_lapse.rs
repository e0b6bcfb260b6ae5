//! The slider over recorded moments, each of which is a real model.

use crate::protocol::Moment;
use crate::store::Store;
use leptos::prelude::*;

/// All moments of the newest healing, or of an earlier one.
#[component]
pub(super) fn TimeLapse() -> impl IntoView {
    let store = Store::get();
    let healing = RwSignal::new(None::<String>);
    let place = RwSignal::new(None::<usize>);
    // The healings there are, oldest first, each with the words for it.
    let healings = Memo::new(move |_| {
        store.moments.with(|moments| {
            let mut healings: Vec<(String, String)> = Vec::new();
            for moment in moments {
                if healings.iter().all(|(id, _)| *id != moment.healing) {
                    healings.push((moment.healing.clone(), format!("{} · seed {}", moment.plan, moment.seed.0)));
                }
            }
            healings
        })
    });
    let moments = Memo::new(move |_| {
        let newest = healings.with(|healings| healings.last().map(|(id, _)| id.clone()));
        let chosen = healing.get().filter(|id| healings.with(|healings| healings.iter().any(|(known, _)| known == id)));
        let chosen = chosen.or(newest).unwrap_or_default();
        store
            .moments
            .with(|moments| moments.iter().filter(|moment| moment.healing == chosen).cloned().collect::<Vec<Moment>>())
    });
    let now = move || {
        let moments = moments.get();
        let last = moments.len().checked_sub(1)?;
        moments.get(place.get().unwrap_or(last).min(last)).cloned()
    };
    let choose = move |event| {
        let Ok(at) = event_target_value(&event).parse::<usize>() else { return };
        place.set(Some(at));
        if let Some(moment) = moments.with_untracked(|moments| moments.get(at).cloned()) {
            store.select_moment(&moment);
        }
    };
    let words = move || match now() {
        None => String::new(),
        Some(moment) => {
            let accuracy =
                moment.held_out.map_or(String::new(), |held_out| format!(", {}", store.held_out_words(&held_out)));
            let kept = if moment.is_saved { "" } else { "; kept only until this tab is closed" };
            format!("Step {} of {}{accuracy}{kept}", moment.step, moment.n_steps)
        }
    };
    let options = move || {
        healings.get().into_iter().rev().map(|(id, name)| view! { <option value=id>{name}</option> }).collect_view()
    };
    view! {
        <Show when=move || !moments.with(Vec::is_empty)>
            <div class="stack">
                <div class="row">
                    <label for="moments" class="grow">"Time-lapse: take the healed model back to a snapshot"</label>
                    <Show when=move || healings.with(|healings| healings.len() > 1)>
                        <select
                            class="grow"
                            aria-label="Which healing"
                            on:change=move |event| {
                                place.set(None);
                                healing.set(Some(event_target_value(&event)));
                            }
                        >{options}</select>
                    </Show>
                </div>
                <input
                    type="range"
                    id="moments"
                    data-testid="moments"
                    min="0"
                    max=move || moments.with(|moments| moments.len().saturating_sub(1).to_string())
                    data-count=move || moments.with(|moments| moments.len().to_string())
                    data-step=move || now().map(|moment| moment.step.to_string())
                    prop:value=move || {
                        let last = moments.with(|moments| moments.len().saturating_sub(1));
                        place.get().unwrap_or(last).min(last).to_string()
                    }
                    aria-valuetext=words
                    on:change=choose
                />
                <p class="small quiet numbers">{words}</p>
            </div>
        </Show>
    }
}
