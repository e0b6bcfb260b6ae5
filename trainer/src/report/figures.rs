//! The charts of a run.

use shared::Condition;
use shared::evaluation::{CALIBRATION_BINS, Prediction, confusion, reliability_bins};
use shared::figure::{
    Axis, Chart, Figure, HistogramChart, HistogramSeries, IntervalChart, IntervalRow, LineChart, Mark, MatrixChart,
    NetworkChart, Point, Reference, Series, Unit, mean_and_spread,
};
use shared::record::MetricsLine;
use shared::statistics::wilson;
use shared::words::capitalised;

use super::evidence::{Evidence, ModelEvidence};
use super::words::percent;

/// Confidence of intervals that are not in the record.
pub(super) const LEVEL: f64 = 0.95;

/// Points of a curve: more would not be seen, and each is a row of the table.
const MAX_CURVE_POINTS: usize = 60;

/// Accuracy of the models with Wilson intervals, and the share of the most frequent class.
pub(super) fn accuracy(evidence: &Evidence) -> anyhow::Result<Option<Figure>> {
    if evidence.models.is_empty() {
        return Ok(None);
    }
    let rows = evidence.models.iter().map(|model| {
        let estimate = accuracy_interval(model)?;
        let (label, role) = (model.which.as_str().to_owned(), Some(model.which));
        Ok(IntervalRow { label, role, value: estimate.value, interval: estimate.interval })
    });
    let rows: Vec<IntervalRow> = rows.collect::<anyhow::Result<_>>()?;
    let values: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} ({} to {})",
                row.label,
                percent(row.value),
                percent(row.interval.low),
                percent(row.interval.high)
            )
        })
        .collect();
    let references: Vec<Reference> = majority(evidence)
        .map(|value| Reference { label: "most frequent class".to_owned(), value })
        .into_iter()
        .collect();
    Ok(Some(Figure {
        id: "accuracy".to_owned(),
        title: "Accuracy".to_owned(),
        caption: "Share of evaluated rows that each model gets right, with its 95 % Wilson interval over rows. The \
                  dashed line is the accuracy of always predicting the most frequent class."
            .to_owned(),
        description: format!("Accuracy: {}.", values.join("; ")),
        chart: Chart::Intervals(IntervalChart { axis: Axis::percent("accuracy"), level: LEVEL, rows, references }),
    }))
}

/// The Wilson interval of a recorded accuracy.
pub(super) fn accuracy_interval(model: &ModelEvidence) -> anyhow::Result<shared::statistics::Estimate> {
    let n = model.result.metrics.n as u64;
    let n_right = (model.result.metrics.accuracy * n as f64).round() as u64;
    Ok(wilson(n_right, n, LEVEL)?)
}

/// The share of the most frequent true class among the reported rows.
fn majority(evidence: &Evidence) -> Option<f64> {
    let (predictions, _) = evidence.models.iter().find_map(|model| model.predicted.as_ref())?;
    let mut counts = vec![0_usize; evidence.label_names.len()];
    for prediction in predictions {
        counts[prediction.label as usize] += 1;
    }
    counts.into_iter().max().map(|n| n as f64 / predictions.len() as f64)
}

