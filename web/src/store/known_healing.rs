//! What the page knows of a healing.

use crate::protocol::{Classification, HealProgress, HealSummary};
use crate::state::Healing;
use shared::random::Seed;

/// What a healing is doing, as the panel's buttons see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealPhase {
    /// None was started since the model was loaded.
    #[default]
    Idle,
    /// Steps follow one another.
    Running,
    /// It waits.
    Paused,
    /// It has ended and its model stands.
    Done,
}

impl HealPhase {
    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// As tests and style sheets know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
        }
    }
}

/// What is known of a healing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heal {
    /// What it is doing.
    pub phase: HealPhase,
    /// The plan in canonical form and the seed of the damage that it heals.
    pub damage: Option<(String, Seed)>,
    /// What it has of steps, rows and rate, as the visitor chose it.
    pub settings: Option<Healing>,
    /// What was told after every step, in their order.
    pub steps: Vec<HealProgress>,
    /// Steps in all.
    pub n_steps: usize,
    /// The watched sentences as the model last answered them.
    pub watched: Vec<Classification>,
    /// How it ended.
    pub summary: Option<HealSummary>,
}

impl Heal {
    /// The last step that was told.
    #[must_use]
    pub fn last(&self) -> Option<&HealProgress> {
        self.steps.last()
    }

    /// Steps that are done.
    #[must_use]
    pub fn step(&self) -> usize {
        self.last().map_or(0, |last| last.step)
    }
}
