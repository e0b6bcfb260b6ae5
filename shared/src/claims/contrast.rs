//! From runs to one effect for each seed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Arm, Claim, Damage, End, Experiment, Measure, Question, Run};
use crate::Condition;
use crate::record::{Protocol, Seeds};
use crate::statistics::share_kept;

/// One question about one experiment, with what each seed answers.
pub(super) struct Contrast<'a> {
    pub(super) claim: &'a Claim,
    pub(super) experiment: &'a Experiment,
    pub(super) measure: Measure,
    /// What is compared, such as `healed against control, kaiming@bottom:0.5`.
    pub(super) subject: String,
    /// The plan, where the question is about one.
    pub(super) plan: Option<String>,
    /// By seed.
    pub(super) pairs: Vec<Pair<'a>>,
    /// Seeds that could not be paired.
    pub(super) n_unpaired: usize,
    /// Mean recovery and share kept, where the question is about one plan.
    pub(super) recovery: Option<f64>,
    pub(super) kept: Option<f64>,
}

/// What one seed answers.
pub(super) struct Pair<'a> {
    /// Above 0 when the first is better, as a fraction.
    pub(super) effect: f64,
    /// How the effect changes with each model's accuracy, to first order.
    pub(super) terms: Vec<(f64, &'a Arm)>,
    /// Healings that broke off.
    pub(super) n_failed: usize,
}

impl Pair<'_> {
    /// The effect by row, if every model's rows are known: `effect + Σ w·(right − accuracy)`, whose mean is the effect.
    pub(super) fn by_row(&self) -> Option<Vec<f64>> {
        let (_, first) = self.terms.first()?;
        let digest = first.rows.as_ref()?.digest;
        let mut by_row = vec![self.effect; first.n_rows];
        for (weight, arm) in &self.terms {
            let rows = arm.rows.as_ref().filter(|rows| rows.digest == digest)?;
            for (value, is_right) in by_row.iter_mut().zip(rows.are_right.iter()) {
                *value += weight * (f64::from(u8::from(*is_right)) - arm.accuracy);
            }
        }
        Some(by_row)
    }
}

type BySeeds<'a> = BTreeMap<[u64; 4], &'a Run>;
/// By level in millionths, which no plan's level is finer than.
type Levels<'g, 'a> = BTreeMap<u64, (Damage, &'g BySeeds<'a>)>;

fn key(seeds: &Seeds) -> [u64; 4] {
    [seeds.corruption.0, seeds.head.0, seeds.data.0, seeds.split.0]
}

/// The runs of one experiment, each seed of a plan once: the first that is given.
pub(super) struct Group<'a> {
    experiment: &'a Experiment,
    by_plan: BTreeMap<&'a str, BySeeds<'a>>,
}

/// Groups of this version's runs that may be put together, by name.
pub(super) fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut by_id: BTreeMap<&str, Group> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.experiment.superseded.is_none()) {
        let group = by_id
            .entry(run.experiment.id())
            .or_insert_with(|| Group { experiment: &run.experiment, by_plan: BTreeMap::new() });
        group.by_plan.entry(&run.plan).or_default().entry(key(&run.seeds)).or_insert(run);
    }
    let mut groups: Vec<Group> = by_id.into_values().collect();
    groups.sort_by_key(|group| (group.experiment.model.clone(), group.experiment.dataset.clone()));
    groups
}

