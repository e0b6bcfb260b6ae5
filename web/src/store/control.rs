//! The control: what the healed model is compared with, shown and made on demand.

use super::handle::Store;
use super::known_healing::HealPhase;
use crate::protocol::{Control, HealedOrigin, Healing, MakeControl, Stage};
use leptos::prelude::*;

impl Store {
    /// The control of the healed model, if there is one at its budget.
    #[must_use]
    pub fn control_now(&self) -> Option<Control> {
        match self.healed.get()? {
            HealedOrigin::Native { .. } => self.loaded.with(|loaded| loaded.as_ref()?.control.clone()),
            HealedOrigin::Live { healing: name, step, .. } => {
                let of = Healing::Live { name, step };
                self.control.get().filter(|control| control.of == of)
            }
        }
    }

    /// The steps of the control that can be made for the healed model: its healing was the last one of this visit.
    #[must_use]
    pub fn control_steps(&self) -> Option<usize> {
        let HealedOrigin::Live { healing, step, .. } = self.healed.get()? else { return None };
        let is_last = self.heal.with(|heal| {
            let moment = heal.summary.as_ref().and_then(|summary| summary.moment.as_ref());
            heal.phase == HealPhase::Done && moment.is_some_and(|moment| moment.healing == healing)
        });
        (is_last && step > 0).then_some(step)
    }

    /// Makes the control of the healed model.
    pub fn make_control(&self) {
        let store = *self;
        self.ask_long(self.controlling, Stage::Steps, MakeControl, move |control| {
            store.announcement.set("The control is ready.".to_owned());
            store.control.set(Some(control));
        });
    }
}