/// Loss and accuracy on training batches.
pub(super) fn curves(evidence: &Evidence) -> Vec<Figure> {
    let last = evidence.metrics.iter().map(|line| line.step).max().unwrap_or(0);
    let steps_per_point = last.div_ceil(MAX_CURVE_POINTS).max(1);
    let of = |y: fn(&MetricsLine) -> f64| -> Vec<Series> {
        Condition::FINE_TUNED
            .map(|condition| (condition, Some(condition)))
            .into_iter()
            .map(|(phase, role)| Series {
                label: phase.as_str().to_owned(),
                role,
                mark: Mark::Line,
                points: averaged(&evidence.metrics, phase, steps_per_point, y),
            })
            .filter(|series| !series.points.is_empty())
            .collect()
    };
    let averages = match steps_per_point {
        1 => "each point is one step".to_owned(),
        n => format!("each point is the mean over the rows of {n} steps"),
    };
    let x = Axis::linear("step", 0.0, last as f64, Unit::Count);
    let figure = |id: &str, title: &str, y: Axis, series: Vec<Series>| {
        let ends: Vec<String> = series
            .iter()
            .filter_map(|series| {
                let (first, last) = (series.points.first()?, series.points.last()?);
                Some(format!("{} from {} to {}", series.label, y.format(first.y), y.format(last.y)))
            })
            .collect();
        Figure {
            id: id.to_owned(),
            title: title.to_owned(),
            caption: format!("{title} on training batches during fine-tuning, with dropout on; {averages}."),
            description: format!("{title} during fine-tuning: {}.", ends.join("; ")),
            chart: Chart::Lines(LineChart { x: x.clone(), y, series, diagonal: false }),
        }
    };
    let (losses, accuracies) = (of(|line| line.loss), of(|line| line.accuracy));
    if losses.is_empty() {
        return Vec::new();
    }
    let highest = losses.iter().flat_map(|series| &series.points).map(|point| point.y).fold(0.0, f64::max);
    let loss = Axis::linear("loss", 0.0, (1.05 * highest).max(1e-6), Unit::Number);
    vec![
        figure("loss", "Training loss", loss, losses),
        figure("training-accuracy", "Training accuracy", Axis::percent("accuracy"), accuracies),
    ]
}

/// Means over rows of so many steps, each at its last step; steps whose value is not finite are left out.
fn averaged(lines: &[MetricsLine], phase: Condition, steps_per_point: usize, y: fn(&MetricsLine) -> f64) -> Vec<Point> {
    let lines: Vec<&MetricsLine> = lines.iter().filter(|line| line.phase == phase && y(line).is_finite()).collect();
    let chunks = lines.chunk_by(|a, b| (a.step - 1) / steps_per_point == (b.step - 1) / steps_per_point);
    let mean = |chunk: &[&MetricsLine]| {
        let rows: usize = chunk.iter().map(|line| line.samples).sum();
        let sum: f64 = chunk.iter().map(|line| y(line) * line.samples as f64).sum();
        let step = chunk.iter().map(|line| line.step).max().unwrap_or(0);
        Point { x: step as f64, y: sum / rows.max(1) as f64, interval: None, n: None }
    };
    chunks.map(mean).collect()
}

/// The network with what the plan touched.
pub(super) fn network(evidence: &Evidence) -> Option<Figure> {
    let (detail, config) = (evidence.corruption.as_ref()?, evidence.config.as_ref()?);
    Some(Figure {
        id: "network".to_owned(),
        title: "What was damaged".to_owned(),
        caption: "The network, from the embeddings at the bottom to the classifier at the top. Modules that the plan \
                  touches are filled and labelled with the share of their values whose bits changed (≤ where several \
                  steps changed a tensor, possibly the same values)."
            .to_owned(),
        description: detail.sentence.clone(),
        chart: Chart::Network(NetworkChart::new(config, &detail.report)),
    })
}

/// Weights before and after the corruption, by kind of parameter.
pub(super) fn weights(evidence: &Evidence) -> Vec<Figure> {
    let Some(detail) = &evidence.corruption else { return Vec::new() };
    let figure = |change: &shared::inspection::WeightChange| {
        let label = change.group.label();
        let (before, after) = (&change.before, &change.after);
        Figure {
            id: format!("weights-{}", label.replace(' ', "-").to_lowercase()),
            title: label[..1].to_uppercase() + &label[1..],
            caption: format!(
                "{} touched {}. Before: {}. After: {}.",
                change.n_tensors,
                if change.n_tensors == 1 { "tensor" } else { "tensors" },
                mean_and_spread(before),
                mean_and_spread(after)
            ),
            description: format!(
                "Histogram of {label}: before {}; after {}.",
                mean_and_spread(before),
                mean_and_spread(after)
            ),
            chart: Chart::Histogram(HistogramChart {
                x: Axis::linear("value", change.low, change.high, Unit::Number),
                series: vec![
                    HistogramSeries::of("before", Some(Condition::Healthy), before),
                    HistogramSeries::of("after", Some(Condition::Corrupted), after),
                ],
            }),
        }
    };
    detail.weights.iter().map(figure).collect()
}

