//! Which part of a damaged model is to blame: the difference between two models, shared out among their parts.
//!
//! A game in the sense of Shapley (1953): the players are the parts, a coalition is a mix of the two models in which those
//! parts are damaged, and what is shared out is what the damage costs, `v(healthy) − v(damaged)`, of an accuracy or a margin.
//! Up to [`MAX_EXACT_LAYERS`] layers every mix is computed and the values are exact. Above that they are means over orders in
//! which the parts are damaged one after another, each order with its reverse (antithetic pairs: Mitchell et al., *Sampling
//! Permutations for Shapley Value Estimation*, JMLR 2022), and have an interval.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::players::{Mix, Players};
use super::shapley::{shapley_values, value_in_order};
use crate::random::Seed;
use crate::statistics::{Interval, student_mean};

/// Up to so many layers all mixes are computed: 512 with the rest.
pub const MAX_EXACT_LAYERS: usize = 8;

/// Confidence of the intervals over sampled orders.
const LEVEL: f64 = 0.95;

/// Which mixes are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Design {
    /// All of them.
    Exact(Players),
    /// Those on the way from healthy to damaged in these orders, each of which has its reverse beside it.
    Sampled(Players, Vec<[Vec<usize>; 2]>),
}

/// A difference between two models, shared out among their parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blame {
    /// What the mix without any damaged part is worth.
    pub healthy: f64,
    /// What the mix with all parts damaged is worth.
    pub damaged: f64,
    /// What each part costs, in the order of [`Players`].
    pub parts: Vec<PartBlame>,
    /// The sum over the parts: healthy − damaged but for rounding.
    pub sum: f64,
}

/// What one part's damage costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartBlame {
    /// `layer 0`, …, `rest`.
    pub part: String,
    /// Its Shapley value; above 0 where its damage lowers what is measured.
    pub value: f64,
    /// Where the value lies that all orders would give; none where it is exact.
    pub interval: Option<Interval>,
}

impl Design {
    /// All mixes where that can be done, else those of `n_pairs` pairs of orders drawn from `seed`.
    #[must_use]
    pub fn new(players: Players, n_pairs: usize, seed: Seed) -> Self {
        if players.n_layers <= MAX_EXACT_LAYERS {
            return Self::Exact(players);
        }
        let pair = |i: usize| {
            let mut order: Vec<usize> = (0..players.count()).collect();
            seed.stream_at("blame", "order", i as u64).shuffle(&mut order);
            let reversed = order.iter().rev().copied().collect();
            [order, reversed]
        };
        Self::Sampled(players, (0..n_pairs).map(pair).collect())
    }

    /// The parts.
    #[must_use]
    pub fn players(&self) -> Players {
        match self {
            Self::Exact(players) | Self::Sampled(players, _) => *players,
        }
    }

    /// The mixes whose worth is needed, in ascending order.
    #[must_use]
    pub fn mixes(&self) -> Vec<Mix> {
        match self {
            Self::Exact(players) => (0..1 << players.count()).map(Mix).collect(),
            Self::Sampled(_, pairs) => {
                let mut mixes = BTreeSet::from([Mix::default()]);
                for order in pairs.iter().flatten() {
                    let damaged_so_far = order.iter().scan(Mix::default(), |mix, part| {
                        *mix = mix.with(*part);
                        Some(*mix)
                    });
                    mixes.extend(damaged_so_far);
                }
                mixes.into_iter().collect()
            }
        }
    }

