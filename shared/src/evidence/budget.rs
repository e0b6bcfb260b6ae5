//! Recovery and deficit against the length of training: would more healing have done more?

use std::collections::BTreeSet;

use super::mean::{Mean, one_decimal, ratio_over_seeds};
use super::tables::{models, plans_row, verdict};
use super::topic::{Piece, Topic, alike, range_of_seeds};
use super::{Cell, Experiment};
use crate::Condition;
use crate::claims;
use crate::figure::{Axis, Chart, DataTable, Figure, LineChart, Mark, Point, Series, Unit};
use crate::record::Protocol;

/// A plan's runs with one budget.
struct AtBudget<'a> {
    budget: f64,
    experiment: &'a Experiment,
    cell: &'a Cell,
}

/// Experiments that differ in nothing but epochs or steps, put side by side; none with a single budget.
#[must_use]
pub fn budget_topic(experiments: &[Experiment]) -> Option<Topic> {
    let key = |common: &claims::Experiment| {
        let unit = common.training.max_steps.is_some();
        format!("{}{unit}", common.id_but_for(&["training.epochs", "training.max_steps"]))
    };
    let (mut tables, mut figures) = (Vec::new(), Vec::new());
    for mut group in alike(experiments, key).into_iter().filter(|group| group.len() > 1) {
        group.sort_by(|a, b| budget(&a.common).total_cmp(&budget(&b.common)));
        let plans: BTreeSet<&str> =
            group.iter().flat_map(|experiment| &experiment.cells).map(|cell| cell.plan.as_str()).collect();
        let by_plan: Vec<Vec<AtBudget>> = plans
            .into_iter()
            .map(|plan| group.iter().copied().filter_map(|experiment| of_plan(experiment, plan)).collect())
            .filter(|budgets: &Vec<AtBudget>| budgets.len() > 1)
            .collect();
        if !by_plan.is_empty() {
            tables.push(table(&by_plan));
        }
        for budgets in &by_plan {
            figures.extend(charts(budgets, figures.len()));
        }
    }
    let introduction = "Runs that differ in nothing but how long they were trained (healthy, control and healed models \
                        alike), side by side. Recovery is the share of the lost accuracy that came back: mean gain by \
                        mean loss over seeds, with its interval by the delta method.";
    let pieces = tables.into_iter().chain(Piece::figures(figures)).collect();
    Topic::new("budget", "Recovery against budget", introduction.to_owned(), pieces)
}

fn budget(common: &claims::Experiment) -> f64 {
    common.training.max_steps.map_or(common.training.epochs, |steps| steps as f64)
}

fn unit(common: &claims::Experiment) -> &'static str {
    if common.training.max_steps.is_some() { "steps" } else { "epochs" }
}

fn of_plan<'a>(experiment: &'a Experiment, plan: &str) -> Option<AtBudget<'a>> {
    let cell = experiment.cells.iter().find(|cell| cell.plan == plan && !cell.seeds.is_empty())?;
    Some(AtBudget { budget: budget(&experiment.common), experiment, cell })
}

/// Under `pretrained` the corrupted model has an untrained head, so there is no loss to recover from.
fn recovery(at: &AtBudget) -> Option<Mean> {
    let is_finetuned = at.experiment.common.protocol == Protocol::Finetuned;
    let pairs: Vec<(f64, f64)> = at.cell.seeds.iter().map(super::SeedOutcome::gain_and_loss).collect();
    is_finetuned.then(|| ratio_over_seeds(&pairs)).flatten()
}

