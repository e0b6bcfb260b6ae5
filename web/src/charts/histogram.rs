//! Distributions over the same bins: the first filled, the others as outlines, so that both are seen.

use super::plane::Plane;
use super::scene::{Ink, Scene, outline};
use shared::Condition;
use shared::figure::{Axis, HistogramChart, Unit};

/// How much higher than the first distribution the axis reaches: where all values become one, its bar would press all
/// others flat.
const MAX_HEADROOM: f64 = 3.0;

const FILL: f64 = 0.4;

pub(super) fn draw(chart: &HistogramChart, width: f64) -> Scene {
    let highest = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0) as f64;
    let first = chart.series.first().map_or(0.0, |series| highest(&series.counts));
    let all = chart.series.iter().map(|series| highest(&series.counts)).fold(0.0, f64::max);
    let top = if first > 0.0 { all.min(MAX_HEADROOM * first) } else { all };
    let y = Axis { label: "values".to_owned(), low: 0.0, high: (1.05 * top).max(1.0), unit: Unit::Count };
    let mut scene = Scene::new(width, (0.5 * width).clamp(200.0, 300.0));
    let plane = Plane::new(&mut scene, &chart.x, &y);
    for (i, series) in chart.series.iter().enumerate() {
        let n_bins = series.counts.len().max(1);
        let edge = |bin: usize| chart.x.low + (chart.x.high - chart.x.low) * bin as f64 / n_bins as f64;
        let mut places = vec![plane.at(chart.x.low, 0.0)];
        for (bin, count) in series.counts.iter().enumerate() {
            places.extend([edge(bin), edge(bin + 1)].map(|x| plane.at(x, *count as f64)));
        }
        places.push(plane.at(chart.x.high, 0.0));
        let ink = Ink::Role(series.role);
        if i == 0 {
            scene.path(outline(&places) + "Z", Some((ink, FILL)), Some((ink, 1.0)));
        } else {
            scene.polyline(&places, ink, 2.0);
        }
    }
    let entries: Vec<(&str, Option<Condition>)> =
        chart.series.iter().map(|series| (series.label.as_str(), series.role)).collect();
    plane.legend(&mut scene, &entries);
    scene
}
