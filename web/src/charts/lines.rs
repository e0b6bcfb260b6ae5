//! Curves and points.

use super::plane::Plane;
use super::scene::{Ink, Scene};
use shared::figure::{LineChart, Mark, Role};

/// Height by width.
const ASPECT: f64 = 0.52;

pub(super) fn draw(chart: &LineChart, width: f64) -> Scene {
    let mut scene = Scene::new(width, (ASPECT * width).clamp(210.0, 340.0));
    let plane = Plane::new(&mut scene, &chart.x, &chart.y);
    if chart.diagonal {
        let (low, high) = (chart.x.low.max(chart.y.low), chart.x.high.min(chart.y.high));
        scene.dashes(plane.at(low, low), plane.at(high, high), Ink::Faint);
    }
    for series in &chart.series {
        let ink = Ink::Role(series.role);
        for point in &series.points {
            if let Some((low, high)) = point.interval {
                let (from, to) = (plane.at(point.x, low), plane.at(point.x, high));
                scene.line(from, to, ink, 1.5);
                for (x, y) in [from, to] {
                    scene.line((x - 4.0, y), (x + 4.0, y), ink, 1.5);
                }
            }
        }
        if series.mark == Mark::Line {
            let places: Vec<_> = series.points.iter().map(|point| plane.at(point.x, point.y)).collect();
            scene.polyline(&places, ink, 2.25);
        }
        // Many steps of a curve need no signs but the last one, by which it is told without colour.
        let is_dense = series.mark == Mark::Line && series.points.len() > 12;
        let n_signs = if is_dense { 1 } else { series.points.len() };
        for point in series.points.iter().rev().take(n_signs) {
            scene.sign(plane.at(point.x, point.y), series.role, 5.0);
        }
    }
    let entries: Vec<(&str, Role)> = chart.series.iter().map(|series| (series.label.as_str(), series.role)).collect();
    plane.legend(&mut scene, &entries);
    scene
}