/// A confusion matrix for each model.
pub(super) fn confusions(evidence: &Evidence) -> anyhow::Result<Vec<Figure>> {
    let figure = |model: &ModelEvidence| -> anyhow::Result<Option<Figure>> {
        let Some((predictions, metrics)) = &model.predicted else { return Ok(None) };
        let counts = confusion(predictions, evidence.label_names.len())?;
        let name = model.which.as_str();
        let not_finite = match metrics.n_non_finite {
            0 => String::new(),
            n => format!(" {n} rows without a finite answer are not counted in any cell."),
        };
        Ok(Some(Figure {
            id: format!("confusion-{name}"),
            title: capitalised(name),
            caption: format!("Rows by true class (down) and predicted class (across).{not_finite}"),
            description: format!(
                "Confusion matrix of the {name} model: {} of {} rows are on the diagonal.",
                (0..counts.len()).map(|i| counts[i][i]).sum::<u64>(),
                metrics.n
            ),
            chart: Chart::Matrix(MatrixChart {
                role: Some(model.which),
                row_label: "true".to_owned(),
                column_label: "predicted".to_owned(),
                classes: evidence.label_names.clone(),
                counts,
            }),
        }))
    };
    evidence.models.iter().filter_map(|model| figure(model).transpose()).collect()
}

/// A reliability diagram for each model.
pub(super) fn reliability(evidence: &Evidence) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for model in &evidence.models {
        let Some((predictions, metrics)) = &model.predicted else { continue };
        let name = model.which.as_str();
        let error = match metrics.expected_calibration_error {
            Some(error) => format!("expected calibration error {}", percent(error)),
            None => "calibration error undefined, since at least one row is not finite".to_owned(),
        };
        figures.push(Figure {
            id: format!("reliability-{name}"),
            title: format!("{}: {error}", capitalised(name)),
            caption: "Accuracy by the model's confidence, with 95 % Wilson intervals; on the diagonal, confidence \
                      equals accuracy."
                .to_owned(),
            description: format!("Reliability diagram of the {name} model over {CALIBRATION_BINS} bins; {error}."),
            chart: Chart::Lines(LineChart {
                x: Axis::percent("confidence"),
                y: Axis::percent("accuracy"),
                series: vec![Series {
                    label: name.to_owned(),
                    role: Some(model.which),
                    mark: Mark::Points,
                    points: reliability_points(predictions)?,
                }],
                diagonal: true,
            }),
        });
    }
    Ok(figures)
}

fn reliability_points(predictions: &[Prediction]) -> anyhow::Result<Vec<Point>> {
    let point = |bin: shared::evaluation::ReliabilityBin| {
        let estimate = wilson(bin.n_correct, bin.n, LEVEL)?;
        let interval = Some(estimate.interval);
        Ok(Point { x: bin.confidence, y: estimate.value, interval, n: Some(bin.n) })
    };
    reliability_bins(predictions).into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phase: Condition, step: usize, loss: f64, samples: usize) -> MetricsLine {
        let (epoch, accuracy, learning_rate, grad_norm, tokens) = (0.0, 0.5, 1e-5, 1.0, 100);
        MetricsLine { phase, step, epoch, loss, accuracy, learning_rate, grad_norm, samples, tokens }
    }

    #[test]
    fn points_of_a_curve_are_means_over_rows_and_skip_what_is_not_finite() {
        let lines = [
            line(Condition::Healthy, 1, 1.0, 30),
            line(Condition::Healthy, 2, 2.0, 10),
            line(Condition::Healed, 1, 9.0, 10),
            line(Condition::Healthy, 3, 4.0, 10),
            line(Condition::Healthy, 4, f64::NAN, 10),
        ];
        let points = averaged(&lines, Condition::Healthy, 2, |line| line.loss);
        let xy: Vec<(f64, f64)> = points.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(xy, [(2.0, 1.25), (3.0, 4.0)]);
    }
}
