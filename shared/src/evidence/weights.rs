//! Does healing bring the weights back, or only the accuracy?

use std::collections::BTreeMap;

use super::mean::{Mean, one_decimal, over_seeds};
use super::topic::{MAX_EXPERIMENTS, Piece, Topic, seeds_in_words};
use super::{Cell, Experiment, experiment::largest};
use crate::Condition;
use crate::claims::{Damage, End};
use crate::corruption::layers_in;
use crate::figure::{Axis, Chart, DataTable, Figure, LineChart, Mark, Point, Series, Unit};
use crate::inspection::{Part, WeightDistance};
use crate::record::{RunId, RunRecord, WeightsReturned};

/// Plans of one experiment whose parts are listed one by one.
const MAX_PLANS_BY_PART: usize = 3;

/// Plans that have a sentence.
const MAX_SENTENCES: usize = 24;

/// Distance and angle of a part from the undamaged model's, by seed.
#[derive(Clone, Debug, Default)]
struct BySeed {
    distances: Vec<f64>,
    angles: Vec<f64>,
}

/// A cell's parts before and after healing; both of the same seeds.
struct Returned<'a> {
    cell: &'a Cell,
    n_seeds: usize,
    corrupted: BTreeMap<Part, BySeed>,
    healed: BTreeMap<Part, BySeed>,
    /// For each seed the mean distance and angle over the damaged layers, before and after.
    damaged: Vec<[(f64, f64); 2]>,
    over: String,
}

/// How far the weights are from the undamaged model's before and after healing; none without a run that kept it.
#[must_use]
pub fn weights_topic(records: &[RunRecord], experiments: &[Experiment]) -> Option<Topic> {
    let kept = records.iter().filter_map(|record| Some((&record.run_id, record.weights.as_ref()?)));
    let weights: BTreeMap<&RunId, &WeightsReturned> = kept.collect();
    let (mut pieces, mut figures, mut n_sentences) = (Vec::new(), Vec::new(), 0);
    let today = largest(experiments, MAX_EXPERIMENTS);
    for experiment in today.into_iter().filter(|experiment| experiment.common.superseded.is_none()) {
        let cells: Vec<Returned> = experiment.cells.iter().filter_map(|cell| Returned::of(cell, &weights)).collect();
        if cells.is_empty() {
            continue;
        }
        pieces.push(Piece::table(
            format!(
                "{}; {}. Means over seeds with 95 % intervals, over the layers that were damaged.",
                experiment.common,
                experiment.common.budget()
            ),
            summary(&cells),
        ));
        let said = cells.iter().take(MAX_SENTENCES - n_sentences);
        pieces.extend(said.map(|cell| Piece::Text(cell.sentence(experiment))));
        n_sentences = (n_sentences + cells.len()).min(MAX_SENTENCES);
        pieces.push(Piece::table(
            format!("The same part by part, as means over seeds; the first {MAX_PLANS_BY_PART} plans at most."),
            by_part(&cells[..cells.len().min(MAX_PLANS_BY_PART)]),
        ));
        for cell in &cells {
            figures.extend(cell.charts(experiment, figures.len()));
        }
    }
    pieces.extend(Piece::figures(figures));
    let introduction = "How far the weights of the corrupted and of the healed model are from those of the undamaged one \
                        (the control where there is one). The distance is relative: 0 is the same weights, 1 is as far \
                        as weights of 0 are. The angle is that between the weights as vectors: unrelated weights stand \
                        at 90°.";
    Topic::new("weights", "Do the weights return?", introduction.to_owned(), pieces)
}

fn degrees(cosine: f64) -> f64 {
    libm::acos(cosine.clamp(-1.0, 1.0)).to_degrees()
}

/// The mean of the distances and of the angles of some parts; none when one is not finite.
fn mean_over<'a>(parts: impl Iterator<Item = &'a WeightDistance>) -> Option<(f64, f64)> {
    let of = |part: &WeightDistance| Some((part.relative?, degrees(part.cosine?)));
    let values: Vec<(f64, f64)> = parts.map(of).collect::<Option<_>>()?;
    let n = values.len() as f64;
    let sums = values.iter().fold((0.0, 0.0), |sums, value| (sums.0 + value.0, sums.1 + value.1));
    (n > 0.0).then(|| (sums.0 / n, sums.1 / n))
}

