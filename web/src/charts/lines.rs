//! Curves and points.

use super::plane::Plane;
use super::scene::{Ink, Scene};
use shared::Condition;
use shared::figure::{LineChart, Mark};
use shared::statistics::Interval;

/// Height by width.
const ASPECT: f64 = 0.52;

/// Pixels between the intervals of series at the same place.
const DODGE: f64 = 9.0;

pub(super) fn draw(chart: &LineChart, width: f64) -> Scene {
    let mut scene = Scene::new(width, (ASPECT * width).clamp(210.0, 340.0));
    let plane = Plane::new(&mut scene, &chart.x, &chart.y);
    if chart.diagonal {
        let (low, high) = (chart.x.low.max(chart.y.low), chart.x.high.min(chart.y.high));
        scene.dashes(plane.at(low, low), plane.at(high, high), Ink::Faint);
    }
    // Intervals of several series at the same place would cover one another: they stand side by side.
    let has_intervals = chart.series.iter().flat_map(|series| &series.points).any(|point| point.interval.is_some());
    let n_series = chart.series.len();
    let step = if has_intervals && n_series > 1 { DODGE } else { 0.0 };
    for (i, series) in chart.series.iter().enumerate() {
        let aside = step * (i as f64 - (n_series - 1) as f64 / 2.0);
        let at = |x: f64, y: f64| {
            let (x, y) = plane.at(x, y);
            (x + aside, y)
        };
        let ink = Ink::Role(series.role);
        for point in &series.points {
            if let Some(Interval { low, high, .. }) = point.interval {
                let (from, to) = (at(point.x, low), at(point.x, high));
                scene.line(from, to, ink, 1.5);
                for (x, y) in [from, to] {
                    scene.line((x - 4.0, y), (x + 4.0, y), ink, 1.5);
                }
            }
        }
        if series.mark == Mark::Line {
            let places: Vec<_> = series.points.iter().map(|point| at(point.x, point.y)).collect();
            scene.polyline(&places, ink, 2.25);
        }
        // Many steps of a curve need no signs but the last one, by which it is told without colour.
        let is_dense = series.mark == Mark::Line && series.points.len() > 12;
        let n_signs = if is_dense { 1 } else { series.points.len() };
        for point in series.points.iter().rev().take(n_signs) {
            scene.sign(at(point.x, point.y), series.role, 5.0);
        }
    }
    let entries: Vec<(&str, Option<Condition>)> =
        chart.series.iter().map(|series| (series.label.as_str(), series.role)).collect();
    plane.legend(&mut scene, &entries);
    scene
}
