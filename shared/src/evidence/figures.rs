//! The charts of an experiment.

use super::mean::of_accuracies;
use super::tables::verdict;
use super::{Cell, Experiment, SeedOutcome};
use crate::Condition;
use crate::claims::{self, Damage, End};
use crate::figure::{Axis, Chart, Figure, IntervalChart, IntervalRow, LineChart, Mark, Point, Reference, Series, Unit};
use crate::record::Protocol;
use crate::statistics::Interval;

/// Every chart of an experiment: accuracy against level from both ends, and the deficit of every plan.
#[must_use]
pub fn figures(experiment: &Experiment) -> Vec<Figure> {
    let mut schemes: Vec<&str> =
        experiment.cells.iter().filter_map(|cell| cell.damage.as_ref()).map(|damage| damage.scheme.as_str()).collect();
    schemes.sort_unstable();
    schemes.dedup();
    let mut figures = Vec::new();
    for scheme in schemes {
        for (end, words) in [(End::Bottom, "bottom"), (End::Top, "top")] {
            figures.extend(by_level(experiment, scheme, end, words));
        }
    }
    figures.extend(deficits(experiment));
    figures
}

fn by_level(experiment: &Experiment, scheme: &str, end: End, words: &str) -> Option<Figure> {
    let mut cells: Vec<(f64, &Cell)> = experiment
        .cells
        .iter()
        .filter(|cell| !cell.seeds.is_empty())
        .filter_map(|cell| match &cell.damage {
            Some(Damage { scheme: of, end: from, level }) if of == scheme && *from == end => Some((*level, cell)),
            _ => None,
        })
        .collect();
    cells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n_seeds = cells.iter().map(|(_, cell)| cell.seeds.len()).min()?;
    let most_seeds = cells.iter().map(|(_, cell)| cell.seeds.len()).max()?;
    let of = |label: &str, role: Option<Condition>, accuracy: fn(&SeedOutcome) -> f64| {
        let point = |(level, cell): &(f64, &Cell)| {
            let accuracies: Vec<f64> = cell.seeds.iter().map(accuracy).collect();
            let mean = of_accuracies(&accuracies, cell.n_rows)?;
            Some(Point { x: *level, y: mean.value, interval: mean.interval, n: Some(accuracies.len() as u64) })
        };
        let points: Vec<Point> = cells.iter().filter_map(point).collect();
        Series { label: label.to_owned(), role, mark: Mark::Line, points }
    };
    let mut series = vec![of("healthy", Some(Condition::Healthy), |seed| seed.healthy)];
    if experiment.common.reference == Condition::Control {
        series.push(of("control", Some(Condition::Control), |seed| seed.control.unwrap_or(seed.healthy)));
    }
    if experiment.common.protocol == Protocol::Finetuned {
        series.push(of("corrupted", Some(Condition::Corrupted), |seed| seed.corrupted));
    }
    series.push(of("healed", Some(Condition::Healed), |seed| seed.healed));
    let seeds = if n_seeds == most_seeds { n_seeds.to_string() } else { format!("{n_seeds} to {most_seeds}") };
    let interval = if most_seeds > 1 {
        "bars are Student's 95 % intervals of the mean over seeds"
    } else {
        "bars are 95 % Wilson intervals over the test rows of that one seed and say nothing about other seeds"
    };
    let ends: Vec<String> = series
        .iter()
        .filter_map(|series| {
            let last = series.points.last()?;
            Some(format!("{} {:.1} %", series.label, 100.0 * last.y))
        })
        .collect();
    let highest = cells.last().map_or(0.0, |(level, _)| 100.0 * level);
    Some(Figure {
        id: format!("level-{words}-{}", slug(&experiment.common, scheme)),
        title: format!("Damage from the {words}: {scheme}"),
        caption: format!(
            "Accuracy on test rows against the share of encoder layers damaged from the {words}; {seeds} {} per point, \
             {interval}.",
            if most_seeds == 1 { "seed" } else { "seeds" }
        ),
        description: format!("With {highest:.0} % of the layers damaged from the {words}: {}.", ends.join(", ")),
        chart: Chart::Lines(LineChart {
            x: Axis::percent("layers damaged"),
            y: Axis::percent("accuracy"),
            series,
            diagonal: false,
        }),
    })
}

/// The deficit of every plan, with what it allows to be said in its label.
fn deficits(experiment: &Experiment) -> Option<Figure> {
    let rows: Vec<IntervalRow> = experiment
        .cells
        .iter()
        .filter_map(|cell| {
            let mean = experiment.deficit(cell)?;
            // Without a second seed nothing is known about seeds: a point without an interval.
            let bare = Interval { low: mean.value, high: mean.value, level: 0.95 };
            let Interval { low, high, level } = mean.interval.unwrap_or(bare);
            let n = cell.seeds.len();
            let label = format!(
                "{} · {n} {} · {}",
                cell.plan,
                if n == 1 { "seed" } else { "seeds" },
                verdict(experiment, &cell.plan)
            );
            // A tenth of a point is more than any of these runs can tell.
            let [value, low, high] = [mean.value, low, high].map(|points| (10.0 * points).round() / 10.0);
            Some(IntervalRow { label, role: Some(Condition::Healed), value, interval: Interval { low, high, level } })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let lowest = rows.iter().map(|row| row.interval.low).fold(0.0, f64::min);
    let highest = rows.iter().map(|row| row.interval.high).fold(1.0, f64::max);
    let label = format!("deficit against the {}, percentage points", experiment.common.reference);
    let against = match experiment.common.reference {
        Condition::Control => "the control (the healthy model with the healing's budget, never damaged)",
        _ => "the healthy model",
    };
    let described: Vec<String> = rows.iter().map(|row| format!("{}: {:.1} points", row.label, row.value)).collect();
    Some(Figure {
        id: format!("deficit-{}", slug(&experiment.common, "")),
        title: "What healing leaves behind".to_owned(),
        caption: format!(
            "Deficit: the accuracy of {against} minus that of the healed model, in percentage points; means over seeds \
             with their 95 % intervals {} (a marker without a bar is a single seed). On the dashed line nothing is \
             lost.",
            experiment.deficits_are_over()
        ),
        description: format!("Deficits: {}.", described.join("; ")),
        chart: Chart::Intervals(IntervalChart {
            axis: Axis::linear(label, lowest.floor(), highest.ceil(), Unit::Number),
            level: 0.95,
            rows,
            references: vec![Reference { label: "fully healed".to_owned(), value: 0.0 }],
        }),
    })
}

/// Names as a file or an anchor may have them, with what tells apart two experiments of one model and dataset.
fn slug(experiment: &claims::Experiment, scheme: &str) -> String {
    let names = [experiment.model.as_str(), &experiment.dataset, scheme, &experiment.id()[..6]];
    let joined = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    joined.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
