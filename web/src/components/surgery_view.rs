//! The page's view of surgery: the sentence and the three models, and what is done to them part by part.

use super::blame_panel::BlamePanel;
use super::model_card::ModelCard;
use super::sentence::SentencePanel;
use super::transplant_panel::TransplantPanel;
use super::weights_back::WeightsBackPanel;
use crate::store::MODELS;
use leptos::prelude::*;

/// The whole view.
#[component]
pub(super) fn SurgeryView() -> impl IntoView {
    view! {
        <div class="operate surgery">
            <SentencePanel />
            <section class="models" aria-label="What each model says">
                {MODELS.map(|model| view! { <ModelCard model=model /> }).collect_view()}
            </section>
            <div class="table stack">
                <TransplantPanel />
                <BlamePanel />
                <WeightsBackPanel />
            </div>
        </div>
    }
}
