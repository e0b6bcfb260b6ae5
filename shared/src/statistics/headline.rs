//! The two figures of a run: how much of the damage was healed, and how much is still missing.

use serde::{Deserialize, Serialize};

use super::bootstrap::{difference, resample};
use super::{Bootstrap, Equivalence, Estimate, Scores, StatisticsError};

/// The fewest seeds that a claim about one pair of conditions may rest on: the exact sign-flip test with n pairs cannot
/// go below 2^(1−n), which is 0.0625 for five and 0.031 for six.
pub const MIN_SEEDS_FOR_A_CLAIM: usize = 6;

/// (healed − corrupted) / (healthy − corrupted), 1 for full recovery; may exceed 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// The figure, unless it is undefined.
    pub recovered: Option<Estimate>,
    /// Why it is undefined; `None` exactly when it is defined.
    pub undefined_because: Option<String>,
    /// The denominator, healthy − corrupted, as a fraction.
    pub damage: Estimate,
}

/// healthy − healed in percentage points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deficit {
    /// The figure, in percentage points; above 0 when healing fell short.
    pub points: Estimate,
    /// Seeds it rests on.
    pub n_seeds: usize,
    /// Rows it rests on.
    pub n_rows: usize,
}

/// What a deficit allows to be said. A difference that is merely not significant says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of the deficit lies above 0.
    DoesNotFullyRecover,
    /// The difference was shown to be within the margin of equivalence.
    FullyRecovers,
    /// Both: a deficit that is there and too small to matter.
    DeficitWithinMargin,
    /// Neither, or too few seeds for a claim.
    Undecided,
}

/// Recovery with its interval, all three conditions resampled together.
///
/// Undefined when the interval of the damage (healthy − corrupted) includes 0, since the ratio then divides by noise, or
/// lies below 0, since there was nothing to heal. Resamples whose damage is not above 0 (less than half of
/// `1 − bootstrap.level` of them, by that rule) count as infinite recovery in the direction of healed − corrupted, which
/// can only widen the interval; should they reach its end, recovery is undefined too.
///
/// # Errors
/// When the conditions are not paired or the settings are out of range.
pub fn recovery(
    healthy: &Scores,
    corrupted: &Scores,
    healed: &Scores,
    bootstrap: &Bootstrap,
) -> Result<Recovery, StatisticsError> {
    let resamples = resample(&[healthy, corrupted, healed], bootstrap)?;
    let damage_of = |means: &[f64]| means[0] - means[1];
    let ratio = |means: &[f64]| {
        let (damage, healing) = (damage_of(means), means[2] - means[1]);
        if damage > 0.0 { healing / damage } else { f64::INFINITY.copysign(healing) }
    };
    let damage = resamples.estimate(damage_of(&resamples.observed), damage_of);
    let undefined = |reason: String, damage| Recovery { recovered: None, undefined_because: Some(reason), damage };

    let percent = |level: f64| 100.0 * level;
    let interval = format!("{:.0} % interval {:.4} to {:.4}", percent(damage.level), damage.low, damage.high);
    if damage.includes_zero() {
        return Ok(undefined(format!("healthy − corrupted lies within its noise ({interval})"), damage));
    }
    if damage.high < 0.0 {
        return Ok(undefined(format!("the corrupted model is better than the healthy one ({interval})"), damage));
    }
    let recovered = resamples.estimate(ratio(&resamples.observed), ratio);
    if !(recovered.low.is_finite() && recovered.high.is_finite()) {
        return Ok(undefined(format!("healthy − corrupted is too close to its noise ({interval})"), damage));
    }
    Ok(Recovery { recovered: Some(recovered), undefined_because: None, damage })
}

/// The deficit of the healed model with its interval.
///
/// # Errors
/// When the conditions are not paired or the settings are out of range.
pub fn deficit(healthy: &Scores, healed: &Scores, bootstrap: &Bootstrap) -> Result<Deficit, StatisticsError> {
    let points = difference(healthy, healed, bootstrap)?.scaled(100.0);
    Ok(Deficit { points, n_seeds: healthy.n_seeds(), n_rows: healthy.n_rows() })
}

