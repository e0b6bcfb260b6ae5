//! The one rule.

use serde::{Deserialize, Serialize};

use super::contrast::{Contrast, Pair, groups};
use super::{ClaimsError, ClaimsFile, Experiment, Family, Measure, Question, Run};
use crate::statistics::{
    Estimate, Interval, MAX_EXACT_PAIRS, MIN_SEEDS_FOR_A_CLAIM, Method, Scores, StatisticsError, crossed_mean, holm,
    normal_quantile, paired_tost, pairs_needed, sampled_sign_flip_p_value, sign_flip_floor, sign_flip_p_value,
    student_mean,
};

/// Confidence of the intervals beside outcomes.
const LEVEL: f64 = 0.95;

/// The chance with which [`Judgement::seeds_to_decide`] would decide an effect of the size that is seen.
const POWER: f64 = 0.8;

/// Beyond this number of seeds an effect is too small to speak of a number.
const MOST_SEEDS: f64 = 1_000.0;

/// What may be said of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The first is worse than the second; for a slope: more damage leaves less.
    Worse,
    /// The effect lies within the margin.
    Equivalent,
    /// The first is better than the second.
    Better,
    /// None of these can be said.
    Undecided,
}

impl Outcome {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Equivalent => "equivalent",
            Self::Better => "better",
            Self::Undecided => "undecided",
        }
    }
}

/// A claim judged on one experiment. [`Display`](std::fmt::Display) is the one sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The claim's name.
    pub claim: String,
    /// What it asks.
    pub question: Question,
    /// What the effect is measured by.
    pub measure: Measure,
    /// Its family.
    pub family: Family,
    /// Judgements in the family, claims without any run included: what p-values are corrected for.
    pub family_size: usize,
    /// α of the family.
    pub alpha: f64,
    /// What is compared, such as `healed against control, kaiming@bottom:0.5`.
    pub subject: String,
    /// The plan, where the question is about one.
    pub plan: Option<String>,
    /// Model, dataset, protocol, budget, numerics.
    pub experiment: Experiment,
    /// What may be said.
    pub outcome: Outcome,
    /// The mean over pairs, in percentage points (of accuracy or of recovery; for a slope over all layers); above 0 when the
    /// first is better. None without a pair.
    pub effect_points: Option<f64>,
    /// Its 95 % interval in percentage points, not adjusted for the number of claims; none with fewer than two pairs.
    pub interval_points: Option<Interval>,
    /// [`Method::Crossed`] when the interval is over new seeds and new rows, [`Method::Student`] when over new seeds alone.
    pub interval_method: Option<Method>,
    /// Effects within ± this are equivalent, in percentage points.
    pub margin_points: f64,
    /// Pairs of seeds.
    pub n_pairs: usize,
    /// Rows that each model was judged on; none without a pair.
    pub n_rows: Option<usize>,
    /// The sign-flip p-value; 1 without a pair.
    pub p: f64,
    /// The same, adjusted by Holm within the family.
    pub adjusted_p: f64,
    /// The least that the p-value of so many pairs can be.
    pub p_floor: f64,
    /// The p-value of the two one-sided tests against the margin, adjusted by Holm within the family; 1 with too few pairs.
    pub adjusted_equivalence_p: f64,
    /// Healings that broke off and stand with their corrupted accuracy.
    pub n_failed: usize,
    /// Rows of all models compared that are not finite and count as wrong.
    pub n_non_finite: usize,
    /// Seeds left out since a model, or under [`Measure::Recovery`] a loss to recover from, is missing.
    pub n_unpaired: usize,
    /// Mean recovery, 0–1; only for full recovery under `finetuned`.
    pub recovery: Option<f64>,
    /// healed / undamaged, 0–1; only for full recovery.
    pub kept: Option<f64>,
    /// For an undecided claim: about how many pairs of seeds would decide that there is a difference, if it is as large as
    /// it looks (with a chance of 80 %), and at least as many as the family's correction asks for. None when there is no
    /// telling: too few pairs, or an effect that over 1,000 seeds would not show.
    pub seeds_to_decide: Option<usize>,
    /// Standard deviation of the pairs' effects, in percentage points; none with fewer than two.
    pub spread_points: Option<f64>,
}

