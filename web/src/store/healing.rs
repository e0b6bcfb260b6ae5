//! Healing: the panel's side of it.

use super::handle::Store;
use super::known_healing::{Heal, HealPhase};
use super::newest::{Lane, Newest};
use super::on_show::Arrival;
use crate::protocol::{
    Accuracy, Classification, HealProgress, HealSettings, HealState, HealedOrigin, ListMoments, Moment, Response,
    SelectMoment, SteerHealing, is_same_damage,
};
use crate::state::Trained;
use leptos::prelude::*;
use shared::Condition;

impl Store {
    /// Starts to heal the corrupted model, running, or paused for stepping by hand.
    pub fn start_healing(&self, state: HealState) {
        let store = *self;
        let starts_paused = state == HealState::Paused;
        let (healing, text, seed) = self.state.with_untracked(|state| (state.healing, state.text.clone(), state.seed));
        let mut pinned = vec![text];
        pinned.extend(self.history.with_untracked(crate::history::History::pinned));
        pinned.dedup();
        let settings = HealSettings {
            learning_rate: healing.learning_rate,
            n_steps: healing.steps,
            batch_size: healing.batch_size,
            trained: trained(healing.trained),
            seed,
            pinned,
            starts_paused,
            ..HealSettings::default()
        };
        self.failure.set(None);
        let phase = if starts_paused { HealPhase::Paused } else { HealPhase::Running };
        let damage =
            self.damage.with_untracked(|damage| damage.as_ref().map(|damage| (damage.plan.clone(), damage.seed)));
        self.heal.set(Heal { phase, damage, settings: Some(healing), n_steps: healing.steps, ..Heal::default() });
        let turn = self.heals.with_value(Newest::begin);
        self.bridge.with_value(|bridge| {
            bridge.ask(settings, &[], move |response| {
                // It may end after its model was replaced.
                if turn.is_newest() {
                    store.hear_healing(response);
                }
            });
        });
    }

