//! The damage follows the plan and the seed.

use super::Store;
use super::lanes::Lane;
use crate::protocol::{Request, Response};
use leptos::prelude::*;
use shared::Condition;
use shared::seed::Seed;
use std::sync::Arc;

impl Store {
    /// Damages the model whenever the plan or the seed changes and the plan can be used.
    pub(super) fn follow_damage(&self) {
        let store = *self;
        let wanted = Memo::new(move |_| {
            let model = store.loaded.with(|loaded| loaded.as_ref().map(|loaded| loaded.model.name.clone()))?;
            // A plan that is wrong is told at its field and changes nothing.
            store.plan.with(|plan| plan.as_ref().is_some_and(Result::is_ok)).then_some(())?;
            Some((model, store.state.with(|state| (state.plan.clone(), state.seed))))
        });
        // Also when the same plan meets a model that was loaded anew.
        Effect::new(move |_| {
            store.loaded.track();
            if let Some((_, (plan, seed))) = wanted.get() {
                store.corrupt(plan, seed);
            }
        });
    }

    fn corrupt(&self, plan: String, seed: Seed) {
        let store = *self;
        self.ask_latest(Lane::Damage, Request::Corrupt { plan, seed }, move |response| {
            if let Response::Corrupted(damage) = response {
                batch(|| {
                    store.failure.set(None);
                    store.fingerprint.set(None);
                    store.healed.set(damage.healed.clone());
                    store.announcement.set(damage.description.clone());
                    store.damage.set(Some(Arc::new(*damage)));
                });
                store.raise_revision();
            }
        });
    }

    /// Asks for the fingerprint of the corrupted weights.
    pub fn ask_fingerprint(&self) {
        let store = *self;
        self.ask(Request::Fingerprint { model: Condition::Corrupted }, move |response| {
            if let Response::Fingerprint(digits) = response {
                store.fingerprint.set(Some(digits));
            }
        });
    }
}
