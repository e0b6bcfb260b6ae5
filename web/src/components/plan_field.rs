//! The plan as text, with a caret under what is wrong.

use crate::plan_edit::Damage;
use crate::state::MAX_PLAN_CHARS;
use crate::store::Store;
use leptos::{ev, prelude::*};
use shared::corruption::PlanError;

/// Plans worth a look, each of another kind; they fit a model of any depth.
const EXAMPLES: [&str; 5] = [
    "kaiming@bottom:0.5",
    "zero:0.5@top:1L/attention",
    "gaussian:0.5@all;zero:0.1@embeddings",
    "bitflip:0.001,exponent@all",
    "permute@all",
];

/// A field that applies on Enter or when it is left, and is checked while it is typed in.
#[component]
pub(super) fn PlanField() -> impl IntoView {
    let store = Store::get();
    let plan = store.select(|state| state.plan.clone());
    let draft = RwSignal::new(String::new());
    Effect::new(move |_| draft.set(plan.get()));
    let problem = Memo::new(move |_| Damage::read(&draft.get(), store.anatomy.get()?).err());
    let field = NodeRef::<leptos::html::Input>::new();
    let apply = move || {
        let Some(field) = field.get_untracked() else { return };
        let text: String = field.value().chars().take(MAX_PLAN_CHARS).collect();
        if store.state.with_untracked(|state| state.plan != text) {
            store.choose(|state| state.plan = text);
        }
    };
    let examples = EXAMPLES.map(|example| {
        let pick = move |_| store.choose(|state| example.clone_into(&mut state.plan));
        view! { <li><button type="button" class="mono" on:click=pick>{example}</button></li> }
    });
    view! {
        <form
            class="stack"
            on:submit=move |event: ev::SubmitEvent| {
                event.prevent_default();
                apply();
            }
        >
            <div class="field">
                <label for="plan">"Corruption plan"</label>
                <div class="row">
                    <input
                        type="text"
                        id="plan"
                        class="mono grow"
                        data-testid="plan"
                        node_ref=field
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        maxlength=MAX_PLAN_CHARS.to_string()
                        aria-describedby="plan-problem"
                        aria-invalid=move || problem.with(Option::is_some).then_some("true")
                        prop:value=move || plan.get()
                        on:input=move |event| draft.set(event_target_value(&event))
                        on:change=move |_| apply()
                    />
                    <button type="submit" data-testid="corrupt">"Apply"</button>
                </div>
            </div>
            <div id="plan-problem" data-testid="plan-error" role="alert">
                {move || problem.get().map(|problem| view! { <Caret problem=problem /> })}
            </div>
            <details>
                <summary>"Examples"</summary>
                <ul class="samples" translate="no">{examples.collect_view()}</ul>
            </details>
        </form>
    }
}

/// What is wrong, and the plan with a caret under the character.
#[component]
fn Caret(problem: PlanError) -> impl IntoView {
    // The message stands on lines of its own before the plan, which is cut off here.
    let text = problem.to_string();
    let drawing = text.strip_prefix(problem.message.as_str()).unwrap_or_default().trim_start_matches('\n').to_owned();
    view! {
        <p class="error">{format!("This plan cannot be used: {}", problem.message)}</p>
        <pre class="caret" translate="no" aria-hidden="true">{drawing}</pre>
    }
}
