//! Healing: fine-tuning the damaged model step by step, the moments one can go back to, and what is kept in the browser.

use super::{Accuracy, Classification};
use serde::{Deserialize, Serialize};
use shared::model::RunId;
use shared::random::Seed;

/// Fine-tune the corrupted model: progress is told after every step. Other requests are answered between steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealSettings {
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// Optimiser steps.
    pub n_steps: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// What learns.
    pub trained: Trained,
    /// The seed of dropout and of the order of rows.
    pub seed: Seed,
    /// Texts that are classified as the healing goes on.
    pub pinned: Vec<String>,
    /// Held-out accuracy and pinned texts are looked at after every so many steps, and after the last.
    pub probe_every: usize,
    /// Held-out rows that are looked at each time, from the first; all of them after the last step.
    pub probe_rows: usize,
    /// A moment is kept after every so many steps, and after the last.
    pub moment_every: usize,
    /// Whether to start with [`HealState::Paused`], for stepping by hand.
    pub starts_paused: bool,
}

impl Default for HealSettings {
    /// 200 steps of 16 rows with a peak learning rate of 2e-4: higher than for fine-tuning a whole model, since drawn
    /// anew, the damaged layers start from nothing.
    fn default() -> Self {
        Self {
            learning_rate: 2e-4,
            n_steps: 200,
            batch_size: 16,
            trained: Trained::DamagedAndHead,
            seed: Seed(0),
            pinned: Vec::new(),
            probe_every: 10,
            probe_rows: 64,
            moment_every: 20,
            starts_paused: false,
        }
    }
}

/// What learns during a healing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trained {
    /// The tensors that the plan touches, the pooler and the classifier: the least memory.
    DamagedAndHead,
    /// Everything.
    All,
    /// Everything but a selection of the plan grammar, such as `embeddings,bottom:0.5`.
    AllBut(String),
}

/// What a healing is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealState {
    /// Steps follow one another.
    Running,
    /// It waits to be [steered](super::SteerHealing).
    Paused,
}

/// How far a healing is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealProgress {
    /// What it is doing.
    pub state: HealState,
    /// Steps that are done; 0 is the corrupted model itself.
    pub step: usize,
    /// Steps in all.
    pub n_steps: usize,
    /// Mean cross-entropy over the step's rows; `None` before the first step.
    pub loss: Option<f64>,
    /// The learning rate of the step.
    pub learning_rate: Option<f64>,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: Option<f64>,
    /// Share of the step's rows that were predicted right, with dropout on.
    pub train_accuracy: Option<f64>,
    /// Seconds that the step took.
    pub step_secs: Option<f64>,
    /// Workers that shared it.
    pub n_workers: Option<usize>,
    /// Accuracy on held-out rows, where it was looked at.
    pub held_out: Option<Accuracy>,
    /// The pinned texts by the model as it is now, where it was looked at.
    pub pinned: Option<Vec<Classification>>,
    /// The moment that was kept after this step, if one was.
    pub moment: Option<Moment>,
    /// Scalars that learn.
    pub n_trained: usize,
    /// Memory that the healing takes: trained weights, gradients and moments, without activations.
    pub size_bytes: u64,
}

/// How a healing ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealSummary {
    /// Steps that were done.
    pub step: usize,
    /// Steps that were asked for.
    pub n_steps: usize,
    /// Median seconds of a step; `None` without one.
    pub median_step_secs: Option<f64>,
    /// Accuracy on all held-out rows, where there are any and the healing came to its end.
    pub held_out: Option<Accuracy>,
    /// The last moment.
    pub moment: Option<Moment>,
}

/// Names a moment, also across visits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MomentId(pub String);

/// A moment of a healing: a real model, kept as what differs from the corrupted one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Names it.
    pub id: MomentId,
    /// Names the healing it belongs to; moments of one healing have the same.
    pub healing: String,
    /// The plan of the damage in canonical form.
    pub plan: String,
    /// The seed of the damage.
    pub seed: Seed,
    /// Steps that were done.
    pub step: usize,
    /// Steps of the healing in all.
    pub n_steps: usize,
    /// Loss of the last step.
    pub loss: Option<f64>,
    /// Held-out accuracy, where it was looked at after this step.
    pub held_out: Option<Accuracy>,
    /// When it was kept, in milliseconds since 1970.
    pub kept_at_ms: f64,
    /// What it takes.
    pub size_bytes: u64,
    /// The run that it belongs to; none where an earlier version of the page kept it.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Whether it survives closing the tab; if not, the browser had no room or no cache.
    pub is_saved: bool,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// Whether the browser lets the page keep anything; not without HTTPS or on some private windows.
    pub is_available: bool,
    /// Bytes of models' files.
    pub models_bytes: u64,
    /// Files of models.
    pub n_model_files: usize,
    /// Bytes of moments.
    pub moments_bytes: u64,
    /// Moments.
    pub n_moments: usize,
    /// What the browser says all of this origin takes; `None` when it does not say.
    pub usage_bytes: Option<u64>,
    /// What the browser says this origin may take; `None` when it does not say.
    pub quota_bytes: Option<u64>,
}

/// What to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// The files of models, which are fetched again when they are needed.
    Models,
    /// The moments of healings, which are lost.
    Moments,
    /// Both, and the page itself, which then needs the network again.
    Everything,
}
