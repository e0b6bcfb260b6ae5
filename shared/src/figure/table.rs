//! The numbers of a chart as a table, for those who read rather than look.

use crate::statistics::Interval;
use serde::{Deserialize, Serialize};

use super::{Chart, HeatChart, HistogramChart, IntervalChart, LineChart, MatrixChart, NetworkChart, Outside, Unit};

/// Cells as text, every row as long as the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTable {
    /// Names of the columns.
    pub header: Vec<String>,
    /// From top to bottom; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

impl DataTable {
    /// An empty table.
    #[must_use]
    pub fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row at the bottom.
    pub fn push<T: Into<String>>(&mut self, row: impl IntoIterator<Item = T>) {
        let row: Vec<String> = row.into_iter().map(Into::into).collect();
        debug_assert_eq!(row.len(), self.header.len(), "a row has a cell for each column");
        self.rows.push(row);
    }
}

impl Chart {
    /// Every number of the chart.
    #[must_use]
    pub fn table(&self) -> DataTable {
        match self {
            Self::Intervals(chart) => intervals(chart),
            Self::Lines(chart) => lines(chart),
            Self::Histogram(chart) => histogram(chart),
            Self::Matrix(chart) => matrix(chart),
            Self::Network(chart) => network(chart),
            Self::Heat(chart) => heat(chart),
        }
    }
}

fn intervals(chart: &IntervalChart) -> DataTable {
    let axis = &chart.axis;
    let interval = format!("{:.0} % interval", 100.0 * chart.level);
    let mut table = DataTable::new(["", axis.label.as_str(), &interval]);
    for row in &chart.rows {
        let interval = format!("{} to {}", axis.format(row.interval.low), axis.format(row.interval.high));
        table.push([row.label.clone(), axis.format(row.value), interval]);
    }
    for reference in &chart.references {
        table.push([reference.label.clone(), axis.format(reference.value), "–".to_owned()]);
    }
    table
}

