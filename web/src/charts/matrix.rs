//! Counts by two classes, darker where more of a row's total lies.

use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, shortened, text_width};
use shared::figure::{MatrixChart, Unit};

/// The side of a cell at most.
const CELL: f64 = 76.0;

/// Room above for the axis's name and the classes'.
const TOP: f64 = 42.0;

/// Classes from which on names across stand upright, since they would meet.
const MANY: usize = 5;

/// Beyond this a number on top would not be read any more.
const MAX_FILL: f64 = 0.6;

pub(super) fn draw(chart: &MatrixChart, width: f64) -> Scene {
    let n = chart.classes.len().max(1);
    let widest = chart.classes.iter().map(|class| text_width(class, LABEL)).fold(40.0, f64::max);
    let left = (widest + 12.0).min(0.36 * width);
    let top = if n > MANY { TOP + 46.0 } else { TOP };
    let cell = CELL.min((width - left - 4.0) / n as f64);
    let side = cell * n as f64;
    let mut scene = Scene::new(left + side + 4.0, top + side + 4.0);
    let across = format!("{} →", chart.column_label);
    scene.text((left + side / 2.0, 9.0), across, Anchor::Middle, Ink::Faint, SMALL);
    scene.text((left - 8.0, 9.0), format!("{} ↓", chart.row_label), Anchor::End, Ink::Faint, SMALL);
    for (i, class) in chart.classes.iter().enumerate() {
        let center = cell * (i as f64 + 0.5);
        let size = if cell < 24.0 { SMALL - 2.0 } else { LABEL };
        let name = shortened(class, left - 10.0, size);
        scene.text((left - 8.0, top + center), name, Anchor::End, Ink::Text, size);
        if n > MANY {
            let name = shortened(class, 62.0, size);
            scene.upright((left + center, top - 6.0), name, Anchor::Start, Ink::Text, size);
        } else {
            let name = shortened(class, cell - 4.0, size);
            scene.text((left + center, top - 11.0), name, Anchor::Middle, Ink::Text, size);
        }
    }
    for (row, counts) in chart.counts.iter().enumerate() {
        let total: u64 = counts.iter().sum();
        for (column, count) in counts.iter().enumerate() {
            let place = (left + cell * column as f64, top + cell * row as f64);
            let share = *count as f64 / total.max(1) as f64;
            let fill = (*count > 0).then_some((Ink::Role(chart.role), 0.06 + (MAX_FILL - 0.06) * share));
            scene.rect(place, (cell, cell), fill, Some(Ink::Grid));
            let center = (place.0 + cell / 2.0, place.1 + cell / 2.0);
            let text = Unit::Count.format(*count as f64);
            let size = if cell < 40.0 { SMALL - 1.0 } else { LABEL };
            if row == column {
                scene.bold(center, text, Anchor::Middle, Ink::Text, size);
            } else {
                scene.text(center, text, Anchor::Middle, Ink::Text, size);
            }
        }
    }
    scene
}
