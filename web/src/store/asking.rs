//! The damage, what the models say, and what goes on inside them: asked for when the visitor looks at it.

use super::handle::Store;
use super::newest::Lane;
use crate::protocol::{
    Attribute, Classification, Classify, Corrupt, DriftSource, Evaluate, Fingerprint, MeasureDrift, ModelPrediction,
    Stage, ViewAttention, ViewTensor,
};
use crate::state::View;
use leptos::prelude::*;
use shared::Condition;
use shared::random::Seed;
use shared::words::capitalised;
use std::sync::Arc;

/// Tiles of a heat map in each direction: one or two pixels of a screen each.
const MAX_TILES: usize = 96;

impl Store {
    /// Damages the model whenever the plan or the seed changes and the plan can be used; during a healing, which it would
    /// end, not before that has ended.
    pub(super) fn follow_damage(&self) {
        let store = *self;
        let wanted = Memo::new(move |_| {
            let model = store.loaded.with(|loaded| loaded.as_ref().map(|loaded| loaded.model.name.clone()))?;
            // A plan that is wrong is told at its field and changes nothing.
            store.plan.with(|plan| plan.as_ref().is_some_and(Result::is_ok)).then_some(())?;
            Some((model, store.state.with(|state| (state.plan.clone(), state.seed))))
        });
        // Also when the same plan meets a model that was loaded anew.
        Effect::new(move |was_healing: Option<bool>| {
            store.loaded.track();
            let is_healing = store.is_healing.get();
            if let Some((_, (plan, seed))) = wanted.get().filter(|_| !is_healing) {
                let is_there = store
                    .damage
                    .with_untracked(|damage| damage.as_ref().is_some_and(|damage| damage.is_of(&plan, seed)));
                // What was healed stands as it was, unless another one was chosen meanwhile.
                if was_healing != Some(true) || !is_there {
                    store.corrupt(plan, seed);
                }
            }
            is_healing
        });
    }

    fn corrupt(&self, plan: String, seed: Seed) {
        let store = *self;
        self.ask_latest(Lane::Damage, Corrupt { plan, seed }, move |damage| {
            batch(|| {
                store.failure.set(None);
                store.fingerprint.set(None);
                store.healed.set(damage.healed.clone());
                store.announcement.set(damage.description.clone());
                store.damage.set(Some(Arc::new(damage)));
            });
            store.raise_revision();
        });
    }

    /// Asks for the fingerprint of the corrupted weights.
    pub fn ask_fingerprint(&self) {
        let store = *self;
        self.ask(Fingerprint { model: Condition::Corrupted }, move |digits| store.fingerprint.set(Some(digits)));
    }

    /// Asks all models about the sentence whenever it or a model changes.
    pub(super) fn follow_sentence(&self) {
        let store = *self;
        let text = self.select(|state| state.text.clone());
        // Whether there is a model and its damage, or none to wait for since the plan cannot be used: what the model itself
        // says is known all the same.
        let is_ready = Memo::new(move |_| {
            let is_made = || store.damage.with(Option::is_some) || store.plan.with(|plan| matches!(plan, Some(Err(_))));
            store.loaded.with(Option::is_some) && is_made()
        });
        Effect::new(move |_| {
            store.revision.track();
            let text = text.get();
            if text.trim().is_empty() || !is_ready.get() {
                return;
            }
            let request = Classify { texts: vec![text], models: store.models() };
            store.ask_latest(Lane::Sentence, request, move |mut said| {
                if let Some(said) = said.pop() {
                    let damage = store.damage_name();
                    store.history.update(|history| history.update(vec![said.clone()], &damage));
                    if said.models.len() > 1 {
                        store.announcement.set(store.answers_in_words(&said));
                    }
                    store.said.set(Some(said));
                }
            });
        });
    }

    /// What each model says of a sentence, for those who cannot see it.
    fn answers_in_words(&self, said: &Classification) -> String {
        let labels = self.labels.get_untracked();
        let answer = |answer: &ModelPrediction| {
            let share = answer.label.and_then(|label| *answer.probabilities.get(label as usize)?);
            match (answer.label.and_then(|label| labels.get(label as usize)), share) {
                (Some(label), Some(share)) => format!("{}: {label}, {:.1} %", answer.model, 100.0 * share),
                _ => format!("{}: no answer", answer.model),
            }
        };
        capitalised(&format!("{}.", said.models.iter().map(answer).collect::<Vec<_>>().join("; ")))
    }