impl<'a> Returned<'a> {
    fn of(cell: &'a Cell, weights: &BTreeMap<&RunId, &WeightsReturned>) -> Option<Self> {
        let (mut corrupted, mut healed): (BTreeMap<Part, BySeed>, BTreeMap<Part, BySeed>) = Default::default();
        let (mut damaged, mut n_seeds, mut over) = (Vec::new(), 0, String::new());
        for run in &cell.runs {
            let Some(both) = weights.get(&run.run_id) else { continue };
            let Some(after) = both.healed.as_ref() else { continue };
            n_seeds += 1;
            for (by_part, of) in [(&mut corrupted, &both.corrupted), (&mut healed, after)] {
                for WeightDistance { part, relative, cosine } in of {
                    let by_seed = by_part.entry(*part).or_default();
                    by_seed.distances.extend(relative);
                    by_seed.angles.extend(cosine.map(degrees));
                }
            }
            let layers = both.corrupted.iter().filter(|of| matches!(of.part, Part::Layer(_))).count();
            let (is_damaged, words) = damaged_parts(cell.damage.as_ref(), layers);
            over = words;
            let of = |parts: &[WeightDistance]| mean_over(parts.iter().filter(|of| is_damaged(of.part)));
            damaged.extend(of(&both.corrupted).zip(of(after)).map(|(before, after)| [before, after]));
        }
        (n_seeds > 0).then_some(Self { cell, n_seeds, corrupted, healed, damaged, over })
    }

    /// Before, after, and before less after; distances or, with `angles`, degrees.
    fn means(&self, of: fn((f64, f64)) -> f64) -> Option<[Mean; 3]> {
        let before: Vec<f64> = self.damaged.iter().map(|[before, _]| of(*before)).collect();
        let after: Vec<f64> = self.damaged.iter().map(|[_, after]| of(*after)).collect();
        let back: Vec<f64> = before.iter().zip(&after).map(|(before, after)| before - after).collect();
        Some([over_seeds(&before)?, over_seeds(&after)?, over_seeds(&back)?])
    }

    fn verdict(&self) -> &'static str {
        match self.means(|(distance, _)| distance).and_then(|[.., back]| back.interval) {
            Some(interval) if interval.low > 0.0 => "moved back",
            Some(interval) if interval.high < 0.0 => "moved farther away",
            Some(_) | None => "undecided",
        }
    }

    /// Whether healing moved the damaged layers back, and how much of the way, beside how much of the accuracy.
    fn sentence(&self, experiment: &Experiment) -> String {
        let plan = &self.cell.plan;
        let seeds = seeds_in_words(self.n_seeds);
        let Some([before, after, back]) = self.means(|(distance, _)| distance) else {
            return format!("{plan}: weights that are not finite have no distance ({seeds}).");
        };
        let reference = experiment.common.reference;
        let said = match self.verdict() {
            "moved back" => {
                let share = Unit::Percent.format(back.value / before.value);
                format!("healing moved the weights back, by {share} of the way")
            }
            "moved farther away" => format!("healing moved the weights even farther from the {reference}'s"),
            _ => "whether healing moved the weights is undecided".to_owned(),
        };
        let recovery = experiment.recovery_of(plan).and_then(|judgement| judgement.recovery);
        let recovered = recovery.map_or_else(String::new, |share| {
            format!("; of the lost accuracy {} came back", Unit::Percent.format(share))
        });
        format!(
            "{plan}, {}: {said}: the distance from the {reference} was {} before healing and {} after it ({seeds}){recovered}.",
            self.over,
            before.in_words(three_decimals),
            after.in_words(three_decimals)
        )
    }

    /// Distance and angle of each encoder layer.
    fn charts(&self, experiment: &Experiment, n_before: usize) -> Vec<Figure> {
        let layers = |by_part: &BTreeMap<Part, BySeed>, of: fn(&BySeed) -> &Vec<f64>| -> Vec<Point> {
            let point = |(part, by_seed): (&Part, &BySeed)| {
                let Part::Layer(layer_idx) = part else { return None };
                let mean = over_seeds(of(by_seed))?;
                let n = Some(of(by_seed).len() as u64);
                Some(Point { x: *layer_idx as f64, y: mean.value, interval: mean.interval, n })
            };
            by_part.iter().filter_map(point).collect()
        };
        let plan = &self.cell.plan;
        let chart = |id: &str, title: &str, label: &str, least: f64, of: fn(&BySeed) -> &Vec<f64>| {
            let of = |(role, by_part)| {
                let points = layers(by_part, of);
                Series { label: Condition::as_str(role).to_owned(), role: Some(role), mark: Mark::Points, points }
            };
            let series = [(Condition::Corrupted, &self.corrupted), (Condition::Healed, &self.healed)].map(of).to_vec();
            let points = || series.iter().flat_map(|series| &series.points);
            let last = points().map(|point| point.x).fold(0.0, f64::max);
            let highest = points().map(|point| point.interval.map_or(point.y, |i| i.high)).fold(least, f64::max);
            let mean = |series: &Series| {
                series.points.iter().map(|point| point.y).sum::<f64>() / series.points.len().max(1) as f64
            };
            let words: Vec<String> =
                series.iter().map(|series| format!("{} {}", series.label, Unit::Number.format(mean(series)))).collect();
            Figure {
                id: format!("{id}-{}", n_before + 1),
                title: format!("{title}: {plan}"),
                caption: format!(
                    "{title} of each encoder layer's weights from the {}'s before and after healing; {}, {}; layer 0 is \
                     next to the embeddings; {}, bars are Student's 95 % intervals over seeds (none for a single seed).",
                    experiment.common.reference,
                    experiment.common.model,
                    experiment.common.dataset,
                    seeds_in_words(self.n_seeds)
                ),
                description: format!("{title} under {plan}, mean over layers: {}.", words.join(", ")),
                chart: Chart::Lines(LineChart {
                    x: Axis::linear("encoder layer", -0.5, last + 0.5, Unit::Count),
                    y: Axis::linear(label, 0.0, 1.05 * highest, Unit::Number),
                    series,
                    diagonal: false,
                }),
            }
        };
        let figures = [
            chart("weights-distance", "Distance", "relative distance", 0.1, |by_seed| &by_seed.distances),
            chart("weights-angle", "Angle", "degrees", 10.0, |by_seed| &by_seed.angles),
        ];
        let has_points = |figure: &Figure| match &figure.chart {
            Chart::Lines(chart) => chart.series.iter().any(|series| !series.points.is_empty()),
            _ => false,
        };
        figures.into_iter().filter(has_points).collect()
    }
}

