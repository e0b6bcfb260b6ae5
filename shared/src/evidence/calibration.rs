//! Whether healed models know how sure they may be.

use std::collections::BTreeMap;

use super::mean::{Mean, over_seeds};
use super::rows::RowPredictions;
use super::tables::models;
use super::topic::{MAX_EXPERIMENTS, Piece, Topic, seeds_in_words};
use super::{Cell, Experiment, experiment::largest};
use crate::Condition;
use crate::evaluation::CompactReliability;
use crate::figure::{Axis, Chart, DataTable, Figure, LineChart, Mark, Point, Series, Unit};
use crate::record::{RunId, RunRecord};

/// Calibration errors by plan, and reliability diagrams where predictions were kept; none where records kept neither.
#[must_use]
pub fn calibration_topic(
    records: &[RunRecord],
    predictions: &[RowPredictions],
    experiments: &[Experiment],
) -> Option<Topic> {
    let records: BTreeMap<&RunId, &RunRecord> = records.iter().map(|record| (&record.run_id, record)).collect();
    let predictions: BTreeMap<&RunId, &RowPredictions> = predictions.iter().map(|of| (&of.run_id, of)).collect();
    let (mut pieces, mut figures) = (Vec::new(), Vec::new());
    let today = largest(experiments, MAX_EXPERIMENTS);
    for experiment in today.into_iter().filter(|experiment| experiment.common.superseded.is_none()) {
        pieces.extend(errors(experiment, &records));
        for cell in &experiment.cells {
            figures.extend(reliability(experiment, cell, &predictions, figures.len() + 1));
        }
    }
    pieces.extend(Piece::figures(figures));
    let introduction = "A model is calibrated if it is right nine times out of ten when its confidence is 90 %. The expected \
                        calibration error is the mean gap between confidence and accuracy over 15 bins, weighted by rows \
                        (Guo et al. 2017); 0 % is perfect.";
    Topic::new("calibration", "Calibration", introduction.to_owned(), pieces)
}

/// A row for each plan: the mean calibration error of each model over those seeds that have one.
fn errors(experiment: &Experiment, records: &BTreeMap<&RunId, &RunRecord>) -> Option<Piece> {
    let models = models(experiment);
    let mut table = DataTable::new(["plan", "seeds"].into_iter().chain(models.iter().map(|which| which.as_str())));
    for cell in &experiment.cells {
        let of = |which: &Condition| -> Vec<f64> {
            let error =
                |run: &crate::claims::Run| records.get(&run.run_id)?.result(*which)?.metrics.expected_calibration_error;
            cell.runs.iter().filter_map(error).collect()
        };
        let by_model: Vec<Vec<f64>> = models.iter().map(of).collect();
        let n_seeds = by_model.iter().map(Vec::len).max().unwrap_or(0);
        if n_seeds == 0 {
            continue;
        }
        let words = |values: &Vec<f64>| match over_seeds(values) {
            None => "–".to_owned(),
            Some(mean) => {
                let text = within(mean).in_words(|value| Unit::Percent.format(value));
                if values.len() < n_seeds { format!("{text}, n = {}", values.len()) } else { text }
            }
        };
        table.push([cell.plan.clone(), n_seeds.to_string()].into_iter().chain(by_model.iter().map(words)));
    }
    let caption = format!(
        "{}; {}. Expected calibration error, means over seeds with Student's 95 % intervals.",
        experiment.common,
        experiment.common.budget()
    );
    (!table.rows.is_empty()).then(|| Piece::table(caption, table))
}

/// An error is a share of 0 to 1, which a symmetric interval does not know.
fn within(mean: Mean) -> Mean {
    let clamp = |interval: crate::statistics::Interval| crate::statistics::Interval {
        low: interval.low.max(0.0),
        high: interval.high.min(1.0),
        ..interval
    };
    Mean { interval: mean.interval.map(clamp), ..mean }
}

/// Accuracy against confidence, the mean over seeds of each bin.
fn reliability(
    experiment: &Experiment,
    cell: &Cell,
    predictions: &BTreeMap<&RunId, &RowPredictions>,
    number: usize,
) -> Option<Figure> {
    let runs: Vec<&RowPredictions> = cell.runs.iter().filter_map(|run| predictions.get(&run.run_id).copied()).collect();
    let mut n_seeds = 0;
    let mut series = Vec::new();
    for which in models(experiment)
        .into_iter()
        .filter(|which| *which != Condition::Healthy || experiment.common.reference == *which)
    {
        let by_seed: Vec<CompactReliability> = runs
            .iter()
            .filter_map(|run| {
                let labels: Vec<u32> = run.rows.iter().map(|row| row.label).collect();
                Some(run.of(which)?.reliability(&labels))
            })
            .collect();
        n_seeds = n_seeds.max(by_seed.len());
        let points = points(&by_seed);
        if !points.is_empty() {
            series.push(Series { label: which.as_str().to_owned(), role: Some(which), mark: Mark::Points, points });
        }
    }
    let mean = |series: &Series| {
        let n: u64 = series.points.iter().filter_map(|point| point.n).sum();
        let gap = series.points.iter().map(|point| (point.x - point.y) * point.n.unwrap_or(0) as f64).sum::<f64>();
        format!("{} {:+.1} points", series.label, 100.0 * gap / n.max(1) as f64)
    };
    let described: Vec<String> = series.iter().map(mean).collect();
    (!series.is_empty()).then(|| Figure {
        id: format!("reliability-{number}"),
        title: format!("Reliability: {}", cell.plan),
        caption: format!(
            "Accuracy by confidence in 15 bins; on the diagonal confidence equals accuracy, below it models are too sure; {}, \
             {}; {}, bars are Student's 95 % intervals over the seeds that have rows in the bin (none for a single seed), n is \
             rows over all seeds.",
            experiment.common.model,
            experiment.common.dataset,
            seeds_in_words(n_seeds)
        ),
        description: format!("Confidence above accuracy, as the mean over seeds in each bin, weighted by the bin's rows: {}.", described.join(", ")),
        chart: Chart::Lines(LineChart {
            x: Axis::percent("confidence"),
            y: Axis::percent("accuracy"),
            series,
            diagonal: true,
        }),
    })
}

fn points(by_seed: &[CompactReliability]) -> Vec<Point> {
    let n_bins = by_seed.iter().map(|of| of.bins.len()).max().unwrap_or(0);
    let point = |bin: usize| {
        let bins: Vec<_> = by_seed.iter().filter_map(|of| of.bins.get(bin)).filter(|bin| bin.n > 0).collect();
        let n: u64 = bins.iter().map(|bin| bin.n).sum();
        let confidence = bins.iter().map(|bin| bin.confidence * bin.n as f64).sum::<f64>() / n.max(1) as f64;
        let shares: Vec<f64> = bins.iter().map(|bin| bin.n_correct as f64 / bin.n as f64).collect();
        let mean = within(over_seeds(&shares)?);
        Some(Point { x: confidence, y: mean.value, interval: mean.interval, n: Some(n) })
    };
    (0..n_bins).filter_map(point).collect()
}