/// Judges every claim on every experiment that it is about; within a family all judgements share one Holm correction, and a
/// claim that names a model, dataset, plan, scheme, end or level of which there are no runs counts as one that is undecided.
/// So a family does not get smaller because runs are missing.
/// Runs of earlier versions are superseded: nothing is claimed of them, and they count for nothing.
///
/// # Errors
/// When the claims file is out of range.
///
/// # Panics
/// Never: p-values lie in 0..=1.
pub fn judge(file: &ClaimsFile, runs: &[Run]) -> Result<Vec<Judgement>, ClaimsError> {
    file.check()?;
    let groups = groups(runs);
    let mut judgements = Vec::new();
    let mut n_without_runs = [0_usize; 2];
    for claim in &file.claims {
        let contrasts: Vec<Contrast> = groups.iter().flat_map(|group| group.contrasts(claim)).collect();
        if contrasts.is_empty() && claim.names_something() {
            n_without_runs[claim.family as usize] += 1;
        }
        judgements.extend(contrasts.iter().map(|contrast| measured(file.alpha, contrast)));
    }
    for family in [Family::Primary, Family::Secondary] {
        let members: Vec<usize> = (0..judgements.len()).filter(|i| judgements[*i].family == family).collect();
        let adjusted = |p: &dyn Fn(&Judgement) -> f64| {
            let nothing = std::iter::repeat_n(1.0, n_without_runs[family as usize]);
            let all: Vec<f64> = members.iter().map(|i| p(&judgements[*i])).chain(nothing).collect();
            holm(&all).expect("p-values lie in 0..=1")
        };
        let (of_difference, of_equivalence) = (adjusted(&|j| j.p), adjusted(&|j| j.adjusted_equivalence_p));
        for (place, i) in members.into_iter().enumerate() {
            let judgement = &mut judgements[i];
            judgement.family_size = of_difference.len();
            judgement.adjusted_p = of_difference[place];
            judgement.adjusted_equivalence_p = of_equivalence[place];
            judgement.decide();
        }
    }
    Ok(judgements)
}

impl Judgement {
    fn decide(&mut self) {
        let effect = self.effect_points.unwrap_or(0.0);
        self.outcome = if self.adjusted_p <= self.alpha {
            if effect < 0.0 { Outcome::Worse } else { Outcome::Better }
        } else if self.adjusted_equivalence_p <= self.alpha {
            Outcome::Equivalent
        } else {
            Outcome::Undecided
        };
        if self.outcome == Outcome::Undecided {
            let at_least = pairs_needed(self.family_size, self.alpha) as f64;
            self.seeds_to_decide = self
                .seeds_to_decide_alone()
                .map(|n| n.max(at_least).max(self.n_pairs as f64 + 1.0))
                .filter(|n| *n <= MOST_SEEDS)
                .map(|n| n as usize);
        }
    }

    /// `n = ((z_(1−α/2m) + z_power)·s/d̄)²`, the usual size of a study of paired differences in normal approximation, for the
    /// first step of Holm's correction.
    fn seeds_to_decide_alone(&self) -> Option<f64> {
        let (effect, spread) = (self.effect_points?, self.spread_points?);
        let z = normal_quantile(1.0 - self.alpha / (2.0 * self.family_size as f64)) + normal_quantile(POWER);
        (effect != 0.0).then(|| (z * spread / effect).powi(2).ceil())
    }

    /// Whether the interval beside the outcome agrees with it.
    #[must_use]
    pub fn is_borne_out(&self) -> bool {
        let Some(Interval { low, high, .. }) = self.interval_points else { return self.outcome == Outcome::Undecided };
        match self.outcome {
            Outcome::Worse => high < 0.0,
            Outcome::Better => low > 0.0,
            Outcome::Equivalent => -self.margin_points <= low && high <= self.margin_points,
            Outcome::Undecided => true,
        }
    }
}

