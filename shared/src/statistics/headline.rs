//! The two figures of a run: how much of the damage was healed, and how much is still missing.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, difference, resample};
use super::estimate::{Interval, StatisticsError};
use super::scores::Scores;
use crate::Condition;

/// The fewest seeds that a claim about one pair of conditions may rest on: the exact sign-flip test with n pairs cannot
/// go below 2^(1−n), which is 0.0625 for five and 0.031 for six.
pub const MIN_SEEDS_FOR_A_CLAIM: usize = 6;

/// (healed − corrupted) / (reference − corrupted), 1 for full recovery; may exceed 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// As a fraction; none when the denominator lies within its noise.
    pub value: Option<f64>,
    /// Where the true value lies, for as far as it can be told. It exists only where the damage is beyond its noise, so
    /// its confidence holds for such runs, and is below the level for all.
    pub interval: Option<Interval>,
    /// The undamaged model in the denominator.
    #[serde(default = "healthy")]
    pub reference: Condition,
    /// What to know when reading it, such as why it is undefined.
    pub note: Option<String>,
}

/// reference − healed, paired by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deficit {
    /// In percentage points of accuracy; above 0 when healing fell short, below when the healed model is the better one.
    pub points: f64,
    /// Where the true value lies, in percentage points.
    pub interval: Interval,
    /// The undamaged model it is measured from.
    #[serde(default = "healthy")]
    pub reference: Condition,
}

/// What records were compared with before there was a control.
fn healthy() -> Condition {
    Condition::Healthy
}

/// Recovery with its interval, all three conditions resampled together; `reference` says which undamaged model it is.
///
/// Undefined when the interval of the damage (undamaged − corrupted) includes 0, since the ratio then divides by noise, or
/// lies below 0, since there was nothing to heal. Resamples whose damage is not above 0 (less than half of
/// `1 − bootstrap.level` of them, by that rule) count as infinite recovery in the direction of healed − corrupted, which
/// can only widen the interval; should they reach its end, recovery is undefined too.
///
/// # Errors
/// When the conditions are not paired or the settings are out of range.
pub fn recovery(
    (reference, undamaged): (Condition, &Scores),
    corrupted: &Scores,
    healed: &Scores,
    bootstrap: &Bootstrap,
) -> Result<Recovery, StatisticsError> {
    let resamples = resample(&[undamaged, corrupted, healed], bootstrap)?;
    let damage_of = |means: &[f64]| means[0] - means[1];
    let ratio = |means: &[f64]| {
        let (damage, healing) = (damage_of(means), means[2] - means[1]);
        if damage > 0.0 { healing / damage } else { f64::INFINITY.copysign(healing) }
    };
    let Interval { low, high, level } = resamples.estimate(damage_of(&resamples.observed), damage_of).interval;
    let range = format!("{:.0} % interval {low:.4} to {high:.4}", 100.0 * level);
    let undefined = |reason: String| Recovery {
        value: None,
        interval: None,
        reference,
        note: Some(format!("undefined: {reason}")),
    };
    if low <= 0.0 && 0.0 <= high {
        return Ok(undefined(format!("the difference {reference} − corrupted is within noise ({range})")));
    }
    if high < 0.0 {
        return Ok(undefined(format!("the corrupted model is better than the {reference} one ({range})")));
    }
    let recovered = resamples.estimate(ratio(&resamples.observed), ratio);
    if !(recovered.interval.low.is_finite() && recovered.interval.high.is_finite()) {
        return Ok(undefined(format!("the difference {reference} − corrupted is too close to noise ({range})")));
    }
    Ok(Recovery { value: Some(recovered.value), interval: Some(recovered.interval), reference, note: None })
}

/// The deficit of the healed model with its interval; `reference` says which undamaged model it is measured from.
///
/// ```
/// use shared::Condition;
/// use shared::statistics::{Bootstrap, Scores, deficit};
///
/// // Of four rows the healthy model has all right, the healed one three.
/// let healthy = Scores::new(&[vec![1.0, 1.0, 1.0, 1.0]])?;
/// let healed = Scores::new(&[vec![1.0, 0.0, 1.0, 1.0]])?;
/// let deficit = deficit((Condition::Healthy, &healthy), &healed, &Bootstrap::default())?;
/// assert_eq!(deficit.points, 25.0);
/// assert!(deficit.interval.low <= 0.0 && deficit.interval.high >= 50.0); // four rows say little
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
///
/// # Errors
/// When the conditions are not paired or the settings are out of range.
pub fn deficit(
    (reference, undamaged): (Condition, &Scores),
    healed: &Scores,
    bootstrap: &Bootstrap,
) -> Result<Deficit, StatisticsError> {
    let points = difference(undamaged, healed, bootstrap)?.scaled(100.0);
    Ok(Deficit { points: points.value, interval: points.interval, reference })
}

