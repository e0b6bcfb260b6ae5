//! The model before and after its corruption, part by part.

use super::heat_map::HeatMap;
use crate::protocol::{ModelView, PartView};
use leptos::prelude::*;

/// One answer of the worker. The parts stand as in a drawing of the network: the input at the bottom.
#[component]
pub(super) fn Model(view: ModelView) -> impl IntoView {
    let ModelView { seed, plan, description, fingerprint, parts } = view;
    let n_values: usize = parts.iter().map(|part| part.n_values).sum();
    let n_changed: usize = parts.iter().map(|part| part.n_changed).sum();
    let n_non_finite: usize = parts.iter().map(|part| part.n_non_finite).sum();
    let summary = format!(
        "{n_changed} of {n_values} values changed{}.",
        if n_non_finite > 0 { format!(", {n_non_finite} of them no longer a finite number") } else { String::new() }
    );
    let plan_attribute = plan.clone();
    view! {
        <section id="model" aria-label="The corrupted model" data-plan=plan_attribute data-seed=seed.0.to_string()>
            <p class="plan"><code>{plan}</code>{format!(" · seed {}", seed.0)}</p>
            <p>{description}</p>
            <p id="summary" role="status">{summary}</p>
            <table>
                <caption>
                    "Corners of weight matrices: "<span class="swatch negative"></span>" negative, "
                    <span class="swatch positive"></span>" positive, "<span class="swatch broken"></span>
                    " no finite number; the stronger the colour, the larger the weight"
                </caption>
                <thead>
                    <tr><th scope="col">"Part"</th><th scope="col">"Before"</th><th scope="col">"After"</th></tr>
                </thead>
                <tbody>{parts.into_iter().rev().map(|part| view! { <Part part=part /> }).collect_view()}</tbody>
            </table>
            <p class="fingerprint">
                "SHA-256 of all weights after the corruption: "<code id="fingerprint">{fingerprint}</code>
            </p>
        </section>
    }
}

#[component]
fn Part(part: PartView) -> impl IntoView {
    let PartView { name, n_values, n_changed, n_non_finite: _, parameter, before, after } = part;
    let percent = 100.0 * n_changed as f64 / n_values as f64;
    // A line may break after each dot.
    let parameter = parameter.split_inclusive('.').map(|word| view! { {word.to_owned()}<wbr /> }).collect_view();
    view! {
        <tr class:changed={n_changed > 0}>
            <th scope="row">
                <span class="name">{name.clone()}</span>
                <span class="share">{format!("{percent:.1} % changed")}</span>
                <code>{parameter}</code>
            </th>
            <td><HeatMap name=format!("{name} before") matrix=before /></td>
            <td><HeatMap name=format!("{name} after") matrix=after /></td>
        </tr>
    }
}