/// One row for each `x` that any series has; intervals and numbers of observations are in the cell.
fn lines(chart: &LineChart) -> DataTable {
    let labels = chart.series.iter().map(|series| series.label.as_str());
    let mut table = DataTable::new(std::iter::once(chart.x.label.as_str()).chain(labels));
    let mut xs: Vec<f64> = chart.series.iter().flat_map(|series| series.points.iter().map(|point| point.x)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    for x in xs {
        let cell = |series: &super::Series| {
            let Some(point) = series.points.iter().find(|point| point.x == x) else { return "–".to_owned() };
            let interval = point.interval.map_or(String::new(), |Interval { low, high, .. }| {
                format!(" ({} to {})", chart.y.format(low), chart.y.format(high))
            });
            let n = point.n.map_or(String::new(), |n| format!(", n = {}", Unit::Count.format(n as f64)));
            format!("{}{interval}{n}", chart.y.format(point.y))
        };
        table.push(std::iter::once(chart.x.format(x)).chain(chart.series.iter().map(cell)));
    }
    table
}

fn histogram(chart: &HistogramChart) -> DataTable {
    let labels = chart.series.iter().map(|series| series.label.as_str());
    let mut table = DataTable::new(std::iter::once(chart.x.label.as_str()).chain(labels));
    let n_bins = chart.series.iter().map(|series| series.counts.len()).max().unwrap_or(0);
    let count = |n: u64| Unit::Count.format(n as f64);
    for bin in 0..n_bins {
        let (low, high) = bin_edges(chart, n_bins, bin);
        let name = format!("{} to {}", chart.x.format(low), chart.x.format(high));
        let cells = chart.series.iter().map(|series| count(series.counts.get(bin).copied().unwrap_or(0)));
        table.push(std::iter::once(name).chain(cells));
    }
    let mut push_outside = |name: String, of: fn(&Outside) -> u64| {
        table.push(std::iter::once(name).chain(chart.series.iter().map(|series| count(of(&series.outside)))));
    };
    push_outside(format!("below {}", chart.x.format(chart.x.low)), |outside| outside.n_below);
    push_outside(format!("above {}", chart.x.format(chart.x.high)), |outside| outside.n_above);
    push_outside("not finite".to_owned(), |outside| outside.n_non_finite);
    table
}

/// Both ends of a bin.
fn bin_edges(chart: &HistogramChart, n_bins: usize, bin: usize) -> (f64, f64) {
    let edge = |bin: usize| chart.x.low + (chart.x.high - chart.x.low) * bin as f64 / n_bins as f64;
    (edge(bin), edge(bin + 1))
}

fn matrix(chart: &MatrixChart) -> DataTable {
    let corner = format!("{} \\ {}", chart.row_label, chart.column_label);
    let mut table = DataTable::new(std::iter::once(corner).chain(chart.classes.iter().cloned()));
    for (class, counts) in chart.classes.iter().zip(&chart.counts) {
        let counts = counts.iter().map(|n| Unit::Count.format(*n as f64));
        table.push(std::iter::once(class.clone()).chain(counts));
    }
    table
}

fn heat(chart: &HeatChart) -> DataTable {
    let corner = format!("{} \\ {}", chart.row_label, chart.column_label);
    let mut table = DataTable::new(std::iter::once(corner).chain(chart.columns.iter().cloned()));
    for row in &chart.rows {
        let cells = row.cells.iter().map(|cell| match cell {
            Some(cell) if cell.note.is_empty() => format!("{:.1}", cell.value),
            Some(cell) => format!("{:.1} ({})", cell.value, cell.note),
            None => "–".to_owned(),
        });
        table.push(std::iter::once(row.label.clone()).chain(cells));
    }
    table
}

fn network(chart: &NetworkChart) -> DataTable {
    let mut table = DataTable::new(["part", "module", "changed", "values changed", "of"]);
    // From the output down, as it is drawn.
    for row in chart.rows.iter().rev() {
        for module in &row.modules {
            let cells = match module.touched {
                None => ["–".to_owned(), "–".to_owned(), "–".to_owned()],
                Some(touched) => {
                    let at_most = if touched.is_upper_bound { "≤ " } else { "" };
                    [
                        format!("{at_most}{}", Unit::Percent.format(touched.share())),
                        format!("{at_most}{}", Unit::Count.format(touched.n_changed as f64)),
                        Unit::Count.format(touched.n_elements as f64),
                    ]
                }
            };
            table.push([row.label.clone(), module.label.clone()].into_iter().chain(cells));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, HistogramSeries, Mark, NetworkModule, NetworkRow, Point, Series, Touched};
    use super::*;
    use crate::Condition;

    #[test]
    fn a_heat_table_has_every_number_with_its_note() {
        let cell = |value: f64, note: &str| Some(super::super::HeatCell { value, note: note.into() });
        let rows =
            vec![super::super::HeatRow { label: "sst2".into(), cells: vec![cell(4.25, "n 3"), None, cell(-1.0, "")] }];
        let chart = HeatChart {
            row_label: "dataset".into(),
            column_label: "level".into(),
            columns: ["a", "b", "c"].map(str::to_owned).into(),
            rows,
        };
        let table = Chart::Heat(chart).table();
        assert_eq!(table.header, ["dataset \\ level", "a", "b", "c"]);
        assert_eq!(table.rows, [["sst2", "4.2 (n 3)", "–", "-1.0"]]);
    }

    fn point(x: f64, y: f64) -> Point {
        Point { x, y, interval: None, n: None }
    }

    #[test]
    fn curves_of_different_lengths_share_one_table() {
        let series = |label: &str, role, points| Series { label: label.into(), role, mark: Mark::Line, points };
        let chart = LineChart {
            x: Axis::linear("step", 0.0, 20.0, Unit::Count),
            y: Axis::percent("accuracy"),
            series: vec![
                series("healthy", Some(Condition::Healthy), vec![point(10.0, 0.5), point(20.0, 0.75)]),
                series(
                    "healed",
                    Some(Condition::Healed),
                    vec![Point {
                        interval: Some(Interval { low: 0.25, high: 0.5, level: 0.95 }),
                        n: Some(1200),
                        ..point(10.0, 0.4)
                    }],
                ),
            ],
            diagonal: false,
        };
        let table = Chart::Lines(chart).table();
        assert_eq!(table.header, ["step", "healthy", "healed"]);
        assert_eq!(
            table.rows,
            [vec!["10", "50.0 %", "40.0 % (25.0 % to 50.0 %), n = 1,200"], vec!["20", "75.0 %", "–"]]
        );
    }

    #[test]
    fn a_histogram_tells_what_lies_outside_its_bins() {
        let outside = Outside { n_below: 3, n_above: 4, n_non_finite: 5 };
        let series =
            HistogramSeries { label: "after".into(), role: Some(Condition::Corrupted), counts: vec![1, 2], outside };
        let x = Axis::linear("value", -1.0, 1.0, Unit::Number);
        let table = Chart::Histogram(HistogramChart { x, series: vec![series] }).table();
        let expected = [["-1 to 0", "1"], ["0 to 1", "2"], ["below -1", "3"], ["above 1", "4"], ["not finite", "5"]];
        assert_eq!(table.rows, expected);
    }

    #[test]
    fn the_network_is_told_from_the_output_down() {
        let module = |label: &str, touched| NetworkModule { label: label.into(), touched };
        let touched = Some(Touched { n_elements: 1000, n_changed: 250, is_upper_bound: false });
        let chart = NetworkChart {
            rows: vec![
                NetworkRow { label: "layer 0".into(), modules: vec![module("query", touched), module("key", None)] },
                NetworkRow { label: "classifier".into(), modules: vec![module("classifier", None)] },
            ],
        };
        let table = Chart::Network(chart).table();
        assert_eq!(table.rows[0], ["classifier", "classifier", "–", "–", "–"]);
        assert_eq!(table.rows[1], ["layer 0", "query", "25.0 %", "250", "1,000"]);
    }

    #[test]
    fn a_figure_survives_json() {
        let chart = Chart::Matrix(MatrixChart {
            role: Some(Condition::Healed),
            row_label: "true".into(),
            column_label: "predicted".into(),
            classes: vec!["a".into(), "b".into()],
            counts: vec![vec![3, 1], vec![0, 2]],
        });
        let figure = super::super::Figure {
            id: "confusion-healed".into(),
            title: "Healed".into(),
            caption: String::new(),
            description: String::new(),
            chart,
        };
        let text = serde_json::to_string(&figure).unwrap();
        assert_eq!(serde_json::from_str::<super::super::Figure>(&text).unwrap(), figure);
        assert_eq!(figure.chart.table().rows, [["a", "3", "1"], ["b", "0", "2"]]);
    }
}