    /// Keeps the current sentence in the history.
    pub fn remember_sentence(&self) {
        let said = self.said.get_untracked();
        let text = self.state.with_untracked(|state| state.text.clone());
        let damage = self.damage_name();
        match said.filter(|said| said.text == text) {
            Some(said) => self.history.update(|history| history.remember(said, &damage)),
            None => self.history.update(|history| {
                history.import(vec![text]);
            }),
        }
    }

    /// Asks the models about every sentence of the history that is pinned or has no answer yet.
    pub fn ask_history(&self) {
        let store = *self;
        let texts: Vec<String> =
            self.history.with_untracked(|history| history.entries.iter().map(|entry| entry.text.clone()).collect());
        if texts.is_empty() {
            return;
        }
        self.ask(Classify { texts, models: self.models() }, move |said| {
            let damage = store.damage_name();
            store.history.update(|history| history.update(said.clone(), &damage));
        });
    }

    /// Asks for what the inside view shows, while it is shown.
    pub(super) fn follow_view(&self) {
        let store = *self;
        let is_inside = Memo::new(move |_| {
            store.state.with(|state| state.view == View::Inside) && store.damage.with(Option::is_some)
        });
        let text = self.select(|state| state.text.clone());
        let place = self.select(|state| (state.layer, state.head));
        let tensor = self.select(|state| state.tensor.clone());

        Effect::new(move |_| {
            store.revision.track();
            let (Some(name), true) = (store.tensor_name(&tensor.get()), is_inside.get()) else { return };
            let model = store.compared_model();
            let request = ViewTensor { name, model, max_tiles: MAX_TILES };
            store.ask_latest(Lane::Tensor, request, move |view| store.tensor.set(Some(Arc::new(view))));
        });
        Effect::new(move |_| {
            store.revision.track();
            let (text, (layer_idx, head_idx)) = (text.get(), place.get());
            let Some(anatomy) = store.anatomy.get().filter(|_| is_inside.get() && !text.trim().is_empty()) else {
                return;
            };
            let layer_idx = layer_idx.min(anatomy.n_layers.saturating_sub(1));
            let head_idx = Some(head_idx.min(anatomy.n_heads.saturating_sub(1)));
            let request = ViewAttention { text, layer_idx, head_idx, models: store.models_inside() };
            store.ask_latest(Lane::Attention, request, move |view| store.attention.set(Some(Arc::new(view))));
        });
        Effect::new(move |_| {
            store.revision.track();
            let text = text.get();
            if !is_inside.get() || text.trim().is_empty() {
                return;
            }
            let mut models = store.models_inside();
            // Drift is a distance from the healthy one.
            models.retain(|model| *model != Condition::Healthy);
            let request = MeasureDrift { source: DriftSource::Text(text.clone()), models };
            store.ask_latest(Lane::Drift, request, move |view| store.drift.set(Some(Arc::new(view))));
            let request = Attribute { text, target: None, models: store.models_inside() };
            store.ask_latest(Lane::Attribution, request, move |view| store.attribution.set(Some(Arc::new(view))));
        });
    }

    /// The tensor to draw: the one that was chosen if the model has it, else the matrix that the plan changed most, else
    /// the first query matrix.
    #[must_use]
    pub fn tensor_name(&self, chosen: &str) -> Option<String> {
        let loaded = self.loaded.get()?;
        let mut tensors = loaded.model.parts.iter().flat_map(|part| &part.tensors);
        if tensors.clone().any(|tensor| tensor.name == chosen) {
            return Some(chosen.to_owned());
        }
        let changed = self.damage.with(|damage| {
            let tensors = damage.as_ref()?.tensors.iter().filter(|tensor| tensor.name.ends_with("weight"));
            // The first among equals: `max_by_key` returns the last.
            tensors.rev().max_by_key(|tensor| tensor.n_changed_in_all).map(|tensor| tensor.name.clone())
        });
        changed.or_else(|| {
            tensors
                .find(|tensor| tensor.component.as_deref() == Some("attention.query"))
                .map(|tensor| tensor.name.clone())
        })
    }

    /// What weights are held against the healthy model's: the healed model's when the visitor asked for it.
    fn compared_model(&self) -> Condition {
        let is_healed = self.compares_healed.get() && self.healed_on_show().is_some();
        if is_healed { Condition::Healed } else { Condition::Corrupted }
    }

    /// Evaluates all models on the held-out rows.
    pub fn evaluate(&self) {
        let store = *self;
        let damage = self.damage_name();
        self.ask_long(self.evaluating, Stage::Rows, Evaluate { models: self.models() }, move |evaluation| {
            store.announcement.set("Evaluation finished.".to_owned());
            store.evaluation.set(Some((Arc::new(evaluation), damage.clone())));
        });
    }
}