    /// Shares out what the damage costs. `worth` is asked for the mixes of [`Design::mixes`]. None when the worth of one of
    /// them is not finite, or fewer than two pairs of orders were sampled.
    #[must_use]
    pub fn blame(&self, worth: impl Fn(Mix) -> f64) -> Option<Blame> {
        let players = self.players();
        let (healthy, damaged) = (worth(Mix::default()), worth(players.all_damaged()));
        let cost = |mix: u64| healthy - worth(Mix(mix));
        let n = players.count();
        let values: Vec<(f64, Option<Interval>)> = match self {
            Self::Exact(_) => {
                let costs: Vec<f64> = (0..1 << n).map(cost).collect();
                shapley_values(n, &costs).into_iter().map(|value| (value, None)).collect()
            }
            Self::Sampled(_, pairs) => {
                let of_pair = |[order, reversed]: &[Vec<usize>; 2]| -> Vec<f64> {
                    let (there, back) = (value_in_order(order, cost), value_in_order(reversed, cost));
                    there.iter().zip(back).map(|(a, b)| f64::midpoint(*a, b)).collect()
                };
                let by_pair: Vec<Vec<f64>> = pairs.iter().map(of_pair).collect();
                let of_part = |part: usize| {
                    let values: Vec<f64> = by_pair.iter().map(|values| values[part]).collect();
                    let mean = student_mean(&values, LEVEL).ok()?;
                    Some((mean.value, Some(mean.interval)))
                };
                (0..n).map(of_part).collect::<Option<_>>()?
            }
        };
        let sum = values.iter().map(|(value, _)| value).sum::<f64>();
        let part = |(i, (value, interval))| PartBlame { part: players.label(i), value, interval };
        let parts = values.into_iter().enumerate().map(part).collect();
        // Every mix that was asked for is part of the sum.
        sum.is_finite().then_some(Blame { healthy, damaged, parts, sum })
    }
}

#[cfg(test)]
mod tests {
    use super::super::players::Rest;
    use super::*;

    fn worth(mix: Mix) -> f64 {
        // Each part costs its number, parts 1 and 2 a point more together; one pair of 13 parts is a small disturbance.
        let own: f64 = (0..13).filter(|part| mix.has(*part)).map(|part| part as f64).sum();
        100.0 - own - if mix.has(1) && mix.has(2) { 1.0 } else { 0.0 }
    }

    #[test]
    fn blame_is_what_the_damage_costs_and_sums_to_the_difference() {
        let players = Players { n_layers: 3, rest: Rest::Player };
        let design = Design::new(players, 0, Seed(0));
        assert_eq!((design.mixes().len(), &design), (16, &Design::Exact(players)));
        let blame = design.blame(worth).unwrap();
        let values: Vec<(&str, f64)> = blame.parts.iter().map(|part| (part.part.as_str(), part.value)).collect();
        let expected = [("layer 0", 0.0), ("layer 1", 1.5), ("layer 2", 2.5), ("rest", 3.0)];
        assert!(values.iter().zip(expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-12), "{values:?}");
        assert!((blame.sum - (blame.healthy - blame.damaged)).abs() < 1e-12, "{blame:?}");
        assert_eq!(design.blame(|mix| if mix == Mix(5) { f64::NAN } else { 0.0 }), None, "a mix without a worth");
    }

    #[test]
    fn many_layers_are_sampled_in_antithetic_orders_with_intervals_that_hold_the_exact_values() {
        let players = Players { n_layers: 12, rest: Rest::Player };
        let design = Design::new(players, 40, Seed(7));
        assert_eq!(design, Design::new(players, 40, Seed(7)));
        assert_ne!(design, Design::new(players, 40, Seed(8)));
        let n_mixes = design.mixes().len();
        assert!((500..=2 + 80 * 12).contains(&n_mixes), "{n_mixes}");
        let blame = design.blame(worth).unwrap();
        assert!((blame.sum - (blame.healthy - blame.damaged)).abs() < 1e-9, "{blame:?}");
        for (i, part) in blame.parts.iter().enumerate() {
            let exact = i as f64 + if [1, 2].contains(&i) { 0.5 } else { 0.0 };
            let interval = part.interval.unwrap();
            // An order and its reverse cancel in a game of pairs: nothing is left to chance but rounding.
            assert!((part.value - exact).abs() < 1e-9, "{part:?}");
            assert!(interval.low <= part.value && part.value <= interval.high, "{part:?}");
        }
        let three = |mix: Mix| if [1, 2, 3].iter().all(|part| mix.has(*part)) { 0.0 } else { 3.0 };
        let blame = design.blame(three).unwrap();
        let wide = &blame.parts[1];
        assert!((wide.interval.unwrap().high - wide.interval.unwrap().low) > 0.1, "{wide:?}");
        assert_eq!(Design::new(players, 1, Seed(7)).blame(worth), None, "one pair has no interval");
    }
}