    /// Why no healing can be started; nothing when one can.
    #[must_use]
    pub fn why_no_healing(&self) -> Option<&'static str> {
        let arrival = self.arrival();
        if arrival != Arrival::Here {
            return Some(arrival.words());
        }
        if self.loaded.with(|loaded| loaded.as_ref().is_none_or(|loaded| loaded.rows.is_none())) {
            return Some("Healing needs labelled sentences, which this model came without: add a table under “Model”.");
        }
        if self.plan.with(|plan| matches!(plan, Some(Err(_)))) {
            return Some("The plan cannot be used: correct it first.");
        }
        let is_made = self.damage.with(|damage| {
            let damage = damage.as_ref()?;
            self.state.with(|state| damage.is_of(&state.plan, state.seed)).then_some(damage.is_nothing())
        });
        match is_made {
            None => Some("The damage is being made…"),
            Some(true) => Some("Nothing is broken, so there is nothing to heal: break a part of the network first."),
            Some(false) => None,
        }
    }

    /// An accuracy with the sentences that it is over: while a healing goes on these are the first held-out ones only.
    #[must_use]
    pub fn held_out_words(&self, accuracy: &Accuracy) -> String {
        let n_held_out = self.loaded.with(|loaded| loaded.as_ref()?.rows.map(|rows| rows.n_held_out));
        let rows = match n_held_out {
            Some(n_held_out) if accuracy.n < n_held_out => format!("the first {} of {n_held_out}", accuracy.rows()),
            Some(_) => format!("all {}", accuracy.rows()),
            None => accuracy.rows(),
        };
        format!("{:.1} % right on {rows} held-out sentences", 100.0 * accuracy.value)
    }

    /// Whether another damage was chosen while a healing goes on: it waits until that has ended.
    #[must_use]
    pub fn has_waiting_change(&self) -> bool {
        let is_plan_right = self.plan.with(|plan| matches!(plan, Some(Ok(_))));
        let is_same = self.heal.with(|heal| {
            let Some((plan, seed)) = &heal.damage else { return true };
            self.state.with(|state| is_same_damage((plan, *seed), (&state.plan, state.seed)))
        });
        self.is_healing.get() && is_plan_right && !is_same
    }

    /// Takes the waiting change back: the healing's damage is chosen again.
    pub fn take_change_back(&self) {
        if let Some((plan, seed)) = self.heal.with_untracked(|heal| heal.damage.clone()) {
            self.choose(|state| (state.plan, state.seed) = (plan, seed));
        }
    }

    fn hear_healing(&self, response: Response<HealSettings>) {
        match response {
            Response::Progress(progress) => self.hear_step(progress),
            Response::Answer(summary) => {
                if let Some((plan, seed)) = self.heal.with_untracked(|heal| heal.damage.clone()) {
                    let step = summary.step;
                    // None before the first step, where healed is corrupted.
                    let healing = summary.moment.as_ref().map(|moment| moment.healing.clone()).unwrap_or_default();
                    self.healed.set(Some(HealedOrigin::Live { plan, seed, healing, step }));
                }
                let accuracy =
                    summary.held_out.map_or(String::new(), |held_out| format!(" {}.", self.held_out_words(&held_out)));
                self.announcement.set(format!("Healing ended after {} steps.{accuracy}", summary.step));
                self.note_run(Ok(&summary));
                self.heal.update(|heal| {
                    heal.phase = HealPhase::Done;
                    heal.summary = Some(summary);
                });
                self.raise_revision();
                self.refresh_moments();
                self.refresh_storage();
            }
            Response::Failed(failure) => {
                self.note_run(Err(&failure));
                self.heal.update(|heal| {
                    heal.phase = if heal.steps.is_empty() { HealPhase::Idle } else { HealPhase::Done };
                });
                self.fail(failure);
            }
            Response::Cancelled => self.forget_healing(),
        }
    }

    /// It was thrown away: what was there before stands again.
    fn forget_healing(&self) {
        self.heal.set(Heal::default());
        self.healed.set(self.loaded.with_untracked(|loaded| loaded.as_ref()?.healed.clone()));
        self.raise_revision();
        self.refresh_moments();
    }

    fn hear_step(&self, progress: HealProgress) {
        let text = self.state.with_untracked(|state| state.text.clone());
        if let Some(pinned) = &progress.pinned {
            // The healed column moves while the model does.
            if let Some(now) = pinned.iter().find(|said| said.text == text) {
                self.said.update(|said| merge(said, now));
            }
            let damage = self.damage_name();
            let watched = pinned.clone();
            self.history.update(|history| {
                for now in &watched {
                    if let Some(entry) = history.entries.iter_mut().find(|entry| entry.text == now.text) {
                        merge(&mut entry.said, now);
                        damage.clone_into(&mut entry.damage);
                    }
                }
            });
        }
        if progress.moment.is_some() {
            self.refresh_moments();
        }
        self.heal.update(|heal| {
            heal.phase = match progress.state {
                HealState::Running => HealPhase::Running,
                HealState::Paused => HealPhase::Paused,
            };
            heal.n_steps = progress.n_steps;
            if let Some(pinned) = &progress.pinned {
                heal.watched.clone_from(pinned);
            }
            // A change of the state alone repeats the step.
            match heal.steps.last_mut() {
                Some(last) if last.step == progress.step => {
                    let (loss, held_out) = (progress.loss.or(last.loss), progress.held_out.or(last.held_out));
                    *last = HealProgress { loss, held_out, ..progress };
                }
                _ => heal.steps.push(progress),
            }
        });
    }

    /// Pauses, resumes, steps, ends or throws away.
    pub fn steer_healing(&self, steer: SteerHealing) {
        let store = *self;
        let is_over = self.heal.with_untracked(|heal| !matches!(heal.phase, HealPhase::Running | HealPhase::Paused));
        self.ask(steer, move |()| match steer {
            // One that is under way says itself that it has ended.
            SteerHealing::Reset if is_over => store.forget_healing(),
            SteerHealing::Pause | SteerHealing::Resume => store.heal.update(|heal| match (heal.phase, steer) {
                (HealPhase::Running, SteerHealing::Pause) => heal.phase = HealPhase::Paused,
                (HealPhase::Paused, SteerHealing::Resume) => heal.phase = HealPhase::Running,
                _ => {}
            }),
            _ => {}
        });
    }

    /// Looks up the moments that can be gone back to.
    pub fn refresh_moments(&self) {
        let store = *self;
        self.ask(ListMoments, move |moments| store.moments.set(moments));
    }

    /// Makes the healed model what it was at a moment.
    pub fn select_moment(&self, moment: &Moment) {
        let store = *self;
        self.ask_latest(Lane::Moment, SelectMoment { id: moment.id.clone() }, move |moment| {
            let (plan, seed) = (moment.plan.clone(), moment.seed);
            let origin = HealedOrigin::Live { plan: plan.clone(), seed, healing: moment.healing, step: moment.step };
            store.healed.set(Some(origin));
            let is_other_damage = store.damage.with_untracked(|damage| {
                damage.as_ref().is_none_or(|damage| damage.plan != plan || damage.seed != seed)
            });
            if is_other_damage {
                store.choose(|state| (state.plan, state.seed) = (plan, seed));
            }
            store.raise_revision();
        });
    }
}

/// What learns, in the worker's words.
fn trained(trained: Trained) -> crate::protocol::Trained {
    match trained {
        Trained::Damaged => crate::protocol::Trained::DamagedAndHead,
        Trained::Head => crate::protocol::Trained::AllBut("all,embeddings".to_owned()),
        Trained::All => crate::protocol::Trained::All,
    }
}

/// Replaces what the healed model said.
fn merge(said: &mut Option<Classification>, now: &Classification) {
    let Some(said) = said.as_mut().filter(|said| said.text == now.text) else { return };
    let Some(healed) = now.models.iter().find(|model| model.model == Condition::Healed).or(now.models.first()) else {
        return;
    };
    let healed = crate::protocol::ModelPrediction { model: Condition::Healed, ..healed.clone() };
    said.models.retain(|model| model.model != Condition::Healed);
    said.models.push(healed);
}
