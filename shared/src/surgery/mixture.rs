//! What all mixes of two models answer, with the passes that mixes have in common made once.
//!
//! Mixes that agree in the rest and in the lowest layers have the same hidden states up to there. So a batch goes through a
//! tree whose branches at layer `i` are that layer of either model: over all mixes 2 + 4 + … + 2^n passes through a layer
//! instead of n·2^n, for each state of the rest. The walk goes down first and keeps one batch of hidden states a layer. A
//! part that has the same bits in both models has one branch.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::players::{Mix, Players};
use crate::dataset::{Batch, EncodedExample, evaluation_batches};
use crate::error::Result;
use crate::evaluation::predicted_class;
use crate::model::{ForwardMode, Parameters, TextClassifier};
use crate::nn::{AttentionMask, on_pool};
use candle_core::Tensor;

/// Two models of one shape, to be mixed part by part.
#[derive(Debug)]
pub struct Mixture<'a> {
    healthy: &'a TextClassifier,
    damaged: &'a TextClassifier,
    players: Players,
    /// The parts in which the models differ.
    distinct: Mix,
}

/// Rows to be counted, and how they are put through the models.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Token ids and classes.
    pub examples: &'a [EncodedExample],
    /// Rows of a batch.
    pub batch_size: usize,
    /// Of both models.
    pub pad_token_id: u32,
}

/// The logits of one mix for each row of a batch: `[rows][labels]`.
pub type MixLogits = Vec<(Mix, Vec<Vec<f32>>)>;

/// How many rows each of some mixes gets right. Counts of different rows add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixCounts {
    /// Rows that were counted.
    pub n_rows: u64,
    /// By mix, in ascending order.
    pub mixes: Vec<MixCount>,
}

/// What one mix made of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixCount {
    /// Which mix.
    pub mix: Mix,
    /// Rows that are given their class.
    pub n_correct: u64,
    /// Rows with a logit that is not finite, all counted as wrong.
    pub n_non_finite: u64,
}

impl MixCounts {
    /// Counts of no rows yet.
    #[must_use]
    pub fn new(mixes: &[Mix]) -> Self {
        let mixes: BTreeSet<Mix> = mixes.iter().copied().collect();
        let none = |mix| MixCount { mix, n_correct: 0, n_non_finite: 0 };
        Self { n_rows: 0, mixes: mixes.into_iter().map(none).collect() }
    }

    /// Adds the counts of other rows.
    ///
    /// # Panics
    /// When they are of other mixes.
    pub fn add(&mut self, other: &Self) {
        assert!(
            self.mixes.iter().map(|count| count.mix).eq(other.mixes.iter().map(|count| count.mix)),
            "counts are of the same mixes"
        );
        self.n_rows += other.n_rows;
        for (count, other) in self.mixes.iter_mut().zip(&other.mixes) {
            count.n_correct += other.n_correct;
            count.n_non_finite += other.n_non_finite;
        }
    }

    /// The share of rows that a mix gets right, 0–1; NaN for a mix that was not counted, or without rows.
    #[must_use]
    pub fn accuracy(&self, mix: Mix) -> f64 {
        let found = self.mixes.binary_search_by_key(&mix, |count| count.mix);
        found.map_or(f64::NAN, |at| self.mixes[at].n_correct as f64 / self.n_rows as f64)
    }
}

/// By how much the logit of `class` exceeds the highest of the others; NaN when one is not finite.
#[must_use]
pub fn margin(logits: &[f32], class: usize) -> f64 {
    if !logits.iter().all(|logit| logit.is_finite()) {
        return f64::NAN;
    }
    let others = logits.iter().enumerate().filter(|(label, _)| *label != class).map(|(_, logit)| f64::from(*logit));
    f64::from(logits[class]) - others.fold(f64::NEG_INFINITY, f64::max)
}

