//! A figure and the charts that there are.

use serde::{Deserialize, Serialize};

use super::format::Unit;
use crate::condition::Condition;
use crate::inspection::WeightHistogram;
use crate::statistics::Interval;

/// A chart with its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Lower-case letters, digits and hyphens: for anchors and file names.
    pub id: String,
    /// A few words.
    pub title: String,
    /// What it shows and how to read it, for everybody.
    pub caption: String,
    /// What there is to see, for those who cannot see it; a full sentence.
    pub description: String,
    /// The numbers.
    pub chart: Chart,
}

/// The kinds of charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// Values with their intervals, one a line.
    Intervals(IntervalChart),
    /// Curves or points over a numeric axis.
    Lines(LineChart),
    /// Distributions over the same bins.
    Histogram(HistogramChart),
    /// Counts by two classes.
    Matrix(MatrixChart),
    /// A network as a stack, with what was changed in it.
    Network(NetworkChart),
    /// Numbers by two names, the larger the darker.
    Heat(HeatChart),
}

/// A numeric axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What is counted or measured, with its unit.
    pub label: String,
    /// Left or lower end.
    pub low: f64,
    /// Right or upper end, above `low`.
    pub high: f64,
    /// How its numbers are written.
    pub unit: Unit,
    /// How its numbers are spaced.
    #[serde(default)]
    pub scale: Scale,
}

/// How the numbers of an axis are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal steps are equally long.
    #[default]
    Linear,
    /// Equal factors are equally long; both ends are above 0.
    Log,
}

/// Values with their intervals on one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalChart {
    /// The axis.
    pub axis: Axis,
    /// Confidence of the intervals, such as 0.95.
    pub level: f64,
    /// From top to bottom.
    pub rows: Vec<IntervalRow>,
    /// Values to compare with.
    pub references: Vec<Reference>,
}

/// One value with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalRow {
    /// Its name.
    pub label: String,
    /// What it stands for.
    pub role: Option<Condition>,
    /// The value.
    pub value: f64,
    /// Where the true value lies.
    pub interval: Interval,
}

/// A value on an axis to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name.
    pub label: String,
    /// Where it is.
    pub value: f64,
}

/// Curves or points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineChart {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Drawn one after another.
    pub series: Vec<Series>,
    /// Whether y = x is drawn, where points would lie that are as they should be.
    pub diagonal: bool,
}

/// One curve, or one set of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Its name.
    pub label: String,
    /// What it stands for.
    pub role: Option<Condition>,
    /// Whether points are joined.
    pub mark: Mark,
    /// In ascending order of `x`.
    pub points: Vec<Point>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A line through the points.
    Line,
    /// The points, with their intervals.
    Points,
    /// A line through the points that is one of several of the same kind, by its place among them from 0: it has a colour
    /// and dashes of its own, and its label at its end.
    Nth(usize),
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Where, on the horizontal axis.
    pub x: f64,
    /// Where, on the vertical axis.
    pub y: f64,
    /// The interval of `y`, where there is one: lower and upper end.
    pub interval: Option<Interval>,
    /// How many observations it stands for, where that is told.
    pub n: Option<u64>,
}

/// Distributions over bins of equal width from `x.low` to `x.high`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramChart {
    /// The horizontal axis, which the bins divide evenly.
    pub x: Axis,
    /// All with the same number of bins.
    pub series: Vec<HistogramSeries>,
}

/// One distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramSeries {
    /// Its name.
    pub label: String,
    /// What it stands for.
    pub role: Option<Condition>,
    /// Values in each bin.
    pub counts: Vec<u64>,
    /// Values in no bin.
    pub outside: Outside,
}

impl HistogramSeries {
    /// Of weights.
    #[must_use]
    pub fn of(label: &str, role: Option<Condition>, weights: &WeightHistogram) -> Self {
        let WeightHistogram { n_below, n_above, n_non_finite, .. } = *weights;
        let outside = Outside { n_below, n_above, n_non_finite };
        Self { label: label.to_owned(), role, counts: weights.counts.clone(), outside }
    }
}

/// Mean and standard deviation of weights, as captions have them.
#[must_use]
pub fn mean_and_spread(weights: &WeightHistogram) -> String {
    let number = |x: f64| Unit::Number.format(x);
    format!("mean {}, standard deviation {}", number(weights.mean), number(weights.std))
}

/// Values that no bin of a distribution holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Below the first bin.
    pub n_below: u64,
    /// Above the last bin.
    pub n_above: u64,
    /// Infinities and NaNs.
    pub n_non_finite: u64,
}

/// Counts by true class (rows) and predicted class (columns).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixChart {
    /// What the counts are of.
    pub role: Option<Condition>,
    /// What the rows are.
    pub row_label: String,
    /// What the columns are.
    pub column_label: String,
    /// Names of the classes, of rows and columns alike.
    pub classes: Vec<String>,
    /// `[classes][classes]`.
    pub counts: Vec<Vec<u64>>,
}

/// A network as a stack of rows of modules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkChart {
    /// From the input (the embeddings) to the output (the classifier); drawn with the input at the bottom.
    pub rows: Vec<NetworkRow>,
}

/// Modules beside one another, such as those of an encoder layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRow {
    /// Its name, such as `layer 3`.
    pub label: String,
    /// From left to right.
    pub modules: Vec<NetworkModule>,
}

/// One module and what was changed in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkModule {
    /// Its name.
    pub label: String,
    /// What a plan did to it; none when no step touches it.
    pub touched: Option<Touched>,
}

/// How much of a module was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    /// Values of the module.
    pub n_elements: u64,
    /// Of these, the values whose bits were changed.
    pub n_changed: u64,
    /// Whether `n_changed` is only known to be not exceeded: where several steps change a tensor their counts are added up,
    /// whichever values they share, to at most all of them.
    #[serde(default)]
    pub is_upper_bound: bool,
}

/// Numbers by two names, the farther from 0 the darker; each is written in its cell, so that no meaning rests on colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatChart {
    /// What the rows are.
    pub row_label: String,
    /// What the columns are.
    pub column_label: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// From top to bottom.
    pub rows: Vec<HeatRow>,
}

/// A row of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatRow {
    /// Its name.
    pub label: String,
    /// One for each column; none where there is no number.
    pub cells: Vec<Option<HeatCell>>,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatCell {
    /// The number, which is written with one decimal.
    pub value: f64,
    /// A few words on it.
    pub note: String,
}

impl Touched {
    /// The share that was changed, 0–1.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.n_elements == 0 { 0.0 } else { self.n_changed as f64 / self.n_elements as f64 }
    }
}

impl Axis {
    /// An axis for shares from 0 to 1, written as percent.
    #[must_use]
    pub fn percent(label: &str) -> Self {
        Self::linear(label, 0.0, 1.0, Unit::Percent)
    }

    /// An axis whose numbers are evenly spaced.
    #[must_use]
    pub fn linear(label: impl Into<String>, low: f64, high: f64, unit: Unit) -> Self {
        Self { label: label.into(), low, high, unit, scale: Scale::Linear }
    }

    /// A number with the axis's unit.
    #[must_use]
    pub fn format(&self, value: f64) -> String {
        self.unit.format(value)
    }
}
