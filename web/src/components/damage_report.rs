//! What the plan did: a sentence, counts, a warning, every tensor, and a fingerprint of the bits.

use super::scrolling_table::{ScrollingTable, named};
use crate::protocol::Corrupted;
use crate::store::Store;
use leptos::prelude::*;
use shared::figure::Unit;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Told once the worker has said so.
#[component]
pub(super) fn DamageReport() -> impl IntoView {
    let store = Store::get();
    let data = move |read: fn(&Corrupted) -> String| {
        move || store.damage.with(|damage| damage.as_ref().map(|damage| read(damage)))
    };
    let body = move || store.damage.get().map(|damage| report(&damage));
    let fingerprint = move || match store.fingerprint.get() {
        Some(digits) => view! { <code data-testid="fingerprint-value">{digits}</code> }.into_any(),
        None => view! {
            <button type="button" class="compact" data-testid="fingerprint" on:click=move |_| store.ask_fingerprint()>
                "SHA-256 of the damaged weights"
            </button>
        }
        .into_any(),
    };
    view! {
        <div
            class="stack small"
            data-testid="damage"
            data-plan=data(|damage| damage.plan.clone())
            data-seed=data(|damage| damage.seed.0.to_string())
            data-changed=data(|damage| damage.totals.n_changed.to_string())
            data-non-finite=data(|damage| damage.totals.n_non_finite.to_string())
        >
            {body}
            <Show when=move || store.damage.with(Option::is_some)>{fingerprint}</Show>
        </div>
    }
}

fn report(damage: &Arc<Corrupted>) -> impl IntoView + use<> {
    let count = |n: usize| Unit::Count.format(n as f64);
    let totals = damage.totals;
    let sentence = if damage.plan.is_empty() { "No value is changed.".to_owned() } else { damage.description.clone() };
    let warning = (totals.n_non_finite > 0).then(|| {
        view! {
            <span class="chip warn">{match totals.n_non_finite {
                1 => "1 value is no longer finite".to_owned(),
                n => format!("{} values are no longer finite", count(n)),
            }}</span>
        }
    });
    let rows = damage.tensors.iter().map(|tensor| {
        let norm = |norm: Option<f64>| norm.map_or("not finite".to_owned(), |norm| Unit::Number.format(norm));
        let share = 100.0 * tensor.n_changed as f64 / tensor.n_elements.max(1) as f64;
        view! {
            <tr>
                <th scope="row"><code>{tensor.name.clone()}</code></th>
                <td><code>{tensor.scheme.clone()}</code></td>
                <td class="numbers">{format!("{share:.1} %")}</td>
                <td class="numbers">{format!("{} → {}", norm(tensor.norm_before), norm(tensor.norm_after))}</td>
                <td class="numbers">{count(tensor.n_non_finite)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    // Each tensor once, whatever the number of steps on it.
    let changed: BTreeMap<&str, usize> =
        damage.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.n_changed_in_all)).collect();
    let n_changed: usize = changed.into_values().sum();
    let n_tensors = damage.tensors.len();
    view! {
        <p>{sentence}</p>
        {(!damage.plan.is_empty()).then(|| view! {
            <p class="damage-facts">
                <span class="chip numbers">{format!("{} values changed", count(n_changed))}</span>
                <span class="chip numbers">{format!("{} tensors", count(totals.n_tensors))}</span>
                {warning}
            </p>
        })}
        {(n_tensors > 0).then(|| view! {
            <details>
                <summary>"Tensor by tensor"</summary>
                <ScrollingTable
                    label="What changed in each tensor"
                    columns=named(["Tensor", "Scheme", "Changed", "Norm", "Not finite"])
                >
                    {rows}
                </ScrollingTable>
            </details>
        })}
    }
}