fn table(by_plan: &[Vec<AtBudget>]) -> Piece {
    let first = by_plan[0][0].experiment;
    let models = models(first);
    let header = ["plan", unit(&first.common), "seeds"].into_iter().chain(models.iter().map(|which| which.as_str()));
    let mut table = DataTable::new(header.chain(["deficit, points", "recovery", "full recovery"]));
    for at in by_plan.iter().flatten() {
        let deficit = at.experiment.deficit(at.cell).map_or_else(dash, |mean| mean.in_words(one_decimal));
        let recovery = recovery(at).map_or_else(dash, |mean| mean.in_words(|share| Unit::Percent.format(share)));
        let start = [at.cell.plan.clone(), Unit::Number.format(at.budget), at.cell.seeds.len().to_string()];
        let accuracies = plans_row(at.cell, &models);
        let end = [deficit, recovery, verdict(at.experiment, &at.cell.plan)];
        table.push(start.into_iter().chain(accuracies).chain(end));
    }
    let common = &first.common;
    let caption = format!(
        "{common}; {} training rows, learning rate {:e}. Means over seeds, 95 % intervals; deficits {}.",
        common.n_train_rows,
        common.training.learning_rate,
        first.deficits_are_over()
    );
    Piece::table(caption, table)
}

fn dash() -> String {
    "–".to_owned()
}

/// The deficit, and where there is one the recovery, against the budget.
fn charts(budgets: &[AtBudget], n_before: usize) -> Vec<Figure> {
    let first = &budgets[0];
    let common = &first.experiment.common;
    let point = |mean: &dyn Fn(&AtBudget) -> Option<Mean>| -> Vec<Point> {
        let of = |at: &AtBudget| {
            let mean = mean(at)?;
            let n = Some(at.cell.seeds.len() as u64);
            Some(Point { x: at.budget, y: mean.value, interval: mean.interval, n })
        };
        budgets.iter().filter_map(of).collect()
    };
    let deficits = point(&|at| at.experiment.deficit(at.cell));
    let recoveries = point(&recovery);
    let plan = &first.cell.plan;
    let seeds = range_of_seeds(budgets.iter().map(|at| at.cell.seeds.len()));
    let last = budgets.last().map_or(1.0, |at| at.budget);
    let x = Axis::linear(unit(common), 0.0, 1.05 * last, Unit::Number);
    let of = |id: &str, title: &str, y: Axis, over: &str, points: Vec<Point>| {
        let words: Vec<String> =
            points.iter().map(|point| format!("{} at {}", y.format(point.y), x.format(point.x))).collect();
        let label = "healed".to_owned();
        Figure {
            id: format!("{id}-{}", n_before + 1),
            title: format!("{title}: {plan}"),
            caption: format!(
                "{title} of {plan} against {} of training; {}, {}; {seeds} a point, bars are 95 % intervals {over} (none \
                 for a single seed).",
                unit(common),
                common.model,
                common.dataset
            ),
            description: format!("{title} of {plan}, by {}: {}.", unit(common), words.join("; ")),
            chart: Chart::Lines(LineChart {
                x: x.clone(),
                y,
                series: vec![Series { label, role: Some(Condition::Healed), mark: Mark::Line, points }],
                diagonal: false,
            }),
        }
    };
    let mut figures = Vec::new();
    if deficits.len() > 1 {
        let (low, high) = ends(&deficits, 0.0, 1.0);
        let y = Axis::linear("deficit, points", low.floor(), high.ceil(), Unit::Number);
        figures.push(of("budget-deficit", "Deficit", y, first.experiment.deficits_are_over(), deficits));
    }
    if recoveries.len() > 1 {
        let (low, high) = ends(&recoveries, 1.0, 1.0);
        let y = Axis::linear("recovery", (10.0 * low - 0.5).floor() / 10.0, (10.0 * high).ceil() / 10.0, Unit::Percent);
        figures.push(of("budget-recovery", "Recovery", y, "over seeds on these rows", recoveries));
    }
    figures
}

/// From the lowest to the highest end of an interval, and at least from `low` to `high`.
fn ends(points: &[Point], low: f64, high: f64) -> (f64, f64) {
    let of = |point: &Point| point.interval.map_or([point.y, point.y], |interval| [interval.low, interval.high]);
    points.iter().flat_map(of).fold((low, high), |(low, high), end| (low.min(end), high.max(end)))
}
