//! Accuracy against the number of labelled training rows, and what damage is worth in labels.
//!
//! A seeded limit draws other training rows for each seed, so the runs of a label budget are of as many experiments as there
//! are seeds. Here they stand side by side as the points of one curve: nothing but the training rows differs, and the rows
//! that are judged are as many of the same dataset.

use std::collections::{BTreeMap, BTreeSet};

use super::mean::of_accuracies;
use super::topic::{Piece, Topic, alike, range_of_seeds, seeds_in_words};
use super::worth::{SeedCurve, Worth, worth};
use super::{Experiment, SeedOutcome};
use crate::Condition;
use crate::claims;
use crate::figure::{Axis, Chart, DataTable, Figure, LineChart, Mark, Point, Scale, Series, Unit};
use crate::record::Seeds;

/// A run's seeds, and those of them that its undamaged model depends on.
type Key = [u64; 4];

/// Accuracies of one plan, or of undamaged models, by training rows and seeds.
type Accuracies = BTreeMap<usize, BTreeMap<Key, f64>>;

/// Experiments that differ in nothing but the training rows.
struct LabelBudgets<'a> {
    common: &'a claims::Experiment,
    /// Rows that models are judged on.
    n_rows: usize,
    undamaged: Accuracies,
    healed: BTreeMap<&'a str, Accuracies>,
}

/// Experiments that differ in nothing but the training rows, put side by side; none with a single number of rows.
#[must_use]
pub fn labels_topic(experiments: &[Experiment]) -> Option<Topic> {
    let key = |common: &claims::Experiment| {
        let paths = ["dataset.rows.train", "dataset.content_sha256"];
        format!("{} {}", common.id_but_for(&paths), common.dataset)
    };
    let (mut tables, mut figures) = (Vec::new(), Vec::new());
    for group in alike(experiments, key) {
        let budgets = LabelBudgets::of(&group);
        if budgets.undamaged.len() < 2 {
            continue;
        }
        tables.push(worth_table(&budgets));
        for (plan, healed) in budgets.healed.iter().filter(|(_, healed)| healed.len() > 1) {
            figures.push(curve(&budgets, plan, healed, figures.len() + 1));
        }
    }
    let introduction = "Runs that differ in nothing but the number of labelled training rows. Damage is worth those \
                        labels without which an undamaged model would be no better than the healed one with all of \
                        them; between two measured numbers of rows the undamaged curve is read as a straight line over \
                        the logarithm of rows, at the fewest rows that reach the healed model's accuracy.";
    let pieces = tables.into_iter().chain(Piece::figures(figures)).collect();
    Topic::new("labels", "What is a layer worth in labels?", introduction.to_owned(), pieces)
}

fn key(seeds: &Seeds) -> Key {
    [seeds.corruption.0, seeds.head.0, seeds.data.0, seeds.split.0]
}

/// An undamaged model is the same whatever the corruption's seed is.
fn undamaged_key([_, head, data, split]: Key) -> Key {
    [0, head, data, split]
}

