//! Weights, attention, drift and attribution: what goes on inside.

use super::attention::AttentionPanel;
use super::attribution::AttributionPanel;
use super::drift::DriftPanel;
use super::operating_table::OperatingTable;
use super::sentence::SentencePanel;
use super::tensor_view::TensorPanel;
use leptos::prelude::*;

/// The page's second view; the operating table stays at hand.
#[component]
pub(super) fn InsideView() -> impl IntoView {
    view! {
        <div class="operate inside">
            <SentencePanel />
            <OperatingTable />
            <div class="models wide stack">
                <DriftPanel />
                <AttentionPanel />
                <AttributionPanel />
                <TensorPanel />
            </div>
        </div>
    }
}
