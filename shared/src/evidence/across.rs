//! What holds over all datasets: interquartile means and performance profiles, as *Deep Reinforcement Learning at the Edge of
//! the Statistical Precipice* recommends (Agarwal et al. 2021, arXiv:2108.13264).
//!
//! The score is normalised, so that datasets can be put together: under `finetuned` the recovery, 0 for damaged and 1 for
//! undamaged; under `pretrained`, whose corrupted model has an untrained head, the share of the undamaged accuracy that is
//! kept. Each run is one score, and seeds are drawn anew within their dataset.

use std::collections::BTreeSet;

use super::mean::LEVEL;
use super::topic::Piece;
use super::{Cell, Experiment, SeedOutcome};
use crate::Condition;
use crate::claims;
use crate::figure::{
    Axis, Chart, DataTable, Figure, IntervalChart, IntervalRow, LineChart, Mark, Point, Reference, Series, Unit,
};
use crate::record::Protocol;
use crate::statistics::{
    Estimate, Interval, interquartile_mean, performance_profile, share_kept, stratified_bootstrap,
};

/// Steps of a profile.
const N_THRESHOLDS: usize = 24;

/// What of a profile is drawn below its lowest tenth, which may lie below the axis.
const BELOW_LOWEST_TENTH: f64 = 0.1;

/// Plans whose profile is drawn: each takes thousands of draws.
const MAX_PROFILES: usize = 6;

/// Plans that are summed up; each takes thousands of draws.
const MAX_PLANS: usize = 60;

/// A plan's scores.
struct Scores {
    plan: String,
    /// By dataset.
    groups: Vec<Vec<f64>>,
    /// Runs without a loss to recover from.
    n_without: usize,
}

/// Interquartile means of the plans that at least two datasets have, and profiles of the first of them.
pub(super) fn across(datasets: &[&Experiment], n_before: usize) -> Vec<Piece> {
    let common = &datasets[0].common;
    let plans: BTreeSet<&str> =
        datasets.iter().flat_map(|experiment| &experiment.cells).map(|cell| cell.plan.as_str()).collect();
    let all: Vec<Scores> = plans.into_iter().filter_map(|plan| Scores::of(datasets, plan)).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let score = score_name(common.protocol);
    let mut table = DataTable::new(["plan", "datasets", "runs", "interquartile mean", "95 % interval", "mean"]);
    let mut rows = Vec::new();
    for scores in all.iter().take(MAX_PLANS) {
        let Some(estimate) = scores.estimate(|values| interquartile_mean(values).unwrap_or(f64::INFINITY)) else {
            continue;
        };
        let values = scores.groups.concat();
        let percent = |value: f64| Unit::Percent.format(value);
        let (low, high) = (estimate.interval.low, estimate.interval.high);
        let bare = Interval { low: estimate.value, high: estimate.value, level: LEVEL };
        table.push([
            scores.plan.clone(),
            scores.groups.len().to_string(),
            values.len().to_string(),
            percent(estimate.value),
            if scores.has_interval() { format!("{} to {}", percent(low), percent(high)) } else { "–".to_owned() },
            percent(values.iter().sum::<f64>() / values.len() as f64),
        ]);
        let label = format!("{} · {} datasets, {} runs", scores.plan, scores.groups.len(), values.len());
        rows.push(IntervalRow {
            label,
            role: Some(Condition::Healed),
            value: estimate.value,
            interval: if scores.has_interval() { estimate.interval } else { bare },
        });
    }
    let n_without: usize = all.iter().map(|scores| scores.n_without).sum();
    let without = if n_without == 0 {
        String::new()
    } else {
        format!(" {n_without} runs that lost nothing have no recovery and are left out.")
    };
    let more = match all.len().saturating_sub(MAX_PLANS) {
        0 => String::new(),
        n => format!(" {n} more plans are left out."),
    };
    let caption = format!(
        "{score} over all datasets; {}, protocol {}. The interquartile mean leaves out a quarter of the runs at either end; \
         intervals are a bootstrap of seeds within their dataset (2,000 draws; none where a dataset has one seed).{without}{more}",
        common.model,
        common.protocol.as_str()
    );
    let number = n_before + 1;
    let iqm = iqm_chart(rows, common, number);
    let figures: Vec<Figure> = all
        .iter()
        .take(MAX_PROFILES)
        .zip(1..)
        .filter_map(|(scores, i)| profile(scores, score, &common.model, &format!("profile-{number}-{i}")))
        .collect();
    let profiles = (!figures.is_empty()).then_some(Piece::Figures(figures));
    [Piece::table(caption, table), Piece::Figures(vec![iqm])].into_iter().chain(profiles).collect()
}

fn score_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Finetuned => "Recovery (0 % is damaged, 100 % undamaged)",
        Protocol::Pretrained => "Share of the undamaged accuracy that is kept",
    }
}

