//! The controls that choose the plan and the seed.

use crate::state::State;
use leptos::{ev, prelude::*};

/// Plans worth a look, each of another kind.
const EXAMPLES: [&str; 4] =
    ["kaiming@bottom:0.5", "zero:0.5@top:1L/attention", "bitflip:1e-3,exponent@all", "permute@all"];

/// A field for the plan with a few examples, a field for the seed and a button for another one. All of them write to
/// the address, which the page follows.
#[component]
pub(super) fn Controls(
    /// What the address says.
    state: RwSignal<State>,
) -> impl IntoView {
    let plan_field = NodeRef::<leptos::html::Input>::new();
    let seed_field = NodeRef::<leptos::html::Input>::new();
    let apply_fields = move || {
        if let (Some(plan), Some(seed)) = (plan_field.get(), seed_field.get()) {
            show(&State { plan: plan.value(), seed: seed.value() });
        }
    };
    let examples = EXAMPLES.map(|plan| {
        let hash = move || State { plan: plan.to_owned(), ..state.get() }.to_hash();
        view! { <li><a href=hash>{plan}</a></li> }
    });
    view! {
        <form
            class="controls"
            on:submit=move |event: ev::SubmitEvent| {
                event.prevent_default();
                apply_fields();
            }
            on:change=move |_| apply_fields()
        >
            <label for="plan">"Plan"</label>
            <input
                id="plan"
                node_ref=plan_field
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                aria-describedby="plan-examples"
                prop:value=move || state.get().plan
            />
            <label for="seed">"Seed"</label>
            <input
                id="seed"
                node_ref=seed_field
                inputmode="numeric"
                autocomplete="off"
                prop:value=move || state.get().seed
            />
            <button type="submit">"Corrupt"</button>
            <button type="button" class="quiet" on:click=move |_| show(&State { seed: random_seed(), ..state.get() })>
                "Roll another seed"
            </button>
        </form>
        <nav aria-label="Example plans">
            <p id="plan-examples">"A plan is a scheme at a selection, for example:"</p>
            <ul class="examples">{examples}</ul>
        </nav>
    }
}

/// Writes the choice into the address, wrong or not: the page then says what is wrong with it.
fn show(state: &State) {
    // A browser only refuses this for a document that is gone.
    let _ = window().location().set_hash(&state.to_hash());
}

/// At most six digits: easy to read out, and a million are enough to play with.
fn random_seed() -> String {
    ((js_sys::Math::random() * 1e6) as u64).to_string()
}
