//! The gradient of some micro-batches of a step, and how it travels to whoever does the rest of the step.
//!
//! Replicas of a [`FineTuning`](super::FineTuning) on several threads without common memory share a step out: each takes
//! neighbouring micro-batches, and the sums are put together as the halves of halves of the step's micro-batches
//! (`halves`). That order depends on the number of micro-batches alone, so every number of replicas gives the same bits.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::dataset::Batch;
use crate::error::{Error, Result};
use crate::model::{ParameterPath, Parameters};
use crate::nn::{Gradient, GradientParts};

/// One forward and backward pass within a step.
#[derive(Clone, Debug, PartialEq)]
pub struct MicroBatch {
    /// The rows.
    pub batch: Batch,
    /// Its mean cross-entropy.
    pub loss: f32,
    /// Rows whose label was predicted.
    pub n_correct: usize,
}

/// Σ of the gradients of neighbouring micro-batches of one step.
#[derive(Clone, Debug)]
pub struct StepGradient {
    /// The first of them in the step.
    pub(super) first: usize,
    pub(super) batches: Vec<MicroBatch>,
    /// Of the parameters that the losses depend on.
    pub(super) gradients: BTreeMap<ParameterPath, Gradient>,
}

/// What of a [`StepGradient`] is not values: as JSON it is a few kilobytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepGradientHeader {
    /// The first micro-batch in the step.
    pub first: usize,
    /// Loss and rows that were predicted right, of each micro-batch.
    pub micro: Vec<(f32, usize)>,
    /// Of each trained parameter in forward order.
    pub parts: Vec<GradientParts>,
}

impl StepGradient {
    /// The micro-batches of the step whose gradients it sums.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.batches.len()
    }

    /// With the gradient of the micro-batches that follow.
    ///
    /// # Errors
    /// When `next` does not begin where this one ends, or is of other parameters.
    pub fn join(mut self, next: Self, parameters: &Parameters) -> Result<Self> {
        let (range, of_next) = (self.range(), next.range());
        if range.end != of_next.start {
            return Err(Error::Training(format!(
                "the gradients of micro-batches {range:?} and {of_next:?} do not adjoin"
            )));
        }
        let mut others = next.gradients;
        for (path, var) in parameters.trained() {
            // A parameter that the loss does not depend on gets no gradient and no update, as in PyTorch.
            if let Some(other) = others.remove(&path) {
                let sum = match self.gradients.remove(&path) {
                    Some(sum) => sum.plus(other, var)?,
                    None => other,
                };
                self.gradients.insert(path, sum);
            }
        }
        self.batches.extend(next.batches);
        Ok(self)
    }

    /// What it is, and its values in the order in which [`FineTuning::receive`](super::FineTuning::receive) asks for them.
    ///
    /// # Errors
    /// When a device cannot be read.
    pub fn send(&self, parameters: &Parameters, mut values: impl FnMut(&[f32])) -> Result<StepGradientHeader> {
        let parts = parameters
            .trained()
            .map(|(path, _)| match self.gradients.get(&path) {
                Some(gradient) => gradient.send(&mut values),
                None => Ok(GradientParts::None),
            })
            .collect::<candle_core::Result<_>>()?;
        let micro = self.batches.iter().map(|micro| (micro.loss, micro.n_correct)).collect();
        Ok(StepGradientHeader { first: self.first, micro, parts })
    }
}

/// The two halves of a range of at least two micro-batches; the first is not the smaller one.
#[must_use]
pub fn halves(range: &Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = range.start + range.len().div_ceil(2);
    (range.start..middle, middle..range.end)
}

/// The share of each of `n_sharers` (a power of two): halves of halves, of which the last may be empty.
#[must_use]
pub fn shares(n_micro: usize, n_sharers: usize) -> Vec<Range<usize>> {
    let mut shares = Vec::from_iter(Some(0..n_micro));
    while shares.len() < n_sharers {
        shares = shares
            .iter()
            .flat_map(|range| {
                let (a, b) = halves(range);
                [a, b]
            })
            .collect();
    }
    shares
}

/// The sum of neighbouring parts, as halves of halves; `None` without any.
///
/// # Errors
/// When they are not the shares of one range.
pub fn sum_of_shares(mut parts: Vec<StepGradient>, parameters: &Parameters) -> Result<Option<StepGradient>> {
    match parts.len() {
        0 => Ok(None),
        1 => Ok(parts.pop()),
        _ => {
            let start = parts[0].first;
            let end = parts[parts.len() - 1].range().end;
            let (_, second) = halves(&(start..end));
            let at = parts.iter().position(|part| part.first == second.start);
            let Some(at) = at else {
                return Err(Error::Training(format!(
                    "the gradients are not the shares of micro-batches {start}..{end}"
                )));
            };
            let second = sum_of_shares(parts.split_off(at), parameters)?;
            let first = sum_of_shares(parts, parameters)?;
            match (first, second) {
                (Some(first), Some(second)) => first.join(second, parameters).map(Some),
                (first, second) => Ok(first.or(second)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_halves_of_halves_and_cover_all() {
        assert_eq!(shares(4, 1), Vec::from_iter(Some(0..4)));
        assert_eq!(shares(4, 2), [0..2, 2..4]);
        assert_eq!(shares(4, 4), [0..1, 1..2, 2..3, 3..4]);
        // The last step of an epoch may have fewer.
        assert_eq!(shares(3, 2), [0..2, 2..3]);
        assert_eq!(shares(1, 2), [0..1, 1..1]);
        assert_eq!(shares(2, 4), [0..1, 1..1, 1..2, 2..2]);
    }
}
