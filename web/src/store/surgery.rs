//! Surgery: asked for when the visitor wants it, and what came of it.

use super::handle::Store;
use super::newest::Lane;
use crate::plan_edit::toggled_flip;
use crate::protocol::{AskBlame, AskReturn, FindFatalBit, Stage, Transplant, ViewWeight};
use crate::state::{Graft, MAX_PLAN_CHARS};
use leptos::prelude::*;
use shared::Condition;
use shared::corruption::WeightBit;
use std::sync::Arc;

impl Store {
    /// Has parts taken as the visitor chose, whenever that or one of the models changes; a healing is left alone.
    pub(super) fn follow_graft(&self) {
        let store = *self;
        let wanted = Memo::new(move |_| store.state.with(|state| state.graft.clone()));
        Effect::new(move |_| {
            let (is_made, has_healed) = (store.damage.with(Option::is_some), store.healed.with(Option::is_some));
            let wanted = wanted.get();
            if !is_made || store.is_healing.get() {
                return;
            }
            let is_there = |condition| condition != Condition::Healed || has_healed;
            let wanted = wanted.filter(|graft| is_there(graft.to) && is_there(graft.from));
            if wanted.is_none() && store.surgery.graft.with_untracked(Option::is_none) {
                return;
            }
            let request = match &wanted {
                Some(graft) => Transplant { from: graft.from, to: graft.to, parts: graft.parts.clone() },
                None => Transplant { from: Condition::Healthy, to: Condition::Corrupted, parts: String::new() },
            };
            store.ask_latest(Lane::Graft, request, move |done| {
                if let Some(graft) = &wanted {
                    let n = done.n_changed;
                    store.announcement.set(format!(
                        "The {} model has {}: {n} values changed.",
                        graft.to,
                        graft.in_words()
                    ));
                }
                store.surgery.graft.set(wanted.clone());
                store.raise_revision();
            });
        });
    }

    /// Whether there are held-out rows to measure on.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.loaded.with(|loaded| loaded.as_ref().is_some_and(|loaded| loaded.rows.is_some()))
    }

    /// Puts parts of one model in another's place; no parts take everything back.
    pub fn choose_graft(&self, graft: Graft) {
        self.choose(|state| state.graft = (!graft.parts.is_empty()).then_some(graft));
    }

    /// Shares out what the damage of `damaged` costs.
    pub fn ask_blame(&self, damaged: Condition, max_rows: usize) {
        let store = *self;
        let name = self.damage_name();
        let text = self.state.with_untracked(|state| state.text.clone());
        let request = AskBlame { damaged, text, max_rows };
        self.ask_long(self.surgery.blaming, Stage::Rows, request, move |blame| {
            store.announcement.set("Blame has been shared out.".to_owned());
            store.surgery.blame.set(Some((Arc::new(blame), name.clone())));
        });
    }

    /// Looks whether the weights came back.
    pub fn ask_return(&self, max_rows: usize) {
        let store = *self;
        let name = self.damage_name();
        self.ask_long(self.surgery.returning, Stage::Rows, AskReturn { max_rows }, move |view| {
            store.announcement.set("Measured along both lines.".to_owned());
            store.surgery.returned.set(Some((Arc::new(view), name.clone())));
        });
    }

    /// Asks for the bits of the chosen weight while it is shown.
    pub(super) fn follow_weight(&self) {
        let store = *self;
        let wanted = Memo::new(move |_| {
            let (name, shape) =
                store.tensor.with(|tensor| Some((tensor.as_ref()?.name.clone(), tensor.as_ref()?.shape.clone())))?;
            let (row, column) = store.surgery.place.get();
            let row = row.min(shape.first()?.saturating_sub(1));
            let column = shape.get(1).map(|n| column.min(n.saturating_sub(1)));
            Some(ViewWeight { name, row, column })
        });
        Effect::new(move |_| {
            store.revision.track();
            if let Some(request) = wanted.get() {
                store.ask_latest(Lane::Weight, request, move |view| store.surgery.weight.set(Some(Arc::new(view))));
            }
        });
    }

    /// Flips a bit of the weight on show, or takes that flip back.
    pub fn flip_bit(&self, bit: u32) {
        let Some(weight) = self.surgery.weight.get_untracked() else { return };
        let plan = untrack(|| self.state.with(|state| state.plan.clone()));
        let place = WeightBit { row: weight.weight.row, column: weight.weight.column, bit };
        let Some(plan) = toggled_flip(&plan, &weight.plan, place) else { return };
        if plan.len() <= MAX_PLAN_CHARS {
            self.choose(|state| state.plan = plan);
        }
    }

    /// Looks for a bit whose flip alone breaks the model, and shows it flipped.
    pub fn find_fatal_bit(&self, max_rows: usize) {
        let store = *self;
        self.ask_long(self.surgery.searching, Stage::Rows, FindFatalBit { max_rows }, move |found| {
            if let Some((plan, weight)) = &found.found {
                store.surgery.place.set((weight.row, weight.column.unwrap_or(0)));
                store.choose(|state| (state.plan, state.tensor) = (plan.clone(), weight.name.clone()));
            }
            store.surgery.fatal_bit.set(Some(Arc::new(found)));
        });
    }
}