/// What may be said of a deficit and the equivalence test of the same two conditions.
#[must_use]
pub fn verdict(deficit: &Deficit, equivalence: &Equivalence) -> Verdict {
    if deficit.n_seeds < MIN_SEEDS_FOR_A_CLAIM {
        return Verdict::Undecided;
    }
    match (deficit.points.low > 0.0, equivalence.is_equivalent) {
        (true, true) => Verdict::DeficitWithinMargin,
        (true, false) => Verdict::DoesNotFullyRecover,
        (false, true) => Verdict::FullyRecovers,
        (false, false) => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{DEFAULT_MARGIN, equivalence};

    const N_ROWS: usize = 1_000;

    /// A condition with so many right rows a seed, the first ones.
    fn right(n_right: &[usize]) -> Scores {
        let rows = |n: usize| (0..N_ROWS).map(|row| f64::from(u8::from(row < n))).collect();
        Scores::new(&n_right.iter().map(|&n| rows(n)).collect::<Vec<_>>()).unwrap()
    }

    fn bootstrap() -> Bootstrap {
        Bootstrap { n_resamples: 2_000, ..Bootstrap::default() }
    }

    #[test]
    fn recovery_is_the_share_of_the_damage_that_was_healed() {
        let recovery = recovery(&right(&[900]), &right(&[500]), &right(&[800]), &bootstrap()).unwrap();
        let recovered = recovery.recovered.unwrap();
        assert!((recovered.value - 0.75).abs() < 1e-12);
        // A binomial share of the about 400 damaged rows: ±1.96·√(0.75·0.25/400).
        assert!((recovered.high - recovered.low - 2.0 * 0.042_4).abs() < 0.006, "{recovered:?}");
        assert!((recovery.damage.value - 0.4).abs() < 1e-12);
        assert_eq!(recovery.undefined_because, None);
    }

    #[test]
    fn recovery_may_exceed_one_and_fall_below_zero() {
        let of = |healed| {
            recovery(&right(&[800]), &right(&[500]), &right(&[healed]), &bootstrap()).unwrap().recovered.unwrap()
        };
        assert!((of(830).value - 1.1).abs() < 1e-12 && of(830).low > 1.0);
        assert!((of(440).value + 0.2).abs() < 1e-12 && of(440).high < 0.0);
        let full = of(800);
        assert_eq!((full.value, full.low, full.high), (1.0, 1.0, 1.0));
    }

    #[test]
    fn recovery_is_undefined_when_the_damage_is_noise_or_a_gain() {
        let none = recovery(&right(&[800]), &right(&[800]), &right(&[810]), &bootstrap()).unwrap();
        assert_eq!(none.recovered, None);
        let reason = none.undefined_because.unwrap();
        assert_eq!(reason, "healthy − corrupted lies within its noise (95 % interval 0.0000 to 0.0000)");
        // Two rows of damage: a resample has none of them with probability e^-2.
        let little = recovery(&right(&[800]), &right(&[798]), &right(&[800]), &bootstrap()).unwrap();
        assert!(little.recovered.is_none() && little.damage.includes_zero(), "{little:?}");
        let gain = recovery(&right(&[800]), &right(&[900]), &right(&[950]), &bootstrap()).unwrap();
        assert!(gain.undefined_because.unwrap().starts_with("the corrupted model is better"));
    }

    #[test]
    fn recovery_survives_json_in_both_forms() {
        for healthy in [900, 500] {
            let made = recovery(&right(&[healthy]), &right(&[500]), &right(&[800]), &bootstrap()).unwrap();
            let json = serde_json::to_string(&made).unwrap();
            assert_eq!(serde_json::from_str::<Recovery>(&json).unwrap(), made);
        }
    }

    #[test]
    fn deficit_is_in_percentage_points_with_its_interval() {
        let deficit = deficit(&right(&[900]), &right(&[880]), &bootstrap()).unwrap();
        assert!((deficit.points.value - 2.0).abs() < 1e-9);
        // 20 of 1,000 rows differ: ±1.96·√20 rows, so ±0.87 points.
        assert!((deficit.points.low - 1.13).abs() < 0.15 && (deficit.points.high - 2.87).abs() < 0.15, "{deficit:?}");
        assert_eq!((deficit.n_seeds, deficit.n_rows), (1, N_ROWS));
    }

    #[test]
    fn a_verdict_needs_six_seeds_and_a_test_that_decides() {
        let of = |healthy: &[usize], healed: &[usize]| {
            let (healthy, healed) = (right(healthy), right(healed));
            verdict(
                &deficit(&healthy, &healed, &bootstrap()).unwrap(),
                &equivalence(&healthy, &healed, DEFAULT_MARGIN, &bootstrap()).unwrap(),
            )
        };
        assert_eq!(of(&[900; 6], &[850; 6]), Verdict::DoesNotFullyRecover);
        assert_eq!(of(&[900; 5], &[850; 5]), Verdict::Undecided, "five seeds are too few");
        assert_eq!(of(&[900; 6], &[900; 6]), Verdict::FullyRecovers);
        assert_eq!(of(&[900; 6], &[890, 912, 886, 915, 884, 913]), Verdict::Undecided);
    }
}