/// Which layers a damage is on, and in words. Other plans may touch any part, so all layers count.
fn damaged_parts(damage: Option<&Damage>, n_layers: usize) -> (impl Fn(Part) -> bool + use<>, String) {
    let range = match damage {
        Some(Damage { end: End::Bottom, level, .. }) => 0..layers_in(*level, n_layers),
        Some(Damage { end: End::Top, level, .. }) => n_layers - layers_in(*level, n_layers)..n_layers,
        None => 0..n_layers,
    };
    let words = match (damage, range.len()) {
        (None, n) => format!("over all {n} layers"),
        (_, 1) => format!("in the damaged layer {}", range.start),
        (_, _) => format!("over the damaged layers {} to {}", range.start, range.end.saturating_sub(1)),
    };
    (move |part| matches!(part, Part::Layer(layer_idx) if range.contains(&layer_idx)), words)
}

fn three_decimals(value: f64) -> String {
    format!("{value:.3}")
}

fn summary(cells: &[Returned]) -> DataTable {
    let header = ["plan", "seeds", "distance corrupted", "distance healed", "moved back by"];
    let mut table = DataTable::new(header.into_iter().chain(["angle corrupted, °", "angle healed, °", "weights"]));
    for cell in cells {
        let words = |mean: Option<Mean>, format: fn(f64) -> String| {
            mean.map_or_else(|| "–".to_owned(), |mean| mean.in_words(format))
        };
        let (distances, angles) = (cell.means(|(distance, _)| distance), cell.means(|(_, angle)| angle));
        let start = [cell.cell.plan.clone(), cell.n_seeds.to_string()];
        let of_distance = (0..3).map(|i| words(distances.map(|means| means[i]), three_decimals));
        let of_angle = (0..2).map(|i| words(angles.map(|means| means[i]), one_decimal));
        let end = std::iter::once(cell.verdict().to_owned());
        table.push(start.into_iter().chain(of_distance).chain(of_angle).chain(end));
    }
    table
}

fn by_part(cells: &[Returned]) -> DataTable {
    let header = ["plan", "part", "distance corrupted", "distance healed", "angle corrupted, °", "angle healed, °"];
    let mut table = DataTable::new(header);
    for cell in cells {
        for (part, before) in &cell.corrupted {
            let after = cell.healed.get(part);
            let words = |values: Option<&Vec<f64>>, format: fn(f64) -> String| {
                let mean = values.and_then(|values| over_seeds(values));
                mean.map_or_else(|| "not finite".to_owned(), |mean| mean.in_words(format))
            };
            table.push([
                cell.cell.plan.clone(),
                name(*part),
                words(Some(&before.distances), three_decimals),
                words(after.map(|after| &after.distances), three_decimals),
                words(Some(&before.angles), one_decimal),
                words(after.map(|after| &after.angles), one_decimal),
            ]);
        }
    }
    table
}

fn name(part: Part) -> String {
    match part {
        Part::Embeddings => "embeddings".to_owned(),
        Part::Layer(layer_idx) => format!("layer {layer_idx}"),
        Part::Head => "head".to_owned(),
    }
}
