//! The control, on demand: what a healed model is to be compared with.

use super::sign::Sign;
use crate::protocol::Control;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;

/// A button that shows it, or one that makes it, or a sentence that there is none.
#[component]
pub(super) fn ControlPanel() -> impl IntoView {
    let store = Store::get();
    let is_shown = RwSignal::new(false);
    let known = Memo::new(move |_| store.control_now());
    let button = move |name: String, test_id: &'static str, press: fn(Store, RwSignal<bool>)| {
        view! {
            <button type="button" class="compact" data-testid=test_id on:click=move |_| press(store, is_shown)>
                <Sign model=Condition::Control />{name}
            </button>
        }
    };
    let body = move || {
        if let Some(control) = known.get() {
            let verb = if is_shown.get() { "Hide" } else { "Show" };
            let name = format!("{verb} the control ({})", control.budget);
            let facts = is_shown.get().then(|| {
                let deficit = deficit(&store, &control);
                view! {
                    <p data-testid="control" data-value=control.accuracy.value.to_string()>{facts(&control)}</p>
                    <p data-testid="control-deficit">{deficit}</p>
                }
            });
            let show = button(name, "control-show", |_, is_shown| is_shown.update(|is_shown| *is_shown = !*is_shown));
            return view! { {show}{facts} }.into_any();
        }
        if let Some((_, progress)) = store.controlling.get() {
            let (done, total) = (progress.done.to_string(), progress.total.max(1).to_string());
            let cancel = button("Cancel".to_owned(), "control-cancel", |store, _| store.cancel(store.controlling));
            return view! { <progress aria-label="Control steps" value=done max=total />{cancel} }.into_any();
        }
        match store.control_steps() {
            Some(n) => button(format!("Train the control ({n} steps)"), "control-make", |store, is_shown| {
                is_shown.set(true);
                store.make_control();
            })
            .into_any(),
            None => "There is no control with this budget.".into_any(),
        }
    };
    view! {
        <Show when=move || store.healed.with(Option::is_some)>
            <div class="row small">{body}</div>
        </Show>
    }
}

fn facts(control: &Control) -> String {
    let accuracy = control.accuracy;
    let answers = control.answers.in_words(accuracy.n).map_or(String::new(), |words| format!("; {words}"));
    format!(
        "The healthy model {}, never damaged: it has had as much fine-tuning as the healed one. {:.1} % of {} held-out \
         sentences correct (95 % interval {:.1} to {:.1} %){answers}.",
        control.budget,
        100.0 * accuracy.value,
        accuracy.n,
        100.0 * accuracy.low,
        100.0 * accuracy.high
    )
}

fn deficit(store: &Store, control: &Control) -> String {
    let found = store.evaluation.with(|evaluation| {
        let found = evaluation.as_ref()?.0.control.clone()?;
        (found.control.of == control.of).then_some(found.deficit)
    });
    found.map_or_else(
        || "Evaluate all models to see how far the healed one falls short of it.".to_owned(),
        |found| {
            format!(
                "Deficit (control minus healed): {:.1} points (95 % interval {:.1} to {:.1}; same sentences, one seed).",
                found.points, found.low, found.high
            )
        },
    )
}