/// All but the family's correction.
fn measured(alpha: f64, contrast: &Contrast) -> Judgement {
    let claim = contrast.claim;
    let effects: Vec<f64> = contrast.pairs.iter().map(|pair| 100.0 * pair.effect).collect();
    let n = effects.len();
    let mean = (n > 0).then(|| effects.iter().sum::<f64>() / n as f64);
    let estimate = interval(contrast, &effects).ok();
    let n_rows = contrast.pairs.first().and_then(|pair| pair.terms.first()).map(|(_, arm)| arm.n_rows);
    // The step in which an effect can be read: one row more that the model of the largest weight gets right.
    let steps =
        contrast.pairs.iter().flat_map(|pair| &pair.terms).map(|(weight, arm)| weight.abs() / arm.n_rows as f64);
    let resolution = 100.0 * steps.fold(0.0, f64::max);
    let equivalence = (n >= MIN_SEEDS_FOR_A_CLAIM)
        .then(|| paired_tost(&effects, [-claim.margin_points, claim.margin_points], resolution).ok())
        .flatten();
    let squares = mean.map(|mean| effects.iter().map(|effect| (effect - mean).powi(2)).sum::<f64>());
    let terms = || contrast.pairs.iter().flat_map(|pair| &pair.terms);
    Judgement {
        claim: claim.name.clone(),
        question: claim.question,
        measure: contrast.measure,
        family: claim.family,
        family_size: 1,
        alpha,
        subject: contrast.subject.clone(),
        plan: contrast.plan.clone(),
        experiment: contrast.experiment.clone(),
        outcome: Outcome::Undecided,
        effect_points: mean,
        interval_points: estimate.map(|estimate| estimate.interval),
        interval_method: estimate.map(|estimate| estimate.method),
        margin_points: claim.margin_points,
        n_pairs: n,
        n_rows,
        p: p_value(&effects),
        adjusted_p: 1.0,
        p_floor: if n == 0 { 1.0 } else { sign_flip_floor(n) },
        adjusted_equivalence_p: equivalence.map_or(1.0, |tost| tost.p()),
        n_failed: contrast.pairs.iter().map(|pair| pair.n_failed).sum(),
        n_non_finite: terms().map(|(_, arm)| arm.n_non_finite).sum(),
        n_unpaired: contrast.n_unpaired,
        recovery: contrast.recovery,
        kept: contrast.kept,
        seeds_to_decide: None,
        spread_points: squares.filter(|_| n > 1).map(|squares| libm::sqrt(squares / (n - 1) as f64)),
    }
}

/// Exact as long as all patterns can be listed.
fn p_value(effects: &[f64]) -> f64 {
    let p = match effects.len() {
        0 => return 1.0,
        n if n <= MAX_EXACT_PAIRS => sign_flip_p_value(effects),
        _ => sampled_sign_flip_p_value(effects),
    };
    p.unwrap_or(1.0)
}

/// Over new seeds and new rows where every model's rows are known, else over new seeds on these rows.
fn interval(contrast: &Contrast, effects: &[f64]) -> Result<Estimate, StatisticsError> {
    if effects.len() < 2 {
        return Err(StatisticsError::PairCount { got: effects.len() });
    }
    let Some(by_seed) = contrast.pairs.iter().map(Pair::by_row).collect::<Option<Vec<_>>>() else {
        return student_mean(effects, LEVEL);
    };
    let scores = Scores::new(&by_seed)?;
    let square = |pair: &Pair| pair.terms.iter().map(|(weight, _)| weight * weight).sum::<f64>();
    let weight = libm::sqrt(contrast.pairs.iter().map(square).sum::<f64>() / effects.len() as f64);
    Ok(crossed_mean(&scores, &[weight], LEVEL)?.scaled(100.0))
}