impl<'a> Mixture<'a> {
    /// Of two models with the parameters that they stand on, which tell what differs.
    ///
    /// # Errors
    /// When a parameter of one is missing in the other.
    pub fn new(
        players: Players,
        healthy: (&'a TextClassifier, &Parameters),
        damaged: (&'a TextClassifier, &Parameters),
    ) -> Result<Self> {
        let mut distinct = Mix::default();
        for path in healthy.1.paths() {
            let Some(part) = players.part_of(path).filter(|part| !distinct.has(*part)) else { continue };
            let (a, b) = (healthy.1.to_vec(path)?, damaged.1.to_vec(path)?);
            if a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| a.to_bits() != b.to_bits()) {
                distinct = distinct.with(part);
            }
        }
        Ok(Self::known(players, healthy.0, damaged.0, distinct))
    }

    /// Of two models of which it is known in which parts they differ.
    #[must_use]
    pub fn known(players: Players, healthy: &'a TextClassifier, damaged: &'a TextClassifier, distinct: Mix) -> Self {
        Self { healthy, damaged, players, distinct }
    }

    /// The parts in which the models differ.
    #[must_use]
    pub fn distinct(&self) -> Mix {
        self.distinct
    }

    /// The parts.
    #[must_use]
    pub fn players(&self) -> Players {
        self.players
    }

    /// Whether a part has the same bits in both models, so that its damage can cost nothing.
    #[must_use]
    pub fn is_same(&self, part: usize) -> bool {
        !self.distinct.has(part)
    }

    /// Passes of a batch through a layer that these mixes take.
    #[must_use]
    pub fn n_passes(&self, mixes: &[Mix]) -> usize {
        let distinct: BTreeSet<Mix> = mixes.iter().map(|mix| self.representative(*mix)).collect();
        let beginnings = |n: usize| -> BTreeSet<(bool, u64)> {
            let begin = |mix: &Mix| (self.players.has_damaged_rest(*mix), mix.0 & ((1 << n) - 1));
            distinct.iter().map(begin).collect()
        };
        (1..=self.players.n_layers).map(|n| beginnings(n).len()).sum()
    }

    /// The logits of every mix for the rows of a batch; none when `may_go_on`, which is asked before each pass through a
    /// layer, says no. The bits are those of the mix as a model of its own.
    ///
    /// # Errors
    /// As [`TextClassifier::forward`].
    pub fn logits(
        &self,
        batch: &Batch,
        mixes: &[Mix],
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<MixLogits>> {
        let distinct: BTreeSet<Mix> = mixes.iter().map(|mix| self.representative(*mix)).collect();
        let mut walk = Walk { mixture: self, may_go_on, found: Vec::with_capacity(distinct.len()) };
        for is_damaged in [false, true] {
            let of_rest: Vec<Mix> =
                distinct.iter().copied().filter(|mix| self.players.has_damaged_rest(*mix) == is_damaged).collect();
            if of_rest.is_empty() {
                continue;
            }
            let rest = self.model(is_damaged);
            let mask = rest.encoder().mask(batch)?;
            let embedded = on_pool(rest.device(), || rest.encoder().embed(batch, ForwardMode::Evaluation))?;
            if !walk.descend((rest, &mask), 0, &embedded, &of_rest)? {
                return Ok(None);
            }
        }
        let mut found = walk.found;
        found.sort_by_key(|(mix, _)| *mix);
        let of = |mix: &Mix| {
            let at = found.binary_search_by_key(&self.representative(*mix), |(mix, _)| *mix);
            (*mix, at.map(|at| found[at].1.clone()).unwrap_or_default())
        };
        Ok(Some(mixes.iter().map(of).collect()))
    }

    /// Counts what the mixes get right of the rows of a batch; none when `may_go_on` says no.
    ///
    /// # Errors
    /// As [`TextClassifier::forward`].
    pub fn count_batch(
        &self,
        batch: &Batch,
        mixes: &[Mix],
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<MixCounts>> {
        let mut counts = MixCounts::new(mixes);
        let mixes: Vec<Mix> = counts.mixes.iter().map(|count| count.mix).collect();
        let Some(logits) = self.logits(batch, &mixes, may_go_on)? else { return Ok(None) };
        for (count, (_, logits)) in counts.mixes.iter_mut().zip(logits) {
            for (logits, label) in logits.iter().zip(&batch.labels) {
                let predicted = predicted_class(logits);
                count.n_correct += u64::from(predicted == Some(*label));
                count.n_non_finite += u64::from(predicted.is_none());
            }
        }
        counts.n_rows = batch.n_rows as u64;
        Ok(Some(counts))
    }

    /// Counts what the mixes get right of some rows, a batch at a time; none when `may_go_on` says no. `on_batch` hears how
    /// many rows each batch had.
    ///
    /// # Errors
    /// As [`TextClassifier::forward`].
    pub fn count(
        &self,
        rows: &Rows<'_>,
        mixes: &[Mix],
        may_go_on: &mut dyn FnMut() -> bool,
        mut on_batch: impl FnMut(usize),
    ) -> Result<Option<MixCounts>> {
        let lengths: Vec<usize> = rows.examples.iter().map(|example| example.input_ids.len()).collect();
        let mut counts = MixCounts::new(mixes);
        let mixes: Vec<Mix> = counts.mixes.iter().map(|count| count.mix).collect();
        for indices in evaluation_batches(&lengths, rows.batch_size) {
            let batch = Batch::new(rows.examples, &indices, rows.pad_token_id);
            let Some(of_batch) = self.count_batch(&batch, &mixes, may_go_on)? else { return Ok(None) };
            counts.add(&of_batch);
            on_batch(indices.len());
        }
        Ok(Some(counts))
    }

    /// The mix that is computed for it: parts that are the same in both models are the healthy one's.
    fn representative(&self, mix: Mix) -> Mix {
        Mix(mix.0 & self.distinct.0)
    }

    fn model(&self, is_damaged: bool) -> &'a TextClassifier {
        if is_damaged { self.damaged } else { self.healthy }
    }
}

struct Walk<'m, 'a, 'f> {
    mixture: &'m Mixture<'a>,
    may_go_on: &'f mut dyn FnMut() -> bool,
    found: MixLogits,
}

impl Walk<'_, '_, '_> {
    /// Puts `hidden` (`[batch, seq, hidden]`, what all of `mixes` have in common below `layer_idx`) through the layers from
    /// there up. Says whether it came to its end.
    fn descend(
        &mut self,
        rest: (&TextClassifier, &AttentionMask),
        layer_idx: usize,
        hidden: &Tensor,
        mixes: &[Mix],
    ) -> Result<bool> {
        let mode = ForwardMode::Evaluation;
        let n_layers = self.mixture.players.n_layers;
        if layer_idx == n_layers {
            let logits = rest.0.classify(&rest.0.pool(hidden)?, mode)?.to_vec2()?; // [batch, labels]
            self.found.extend(mixes.iter().map(|mix| (*mix, logits.clone())));
            return Ok(true);
        }
        for is_damaged in [false, true] {
            let above: Vec<Mix> = mixes.iter().copied().filter(|mix| mix.has(layer_idx) == is_damaged).collect();
            if above.is_empty() {
                continue;
            }
            if !(self.may_go_on)() {
                return Ok(false);
            }
            let layer = &self.mixture.model(is_damaged).encoder().layers()[layer_idx];
            let next = on_pool(rest.0.device(), || {
                // A classifier reads the first token alone.
                if layer_idx + 1 == n_layers {
                    layer.forward_first(hidden, rest.1, mode)
                } else {
                    layer.forward(hidden, rest.1, mode)
                }
            })?;
            if !self.descend(rest, layer_idx + 1, &next, &above)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