impl Scores {
    /// None where fewer than two datasets have the plan.
    fn of(datasets: &[&Experiment], plan: &str) -> Option<Self> {
        let mut scores = Self { plan: plan.to_owned(), groups: Vec::new(), n_without: 0 };
        for experiment in datasets {
            let Some(cell) = experiment.cells.iter().find(|cell| cell.plan == plan) else { continue };
            let group = of_cell(cell, experiment.common.protocol);
            scores.n_without += cell.seeds.len() - group.len();
            scores.groups.extend(Some(group).filter(|group| !group.is_empty()));
        }
        (scores.groups.len() > 1).then_some(scores)
    }

    /// Draws from a single seed are all alike, which is not certainty.
    fn has_interval(&self) -> bool {
        self.groups.iter().all(|group| group.len() > 1)
    }

    fn estimate(&self, figure: impl Fn(&[f64]) -> f64) -> Option<Estimate> {
        stratified_bootstrap(&self.groups, LEVEL, figure).ok()
    }
}

fn of_cell(cell: &Cell, protocol: Protocol) -> Vec<f64> {
    let score = |seed: &SeedOutcome| match protocol {
        Protocol::Finetuned => {
            let (gain, loss) = seed.gain_and_loss();
            (loss > 0.0).then(|| gain / loss)
        }
        Protocol::Pretrained => share_kept(seed.undamaged(), seed.healed),
    };
    cell.seeds.iter().filter_map(score).collect()
}

fn iqm_chart(rows: Vec<IntervalRow>, common: &claims::Experiment, number: usize) -> Figure {
    let score = score_name(common.protocol);
    let lowest = rows.iter().map(|row| row.interval.low).fold(1.0, f64::min);
    let highest = rows.iter().map(|row| row.interval.high).fold(1.0, f64::max);
    let described: Vec<String> =
        rows.iter().map(|row| format!("{}: {}", row.label, Unit::Percent.format(row.value))).collect();
    let (low, high) = ((10.0 * lowest - 0.5).floor() / 10.0, (10.0 * highest + 0.5).ceil() / 10.0);
    Figure {
        id: format!("iqm-{number}"),
        title: "Interquartile mean over datasets".to_owned(),
        caption: format!(
            "{}, protocol {}; bars are 95 % intervals by a bootstrap of seeds within their dataset (none where a dataset has \
             one seed). On the dashed line nothing is lost.",
            common.model,
            common.protocol.as_str()
        ),
        description: format!("Interquartile means: {}.", described.join("; ")),
        chart: Chart::Intervals(IntervalChart {
            axis: Axis::linear(score, low, high, Unit::Percent),
            level: LEVEL,
            rows,
            references: vec![Reference { label: "undamaged".to_owned(), value: 1.0 }],
        }),
    }
}

/// The share of runs whose score is above each threshold.
fn profile(scores: &Scores, score: &str, model: &str, id: &str) -> Option<Figure> {
    let values = scores.groups.concat();
    let lowest = values.iter().copied().fold(1.0, f64::min);
    let highest = values.iter().copied().fold(1.0, f64::max);
    // One healing that broke off would take most of the axis.
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let least = lowest.max(sorted[sorted.len() / 10] - BELOW_LOWEST_TENTH);
    let (low, high) = ((20.0 * least).floor() / 20.0 - 0.05, (20.0 * highest).ceil() / 20.0 + 0.05);
    let n_below = values.iter().filter(|value| **value < low).count();
    let below = if n_below == 0 { String::new() } else { format!(" {n_below} runs lie below the axis.") };
    let points = (0..=N_THRESHOLDS).map(|i| {
        let threshold = low + (high - low) * i as f64 / N_THRESHOLDS as f64;
        let above = |values: &[f64]| performance_profile(values, &[threshold]).map_or(0.0, |shares| shares[0]);
        let estimate = scores.estimate(above)?;
        let interval = scores.has_interval().then_some(estimate.interval);
        Some(Point { x: threshold, y: estimate.value, interval, n: Some(values.len() as u64) })
    });
    let points: Vec<Point> = points.collect::<Option<_>>()?;
    let n_full = values.iter().filter(|value| **value > 1.0).count();
    let plan = &scores.plan;
    Some(Figure {
        id: id.to_owned(),
        title: format!("Performance profile: {plan}"),
        caption: format!(
            "Share of runs whose score is above a threshold, with 95 % intervals by a bootstrap of seeds within their \
             dataset (none where one has a single seed); {model}, {} datasets, {} runs. Score: {}.{below}",
            scores.groups.len(),
            values.len(),
            lower_first(score)
        ),
        description: format!("{n_full} of {} runs under {plan} have a score above 100 %.", values.len()),
        chart: Chart::Lines(LineChart {
            x: Axis::linear("score", low, high, Unit::Percent),
            y: Axis::percent("share of runs above"),
            series: vec![Series {
                label: "healed".to_owned(),
                role: Some(Condition::Healed),
                mark: Mark::Line,
                points,
            }],
            diagonal: false,
        }),
    })
}

fn lower_first(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
