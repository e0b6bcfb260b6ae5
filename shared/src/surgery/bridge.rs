//! The straight line between two models: whether they lie in one basin.
//!
//! Accuracy and loss at points `(1 − t)·a + t·b` of the weights (Goodfellow et al., *Qualitatively Characterizing Neural
//! Network Optimization Problems*, 2015). Where the loss nowhere rises above the line between its two ends, the models are
//! linearly connected (Frankle et al., *Linear Mode Connectivity and the Lottery Ticket Hypothesis*, 2020); how far it
//! does is the barrier.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::evaluation::Metrics;
use crate::model::Parameters;

/// Points of a line with both its ends.
pub const BRIDGE_POINTS: usize = 11;

/// What a model on the line is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgePoint {
    /// How far along the line, 0–1.
    pub t: f64,
    /// Share of rows whose class is right, 0–1.
    pub accuracy: f64,
    /// Mean cross-entropy in nats; none when a row is not finite.
    pub loss: Option<f64>,
    /// Rows with a logit that is not finite, all counted as wrong.
    pub n_non_finite: usize,
}

impl BridgePoint {
    /// What was measured at `t`.
    #[must_use]
    pub fn new(t: f64, metrics: &Metrics) -> Self {
        let Metrics { accuracy, loss, n_non_finite, .. } = *metrics;
        Self { t, accuracy, loss, n_non_finite }
    }
}

/// The places of the points, 0 to 1.
#[must_use]
pub fn bridge_places() -> [f64; BRIDGE_POINTS] {
    std::array::from_fn(|i| i as f64 / (BRIDGE_POINTS - 1) as f64)
}

/// Gives `target` the weights `(1 − t)·from + t·to`, rounded once; at the ends they are those of `from` and of `to` bit for
/// bit. A tensor that all three share stays shared.
///
/// # Errors
/// When a parameter of `target` is missing in one of them, or of another size there.
pub fn interpolate(target: &mut Parameters, from: &Parameters, to: &Parameters, t: f64) -> Result<()> {
    let paths: Vec<_> = target.paths().collect();
    for path in paths {
        let shared = target.get(path)?.id();
        if from.get(path)?.id() == shared && to.get(path)?.id() == shared {
            continue;
        }
        let values = if t <= 0.0 {
            from.to_vec(path)?
        } else if t >= 1.0 {
            to.to_vec(path)?
        } else {
            let between = |(a, b): (&f32, &f32)| ((1.0 - t) * f64::from(*a) + t * f64::from(*b)) as f32;
            from.to_vec(path)?.iter().zip(&to.to_vec(path)?).map(between).collect()
        };
        target.set(path, values)?;
    }
    Ok(())
}

/// The highest that `value` rises above the line between its two ends, at least 0; none when a point has none.
#[must_use]
pub fn barrier(points: &[BridgePoint], value: impl Fn(&BridgePoint) -> Option<f64>) -> Option<f64> {
    let (first, last) = (value(points.first()?)?, value(points.last()?)?);
    let above = |point: &BridgePoint| Some(value(point)? - ((1.0 - point.t) * first + point.t * last));
    points.iter().map(above).try_fold(0.0, |highest, above| Some(f64::max(highest, above?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, Module, ParameterPath};
    use candle_core::{Device, Tensor};

    fn one(values: [f32; 2]) -> Parameters {
        let tensor = Tensor::new(&values, &Device::Cpu).unwrap();
        Parameters::new(Architecture::Bert, [(ParameterPath::bias(Module::Pooler), tensor)]).unwrap()
    }

    #[test]
    fn the_ends_of_a_bridge_are_the_models_themselves_and_its_middle_is_their_mean() {
        let (from, to) = (one([1.0, f32::INFINITY]), one([1e-8, 2.0]));
        let mut target = one([0.0; 2]);
        let at = |t: f64, target: &mut Parameters| {
            interpolate(target, &from, &to, t).unwrap();
            target.to_vec(ParameterPath::bias(Module::Pooler)).unwrap()
        };
        assert_eq!(at(0.0, &mut target), [1.0, f32::INFINITY]);
        assert_eq!(at(1.0, &mut target), [1e-8, 2.0]);
        assert_eq!(at(0.5, &mut target)[0], 0.5 + 5e-9);
        assert_eq!(bridge_places()[10], 1.0);
    }

    #[test]
    fn a_barrier_is_what_rises_above_the_line_between_the_ends() {
        let point = |t, loss| BridgePoint { t, accuracy: 0.5, loss, n_non_finite: 0 };
        let points = [point(0.0, Some(1.0)), point(0.5, Some(4.0)), point(1.0, Some(2.0))];
        assert_eq!(barrier(&points, |point| point.loss), Some(2.5));
        assert_eq!(barrier(&points, |point| point.loss.map(|loss| -loss)), Some(0.0), "a valley is no barrier");
        assert_eq!(barrier(&points, |point| Some(point.accuracy)), Some(0.0));
        assert_eq!(barrier(&[point(0.0, Some(1.0)), point(1.0, None)], |point| point.loss), None);
    }
}
