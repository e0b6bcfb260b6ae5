//! The sign of a model: a circle, a diamond, a triangle or a square, as in every chart.

use leptos::prelude::*;
use shared::Condition;

/// Its name stands beside it, so screen readers pass over it.
#[component]
pub(super) fn Sign(model: Condition) -> impl IntoView {
    let d = match model {
        Condition::Healthy => "M1 6a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
        Condition::Control => "M6 0L12 6L6 12L0 6Z",
        Condition::Corrupted => "M6 0.8L11.6 11L0.4 11Z",
        Condition::Healed => "M1.4 1.4H10.6V10.6H1.4Z",
    };
    let class = format!("sign {}", model.as_str());
    view! {
        <svg class=class viewBox="0 0 12 12" aria-hidden="true">
            <path d=d />
        </svg>
    }
}

/// What the visitor calls a model.
pub(super) fn title(model: Condition) -> &'static str {
    match model {
        Condition::Healthy => "Healthy",
        Condition::Control => "Control",
        Condition::Corrupted => "Corrupted",
        Condition::Healed => "Healed",
    }
}
