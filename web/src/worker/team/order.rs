//! What a helper is told, and what it reports.
//!
//! A message is a list: JSON, then values or nothing, then files' bytes. The buffers of the two latter change hands.

use serde::{Deserialize, Serialize};
use shared::random::Seed;
use shared::surgery::{Mix, MixCounts, Players};
use shared::training::{StepGradientHeader, TrainingArgs};

/// The name of a worker that helps another.
pub(super) const NAME: &str = "helper";

/// A ticket, and what is to be done. What has a ticket is answered with a [`Report`] under it.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) ticket: Option<u32>,
    pub(super) body: T,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The healthy model: the text of `config.json`, and all parameters as values in forward order.
    Base { id: u64, config: String },
    /// Another model: the places of the parameters in which it differs from the healthy one, and these as values. One that is
    /// not needed any more is forgotten.
    Model { id: u64, changed: Vec<usize>, forget: Option<u64> },
    /// Rows: token ids, length of the second text, class.
    Rows { id: u64, rows: Vec<(Vec<u32>, usize, u32)>, forget: Option<u64> },
    /// Answered by [`Report::Logits`] of some rows.
    Classify { model: u64, rows: u64, indices: Vec<usize> },
    /// Answered by [`Report::Mixed`].
    Mix(Box<MixOrder>),
    /// Answered by [`Report::Hidden`]: the healthy encoder's last hidden state for rows of equal length, which are not padded.
    Encode { rows: u64, indices: Vec<usize> },
    /// A replica of a training; its state as files' bytes where it has made steps.
    Begin(Begin),
    /// Answered by [`Report::Gradient`].
    Gradient { training: u64, first: usize, end: usize },
    /// The sum of the step's gradients, as values.
    Apply { training: u64, header: StepGradientHeader },
    /// A training has ended, and its memory is needed.
    End { training: u64 },
}

/// Mixes of the healthy model and another, and the rows of a batch.
#[derive(Serialize, Deserialize)]
pub(super) struct MixOrder {
    pub(super) damaged: u64,
    pub(super) players: Players,
    /// The parts in which the two models differ.
    pub(super) distinct: Mix,
    pub(super) mixes: Vec<Mix>,
    pub(super) rows: u64,
    pub(super) indices: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) training: u64,
    pub(super) model: u64,
    pub(super) rows: u64,
    pub(super) args: TrainingArgs,
    /// Of dropout, of the order of rows.
    pub(super) seeds: (Seed, Seed),
    /// The places of the parameters that learn.
    pub(super) trained: Vec<usize>,
    pub(super) steps_done: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// It listens.
    Ready,
    /// Logits as values, row by row.
    Logits { is_saturated: Vec<bool> },
    /// What mixes get right.
    Mixed(MixCounts),
    /// A hidden state as values.
    Hidden,
    /// A part of a step's gradient, as values; nothing where the step has no such micro-batches.
    Gradient(Option<StepGradientHeader>),
    /// It went wrong; the helper is of no more use.
    Failed(String),
}
