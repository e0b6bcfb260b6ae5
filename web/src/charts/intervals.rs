//! Values with their intervals, one a line.

use super::plane::ticks;
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, shortened, text_width};
use shared::figure::IntervalChart;

const ROW: f64 = 34.0;
/// A row whose name stands above its line, since it would not fit beside it.
const HIGH_ROW: f64 = 46.0;
/// Room above the rows, for names of references, and below, for the axis.
const TOP: f64 = 24.0;
const BOTTOM: f64 = 30.0;
/// Room at the right for a value.
const RIGHT: f64 = 66.0;

pub(super) fn draw(chart: &IntervalChart, width: f64) -> Scene {
    let axis = &chart.axis;
    let widest = chart.rows.iter().map(|row| text_width(&row.label, LABEL)).fold(0.0, f64::max);
    let is_above = widest + 14.0 > 0.38 * width;
    let (left, row_height) = if is_above { (8.0, HIGH_ROW) } else { (widest + 14.0, ROW) };
    let bottom = TOP + row_height * chart.rows.len() as f64;
    let mut scene = Scene::new(width, bottom + BOTTOM);
    let right = width - RIGHT;
    let x = |value: f64| left + (right - left) * ((value - axis.low) / (axis.high - axis.low)).clamp(0.0, 1.0);
    for value in ticks(axis, 5) {
        scene.line((x(value), TOP), (x(value), bottom), Ink::Grid, 1.0);
        scene.text((x(value), bottom + 13.0), axis.format(value), Anchor::Middle, Ink::Faint, SMALL);
    }
    for reference in &chart.references {
        scene.dashes((x(reference.value), TOP), (x(reference.value), bottom), Ink::Faint);
        let label = format!("{} {}", reference.label, axis.format(reference.value));
        let half = text_width(&label, SMALL) / 2.0;
        let at = x(reference.value).clamp(half, width - half);
        scene.text((at, 11.0), label, Anchor::Middle, Ink::Faint, SMALL);
    }
    for (i, row) in chart.rows.iter().enumerate() {
        let y = TOP + row_height * (i as f64 + if is_above { 0.7 } else { 0.5 });
        let ink = Ink::Role(row.role);
        scene.line((x(row.interval.low), y), (x(row.interval.high), y), ink, 2.5);
        for end in [row.interval.low, row.interval.high] {
            scene.line((x(end), y - 6.0), (x(end), y + 6.0), ink, 2.0);
        }
        scene.sign((x(row.value), y), row.role, 6.5);
        if is_above {
            let label = shortened(&row.label, width - left, LABEL);
            scene.text((left, y - 20.0), label, Anchor::Start, Ink::Text, LABEL);
        } else {
            scene.text((left - 12.0, y), row.label.clone(), Anchor::End, Ink::Text, LABEL);
        }
        scene.bold((right + 12.0, y), axis.format(row.value), Anchor::Start, Ink::Text, LABEL);
    }
    scene
}
