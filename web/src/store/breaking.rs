//! Breaking the model by one press, mending it, and which models are on show meanwhile.

use super::handle::{MODELS, Store};
use crate::plan_edit::Damage;
use crate::protocol::{HealedOrigin, SteerHealing};
use crate::state::{Healing, Trained};
use leptos::prelude::*;
use shared::Condition;
use shared::random::Seed;

/// What “Break it” does: the lowest layer is drawn anew.
pub const FIRST_PLAN: &str = "kaiming@bottom:1L";

/// The seed of “Break it”. With it the page's first model is fairly sure of the wrong class on its first sentence (negative,
/// 80.5 %), which it is with 2 of the first 24 seeds: what one sentence shows is an example, and no measurement.
pub const FIRST_SEED: Seed = Seed(1);

/// How “Heal it” then heals, unless the visitor or the link says otherwise: few enough steps for a minute on a slow machine.
/// They bring the page's first model back to 72.9 % of 1,000 held-out sentences; 60 steps at the usual rate to 68.5 %, 200 to
/// 75.3 %, and 40 at twice this rate to 59.6 %.
pub const FIRST_HEALING: Healing =
    Healing { learning_rate: 5e-4, steps: 60, batch_size: 16, trained: Trained::Damaged };

/// At most six digits: easy to read out, and a million are enough to play with.
const ROLLED_SEEDS: f64 = 1e6;

impl Store {
    /// Breaks the model, as a first-time visitor does it.
    pub fn break_it(&self) {
        self.choose(|state| {
            (state.plan, state.seed, state.graft) = (FIRST_PLAN.to_owned(), FIRST_SEED, None);
            if state.healing == Healing::default() {
                state.healing = FIRST_HEALING;
            }
        });
    }

    /// Draws other random numbers for the same damage.
    pub fn roll_seed(&self) {
        self.choose(|state| state.seed = Seed((js_sys::Math::random() * ROLLED_SEEDS) as u64));
    }

    /// Takes all damage away.
    pub fn make_whole(&self) {
        self.choose(|state| (state.plan, state.graft) = (String::new(), None));
    }

    /// Forgets what was healed here and takes all damage away, as the page opens.
    pub fn start_again(&self) {
        self.steer_healing(SteerHealing::Reset);
        self.make_whole();
    }

    /// Whether the plan damages nothing. A plan that cannot be used is none of a whole model.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_empty = self.plan.with(|plan| match plan {
            Some(Ok(damage)) => damage.touched().is_empty(),
            Some(Err(_)) => false,
            None => self.state.with(|state| state.plan.trim().is_empty()),
        });
        // What it selects may be left as it is: a fraction of 0 changes no value.
        let is_made_of_nothing = self.damage.with(|damage| {
            damage.as_ref().is_some_and(|damage| {
                damage.is_nothing() && self.state.with(|state| damage.is_of(&state.plan, state.seed))
            })
        });
        is_empty || is_made_of_nothing
    }

    /// What is broken, in a few words; nothing of a whole model or while the plan cannot be used.
    #[must_use]
    pub fn broken_words(&self) -> Option<String> {
        if self.is_whole() {
            return None;
        }
        self.plan.with(|plan| plan.as_ref()?.as_ref().ok().and_then(Damage::in_words))
    }

    /// The healed model's origin, if that model may be shown beside the damage: one that came with the bundle belongs to its
    /// own damage alone; one that was healed here stays until it is thrown away.
    #[must_use]
    pub fn healed_on_show(&self) -> Option<HealedOrigin> {
        let healed = self.healed.get()?;
        let (plan, seed) = healed.damage();
        let is_own = || {
            self.damage.with(|damage| {
                damage.as_ref().is_some_and(|damage| (damage.plan.as_str(), damage.seed) == (plan, seed))
            })
        };
        let is_shown = matches!(healed, HealedOrigin::Live { .. }) || is_own();
        is_shown.then_some(healed)
    }

    /// The share of held-out rows, 0–1, that the healthy model got right when its bundle was made; none without a bundle.
    #[must_use]
    pub fn healthy_accuracy(&self) -> Option<f64> {
        self.loaded.with(|loaded| loaded.as_ref()?.bundle.as_ref()?.accuracy_quantized)
    }

    /// The damage of the healed model that came with this one, unless it is chosen already.
    #[must_use]
    pub fn known_healing(&self) -> Option<(String, Seed)> {
        let (plan, seed) = self.loaded.with(|loaded| {
            let healed = loaded.as_ref()?.healed.as_ref()?;
            let (plan, seed) = healed.damage();
            Some((plan.to_owned(), seed))
        })?;
        self.state.with(|state| state.plan != plan || state.seed != seed).then_some((plan, seed))
    }

    /// Chooses the damage of the healed model that came with this one.
    pub fn show_known_healing(&self) {
        if let Some((plan, seed)) = untrack(|| self.known_healing()) {
            self.choose(|state| (state.plan, state.seed) = (plan, seed));
        }
    }

    /// The models whose answers are on show.
    pub(super) fn models(&self) -> Vec<Condition> {
        let (is_broken, is_healed) = untrack(|| {
            let is_broken = self.damage.with(|damage| damage.as_ref().is_some_and(|damage| !damage.is_nothing()));
            (is_broken, self.is_healing.get() || self.healed_on_show().is_some())
        });
        let is_shown = |model: &Condition| match model {
            Condition::Corrupted => is_broken,
            Condition::Healed => is_healed,
            _ => true,
        };
        MODELS.into_iter().filter(is_shown).collect()
    }

    /// The models whose insides are on show: without damage, the corrupted one is looked into all the same.
    pub(super) fn models_inside(&self) -> Vec<Condition> {
        let mut models = self.models();
        if !models.contains(&Condition::Corrupted) {
            models.insert(1, Condition::Corrupted);
        }
        models
    }
}