impl<'a> Group<'a> {
    /// What a claim asks of this experiment.
    pub(super) fn contrasts(&self, claim: &'a Claim) -> Vec<Contrast<'a>> {
        let experiment = self.experiment;
        let fits = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        let is_asked = fits(&claim.model, &experiment.model)
            && fits(&claim.dataset, &experiment.dataset)
            && claim.protocol.is_none_or(|protocol| protocol == experiment.protocol);
        let measure = match (claim.question, claim.measure, experiment.protocol) {
            // An untrained head's accuracy is nothing to recover from.
            (_, Some(Measure::Recovery), Protocol::Pretrained) => return Vec::new(),
            (Question::FullRecovery, ..) | (_, None, Protocol::Pretrained) => Measure::Deficit,
            (_, Some(measure), _) => measure,
            (_, None, Protocol::Finetuned) => Measure::Recovery,
        };
        match (is_asked, claim.question) {
            (false, _) => Vec::new(),
            (true, Question::FullRecovery) => self.full_recovery(claim),
            (true, Question::LevelSlope) => self.slopes(claim, measure),
            (true, Question::BottomAgainstTop) => self.ends(claim, measure),
        }
    }

    fn full_recovery(&self, claim: &'a Claim) -> Vec<Contrast<'a>> {
        let plans = self.by_plan.iter().filter(|(plan, _)| claim.plan.as_ref().is_none_or(|asked| asked == *plan));
        plans
            .map(|(plan, runs)| {
                let pair = |run: &&'a Run| {
                    let (healed, undamaged) = (run.healed()?, run.undamaged()?);
                    let effect = healed.accuracy - undamaged.accuracy;
                    Some(Pair {
                        effect,
                        terms: vec![(1.0, healed), (-1.0, undamaged)],
                        n_failed: usize::from(run.is_healing_failed()),
                    })
                };
                let reference = self.experiment.reference;
                let subject = format!("healed against {reference}, {plan}");
                let mut contrast = self.contrast(claim, Measure::Deficit, subject, runs.values().map(pair));
                contrast.plan = Some((*plan).to_owned());
                let mean = |arm: &dyn Fn(&Run) -> Option<f64>| {
                    let whole = runs.values().filter(|run| run.healed().is_some() && run.undamaged().is_some());
                    let values: Option<Vec<f64>> = whole.map(|run| arm(run)).collect();
                    values.filter(|values| !values.is_empty()).map(|v| v.iter().sum::<f64>() / v.len() as f64)
                };
                let healed = mean(&|run| run.healed().map(|arm| arm.accuracy));
                let undamaged = mean(&|run| run.undamaged().map(|arm| arm.accuracy));
                let corrupted = mean(&|run| run.arm(Condition::Corrupted).map(|arm| arm.accuracy));
                contrast.kept = undamaged.zip(healed).and_then(|(undamaged, healed)| share_kept(undamaged, healed));
                if self.experiment.protocol == Protocol::Finetuned {
                    let loss = undamaged.zip(corrupted).map(|(undamaged, corrupted)| undamaged - corrupted);
                    let gain = healed.zip(corrupted).map(|(healed, corrupted)| healed - corrupted);
                    contrast.recovery = gain.zip(loss.filter(|loss| *loss > 0.0)).map(|(gain, loss)| gain / loss);
                }
                contrast
            })
            .collect()
    }

    /// Plans of one step, by scheme and end, then by level.
    fn by_damage(&self, claim: &Claim) -> BTreeMap<(String, End), Levels<'_, 'a>> {
        let mut by_damage: BTreeMap<_, Levels> = BTreeMap::new();
        for runs in self.by_plan.values() {
            let Some(damage) = runs.values().next().and_then(|run| run.damage.clone()) else { continue };
            if claim.scheme.as_ref().is_none_or(|scheme| *scheme == damage.scheme) {
                let level = (damage.level * 1e6).round() as u64;
                by_damage.entry((damage.scheme.clone(), damage.end)).or_default().insert(level, (damage, runs));
            }
        }
        by_damage
    }

    fn slopes(&self, claim: &'a Claim, measure: Measure) -> Vec<Contrast<'a>> {
        let mut contrasts = Vec::new();
        for ((scheme, end), levels) in self.by_damage(claim) {
            if levels.len() < 2 || claim.end.is_some_and(|asked| asked != end) {
                continue;
            }
            let mean = levels.values().map(|(damage, _)| damage.level).sum::<f64>() / levels.len() as f64;
            let square = levels.values().map(|(damage, _)| (damage.level - mean).powi(2)).sum::<f64>();
            let seeds: BTreeSet<[u64; 4]> = levels.values().flat_map(|(_, runs)| runs.keys().copied()).collect();
            let pairs = seeds.iter().map(|seeds| {
                let weighed =
                    levels.values().map(|(damage, runs)| Some(((damage.level - mean) / square, *runs.get(seeds)?)));
                weighted(measure, &weighed.collect::<Option<Vec<_>>>()?)
            });
            let shown: Vec<String> = levels.values().map(|(damage, _)| damage.level.to_string()).collect();
            let end = end_in_words(end);
            let subject = format!("slope over levels {} of {scheme} from the {end}", shown.join(", "));
            contrasts.push(self.contrast(claim, measure, subject, pairs));
        }
        contrasts
    }

    fn ends(&self, claim: &'a Claim, measure: Measure) -> Vec<Contrast<'a>> {
        let by_damage = self.by_damage(claim);
        let mut contrasts = Vec::new();
        for ((scheme, end), levels) in &by_damage {
            let Some(tops) = by_damage.get(&(scheme.clone(), End::Top)).filter(|_| *end == End::Bottom) else {
                continue;
            };
            for (level, (damage, bottom)) in levels {
                let Some((_, top)) = tops.get(level).filter(|_| damage.level < 1.0) else { continue };
                if claim.level.is_some_and(|asked| (asked * 1e6).round() as u64 != *level) {
                    continue;
                }
                let seeds: BTreeSet<[u64; 4]> = bottom.keys().chain(top.keys()).copied().collect();
                let pairs = seeds
                    .iter()
                    .map(|seeds| weighted(measure, &[(1.0, *bottom.get(seeds)?), (-1.0, *top.get(seeds)?)]));
                let subject = format!("bottom against top, {scheme} on {} of the layers", percent(damage.level));
                contrasts.push(self.contrast(claim, measure, subject, pairs));
            }
        }
        contrasts
    }

    fn contrast(
        &self,
        claim: &'a Claim,
        measure: Measure,
        subject: String,
        pairs: impl Iterator<Item = Option<Pair<'a>>>,
    ) -> Contrast<'a> {
        let all: Vec<Option<Pair>> = pairs.collect();
        let n_all = all.len();
        let pairs: Vec<Pair> = all.into_iter().flatten().collect();
        let n_unpaired = n_all - pairs.len();
        let experiment = self.experiment;
        Contrast { claim, experiment, measure, subject, plan: None, pairs, n_unpaired, recovery: None, kept: None }
    }
}

/// The weighted sum of what several runs of one seed came to. All of them have the same undamaged model, and the weights sum
/// to 0, so under [`Measure::Deficit`] it falls out.
fn weighted<'a>(measure: Measure, runs: &[(f64, &'a Run)]) -> Option<Pair<'a>> {
    let mut pair = Pair { effect: 0.0, terms: Vec::new(), n_failed: 0 };
    for (weight, run) in runs {
        let (healed, undamaged) = (run.healed()?, run.undamaged()?);
        pair.n_failed += usize::from(run.is_healing_failed());
        match measure {
            Measure::Deficit => {
                pair.effect += weight * healed.accuracy;
                pair.terms.push((*weight, healed));
            }
            Measure::Recovery => {
                let (recovery, corrupted) = (run.recovery()?, run.arm(Condition::Corrupted)?);
                let loss = undamaged.accuracy - corrupted.accuracy;
                pair.effect += weight * recovery;
                pair.terms.push((weight / loss, healed));
                pair.terms.push((weight * (recovery - 1.0) / loss, corrupted));
                pair.terms.push((-weight * recovery / loss, undamaged));
            }
        }
    }
    Some(pair)
}

pub(super) fn end_in_words(end: End) -> &'static str {
    match end {
        End::Bottom => "bottom",
        End::Top => "top",
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