/// healed / undamaged, the share of accuracy that is kept, as the pruning and distillation literature reports it (Sanh et al.
/// 2019, *`DistilBERT`*: "97 % of BERT's performance"); 1 for all, and none when the undamaged model gets nothing right.
///
/// ```
/// use shared::statistics::share_kept;
/// assert_eq!(share_kept(0.9, 0.6), Some(2.0 / 3.0));
/// assert_eq!(share_kept(0.0, 0.6), None);
/// ```
#[must_use]
pub fn share_kept(undamaged: f64, healed: f64) -> Option<f64> {
    (undamaged > 0.0).then(|| healed / undamaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N_ROWS: usize = 1_000;

    /// A condition with so many right rows a seed, the first ones.
    fn right(n_right: &[usize]) -> Scores {
        let rows = |n: usize| (0..N_ROWS).map(|row| f64::from(u8::from(row < n))).collect();
        Scores::new(&n_right.iter().map(|&n| rows(n)).collect::<Vec<_>>()).unwrap()
    }

    fn bootstrap() -> Bootstrap {
        Bootstrap { n_resamples: 2_000, ..Bootstrap::default() }
    }

    fn recovery(healthy: usize, corrupted: usize, healed: usize) -> Recovery {
        let [healthy, corrupted, healed] = [healthy, corrupted, healed].map(|n| right(&[n]));
        super::recovery((Condition::Healthy, &healthy), &corrupted, &healed, &bootstrap()).unwrap()
    }

    #[test]
    fn recovery_is_the_share_of_the_damage_that_was_healed() {
        let recovered = recovery(900, 500, 800);
        assert!((recovered.value.unwrap() - 0.75).abs() < 1e-12);
        // A binomial share of the about 400 damaged rows: ±1.96·√(0.75·0.25/400).
        let interval = recovered.interval.unwrap();
        assert!((interval.high - interval.low - 2.0 * 0.042_4).abs() < 0.006, "{recovered:?}");
        assert_eq!((recovered.reference, recovered.note), (Condition::Healthy, None));
    }

    #[test]
    fn recovery_may_exceed_one_and_fall_below_zero() {
        let of = |healed| recovery(800, 500, healed);
        assert!((of(830).value.unwrap() - 1.1).abs() < 1e-12 && of(830).interval.unwrap().low > 1.0);
        assert!((of(440).value.unwrap() + 0.2).abs() < 1e-12 && of(440).interval.unwrap().high < 0.0);
        let (full, interval) = (of(800).value, of(800).interval.unwrap());
        assert_eq!((full, interval.low, interval.high), (Some(1.0), 1.0, 1.0));
    }

    #[test]
    fn recovery_is_undefined_when_the_damage_is_noise_or_a_gain() {
        let none = recovery(800, 800, 810);
        assert_eq!((none.value, none.interval), (None, None));
        let reason = "undefined: the difference healthy − corrupted is within noise (95 % interval 0.0000 to 0.0000)";
        assert_eq!(none.note.unwrap(), reason);
        // Two rows of damage: a resample has none of them with probability e^-2.
        assert_eq!(recovery(800, 798, 800).value, None);
        let gain = recovery(800, 900, 950);
        assert!(gain.note.unwrap().starts_with("undefined: the corrupted model is better than the healthy one"));
    }

    #[test]
    fn figures_of_before_the_control_were_measured_from_the_healthy_model() {
        let interval = r#"{"low":0.5,"high":2.5,"level":0.95}"#;
        let deficit: Deficit = serde_json::from_str(&format!(r#"{{"points":1.5,"interval":{interval}}}"#)).unwrap();
        assert_eq!(deficit.reference, Condition::Healthy);
        let recovery: Recovery = serde_json::from_str(r#"{"value":null,"interval":null,"note":"undefined"}"#).unwrap();
        assert_eq!(recovery.reference, Condition::Healthy);
    }

    #[test]
    fn deficit_is_in_percentage_points_with_its_interval() {
        let control = right(&[900]);
        let deficit = deficit((Condition::Control, &control), &right(&[880]), &bootstrap()).unwrap();
        assert!((deficit.points - 2.0).abs() < 1e-9);
        // 20 of 1,000 rows differ: ±1.96·√20 rows, so ±0.87 points.
        let Interval { low, high, .. } = deficit.interval;
        assert!((low - 1.13).abs() < 0.15 && (high - 2.87).abs() < 0.15, "{deficit:?}");
        assert_eq!(deficit.reference, Condition::Control);
    }
}
