//! Distributions over the same bins: the first filled, the others as outlines, so that both are seen.

use plotters::prelude::*;
use shared::Condition;
use shared::figure::{Axis, HistogramChart, Unit};

use super::axes::{legend, plane};
use super::{Area, SCALE, color_of, failed};

/// How much higher than the first distribution the axis reaches: where all values become one, its bar would press all
/// others flat.
const MAX_HEADROOM: f64 = 3.0;

const FILL: f64 = 0.45;

pub(super) fn draw(area: &Area<'_>, chart: &HistogramChart) -> anyhow::Result<()> {
    let highest = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0) as f64;
    let first = chart.series.first().map_or(0.0, |series| highest(&series.counts));
    let all = chart.series.iter().map(|series| highest(&series.counts)).fold(0.0, f64::max);
    let top = if first > 0.0 { all.min(MAX_HEADROOM * first) } else { all };
    let y = Axis { label: "values".to_owned(), low: 0.0, high: (1.05 * top).max(1.0), unit: Unit::Count };
    let plane = plane(area, &chart.x, &y)?;
    for (i, series) in chart.series.iter().enumerate() {
        let n_bins = series.counts.len().max(1);
        let edge = |bin: usize| chart.x.low + (chart.x.high - chart.x.low) * bin as f64 / n_bins as f64;
        let mut outline = vec![plane.backend_coord(&(chart.x.low, 0.0))];
        for (bin, count) in series.counts.iter().enumerate() {
            let height = (*count as f64).min(y.high);
            outline.extend([edge(bin), edge(bin + 1)].map(|x| plane.backend_coord(&(x, height))));
        }
        outline.push(plane.backend_coord(&(chart.x.high, 0.0)));
        let color = color_of(series.role);
        if i == 0 {
            area.draw(&Polygon::new(outline, color.mix(FILL).filled())).map_err(failed)?;
        } else {
            area.draw(&PathElement::new(outline, color.stroke_width(2 * SCALE as u32))).map_err(failed)?;
        }
    }
    let entries: Vec<(&str, Option<Condition>)> =
        chart.series.iter().map(|series| (series.label.as_str(), series.role)).collect();
    legend(area, &entries)
}
