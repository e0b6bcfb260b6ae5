//! What the models say and what goes on inside them, asked for when the visitor looks at it.

use super::lanes::Lane;
use super::{MODELS, Store};
use crate::protocol::{DriftSource, Progress, Request, Response, Stage};
use crate::state::View;
use leptos::prelude::*;
use shared::Condition;
use std::sync::Arc;

/// Tiles of a heat map in each direction: one or two pixels of a screen each.
const MAX_TILES: usize = 96;

impl Store {
    /// Asks all models about the sentence whenever it or a model changes.
    pub(super) fn follow_sentence(&self) {
        let store = *self;
        let text = self.select(|state| state.text.clone());
        Effect::new(move |_| {
            store.revision.track();
            let text = text.get();
            let is_ready = store.damage.with(Option::is_some);
            if text.trim().is_empty() || !is_ready {
                return;
            }
            let request = Request::Classify { texts: vec![text], models: MODELS.to_vec() };
            store.ask_latest(Lane::Sentence, request, move |response| {
                if let Response::Classified(mut said) = response
                    && let Some(said) = said.pop()
                {
                    let damage = store.damage_name();
                    store.history.update(|history| history.update(vec![said.clone()], &damage));
                    store.said.set(Some(said));
                }
            });
        });
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
        self.ask(Request::Classify { texts, models: MODELS.to_vec() }, move |response| {
            if let Response::Classified(said) = response {
                let damage = store.damage_name();
                store.history.update(|history| history.update(said, &damage));
            }
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
            let request = Request::Tensor { name, model, max_tiles: MAX_TILES };
            store.ask_latest(Lane::Tensor, request, move |response| {
                if let Response::Tensor(view) = response {
                    store.tensor.set(Some(Arc::new(*view)));
                }
            });
        });
        Effect::new(move |_| {
            store.revision.track();
            let (text, (layer_idx, head_idx)) = (text.get(), place.get());
            let Some(anatomy) = store.anatomy.get().filter(|_| is_inside.get() && !text.trim().is_empty()) else {
                return;
            };
            let layer_idx = layer_idx.min(anatomy.n_layers.saturating_sub(1));
            let head_idx = Some(head_idx.min(anatomy.n_heads.saturating_sub(1)));
            let request = Request::Attention { text, layer_idx, head_idx, models: MODELS.to_vec() };
            store.ask_latest(Lane::Attention, request, move |response| {
                if let Response::Attention(view) = response {
                    store.attention.set(Some(Arc::new(view)));
                }
            });
        });
        Effect::new(move |_| {
            store.revision.track();
            let text = text.get();
            if !is_inside.get() || text.trim().is_empty() {
                return;
            }
            let models = vec![Condition::Corrupted, Condition::Healed];
            let request = Request::Drift { source: DriftSource::Text(text.clone()), models };
            store.ask_latest(Lane::Drift, request, move |response| {
                if let Response::Drift(view) = response {
                    store.drift.set(Some(Arc::new(view)));
                }
            });
            let request = Request::Attribution { text, target: None, models: MODELS.to_vec() };
            store.ask_latest(Lane::Attribution, request, move |response| {
                if let Response::Attribution(view) = response {
                    store.attribution.set(Some(Arc::new(view)));
                }
            });
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
        let is_healed = self.compares_healed.get() && self.healed.with(Option::is_some);
        if is_healed { Condition::Healed } else { Condition::Corrupted }
    }

    /// Evaluates all models on the held-out rows.
    pub fn evaluate(&self) {
        let store = *self;
        if self.evaluating.with_untracked(Option::is_some) {
            return;
        }
        let damage = self.damage_name();
        // Under way from the click on: the first row may be long in coming.
        self.evaluating.set(Some(Progress { stage: Stage::Rows, done: 0, total: 0 }));
        self.bridge.with_value(|bridge| {
            bridge.ask(Request::Evaluate { models: MODELS.to_vec() }, move |response| match response {
                Response::Progress(progress) => store.evaluating.set(Some(progress)),
                Response::Evaluated(evaluation) => {
                    store.evaluating.set(None);
                    store.announcement.set("The evaluation is done.".to_owned());
                    store.evaluation.set(Some((Arc::new(evaluation), damage.clone())));
                }
                Response::Failed(failure) => {
                    store.evaluating.set(None);
                    store.fail(failure);
                }
                _ => store.evaluating.set(None),
            });
        });
    }
}