impl<'a> LabelBudgets<'a> {
    fn of(group: &[&'a Experiment]) -> Self {
        let mut budgets = Self {
            common: &group[0].common,
            n_rows: group.iter().flat_map(|experiment| &experiment.cells).map(|cell| cell.n_rows).max().unwrap_or(0),
            undamaged: BTreeMap::new(),
            healed: BTreeMap::new(),
        };
        for experiment in group {
            let n_train = experiment.common.n_train_rows;
            for cell in &experiment.cells {
                for seed in &cell.seeds {
                    let key = key(&seed.seeds);
                    let undamaged = budgets.undamaged.entry(n_train).or_default();
                    undamaged.entry(undamaged_key(key)).or_insert_with(|| SeedOutcome::undamaged(seed));
                    let healed = budgets.healed.entry(&cell.plan).or_default().entry(n_train).or_default();
                    healed.entry(key).or_insert(seed.healed);
                }
            }
        }
        budgets
    }

    /// What the healed models with the most rows are worth in labels, over the seeds that have all of them; the number of
    /// rows, the seeds and the mean accuracy with it.
    fn worth(&self, healed: &Accuracies) -> Option<(usize, usize, f64, Worth)> {
        let (most_rows, with_most) = healed.last_key_value()?;
        let numbers: Vec<usize> = self.undamaged.keys().copied().filter(|n| n <= most_rows).collect();
        let of_seed = |(key, healed): (&Key, &f64)| {
            let undamaged = numbers.iter().map(|n| self.undamaged[n].get(&undamaged_key(*key)).copied());
            Some(SeedCurve { undamaged: undamaged.collect::<Option<_>>()?, healed: *healed })
        };
        let seeds: Vec<SeedCurve> = with_most.iter().filter_map(of_seed).collect();
        let mean = seeds.iter().map(|seed| seed.healed).sum::<f64>() / seeds.len() as f64;
        Some((*most_rows, seeds.len(), mean, worth(&numbers, &seeds)?))
    }
}

fn worth_table(budgets: &LabelBudgets) -> Piece {
    let header = ["damage", "seeds", "training rows", "healed with all of them", "as good as undamaged with"];
    let mut table = DataTable::new(header.into_iter().chain(["95 % interval", "worth in labels"]));
    for (plan, healed) in &budgets.healed {
        let Some((n_train, n_seeds, accuracy, worth)) = budgets.worth(healed) else { continue };
        let start = [(*plan).to_owned(), n_seeds.to_string(), Unit::Count.format(n_train as f64)];
        let end =
            [Unit::Percent.format(accuracy), worth.rows_in_words(), worth.interval_in_words(), worth.labels_in_words()];
        table.push(start.into_iter().chain(end));
    }
    let common = budgets.common;
    let numbers: Vec<String> = budgets.undamaged.keys().map(|n| Unit::Count.format(*n as f64)).collect();
    Piece::table(
        format!(
            "{common}; undamaged models ({}) trained on {} rows. Intervals are a percentile bootstrap over seeds (2,000 \
             draws of whole seeds; none for a single one).",
            common.reference,
            crate::words::listed(&numbers, "and")
        ),
        table,
    )
}

/// Accuracy of undamaged and healed models against the number of training rows.
fn curve(budgets: &LabelBudgets, plan: &str, healed: &Accuracies, number: usize) -> Figure {
    let common = budgets.common;
    let series = |label: &str, role: Condition, accuracies: &Accuracies| {
        let point = |(n_train, seeds): (&usize, &BTreeMap<Key, f64>)| {
            let values: Vec<f64> = seeds.values().copied().collect();
            let mean = of_accuracies(&values, budgets.n_rows)?;
            Some(Point { x: *n_train as f64, y: mean.value, interval: mean.interval, n: Some(values.len() as u64) })
        };
        let points = accuracies.iter().filter_map(point).collect();
        Series { label: label.to_owned(), role: Some(role), mark: Mark::Line, points }
    };
    let series = vec![
        series(common.reference.as_str(), common.reference, &budgets.undamaged),
        series("healed", Condition::Healed, healed),
    ];
    let xs: BTreeSet<usize> = budgets.undamaged.keys().chain(healed.keys()).copied().collect();
    let (least, most) = (xs.first().copied().unwrap_or(1), xs.last().copied().unwrap_or(1));
    let seeds = range_of_seeds(healed.values().chain(budgets.undamaged.values()).map(BTreeMap::len));
    let bars = match healed.values().map(BTreeMap::len).max() {
        Some(1) => format!("{} a point, bars are 95 % Wilson intervals over its test rows", seeds_in_words(1)),
        _ => format!(
            "{seeds} a point, each with its own draw of rows; bars are Student's 95 % intervals of the mean over seeds"
        ),
    };
    let points = || series.iter().flat_map(|series| &series.points);
    let lowest = points().map(|point| point.interval.map_or(point.y, |interval| interval.low)).fold(1.0, f64::min);
    let highest = points().map(|point| point.interval.map_or(point.y, |interval| interval.high)).fold(0.0, f64::max);
    let (low, high) = ((20.0 * lowest).floor() / 20.0, ((20.0 * highest).ceil() / 20.0).min(1.0));
    let ends: Vec<String> = series
        .iter()
        .filter_map(|series| {
            let (first, last) = (series.points.first()?, series.points.last()?);
            Some(format!("{} from {:.1} % to {:.1} %", series.label, 100.0 * first.y, 100.0 * last.y))
        })
        .collect();
    Figure {
        id: format!("labels-{number}"),
        title: format!("Labels: {plan}"),
        caption: format!(
            "Accuracy on test rows against the number of labelled training rows (logarithmic); {}, {}; {bars}.",
            common.model, common.dataset
        ),
        description: format!("From {least} to {most} training rows: {}.", ends.join("; ")),
        chart: Chart::Lines(LineChart {
            x: Axis {
                scale: Scale::Log,
                ..Axis::linear("training rows", 0.9 * least as f64, 1.1 * most as f64, Unit::Count)
            },
            y: Axis::linear("accuracy", low, high.max(low + 0.05), Unit::Percent),
            series,
            diagonal: false,
        }),
    }
}
