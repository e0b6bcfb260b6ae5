//! Charts that are rows from top to bottom: intervals, a matrix, a network.

use super::super::{IntervalChart, MatrixChart, NetworkChart, Touched, Unit};
use super::plane::ticks;
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, shortened, text_width};
use crate::Condition;

/// The width from which on there is room for numbers beside what is drawn, in pixels.
pub const WIDE: f64 = 700.0;

/// Height of an interval's row.
const ROW: f64 = 34.0;
/// A row whose name stands above its line, since it would not fit beside it.
const HIGH_ROW: f64 = 46.0;
/// Room above the rows, for names of references, and below, for the axis.
const TOP: f64 = 24.0;
const BOTTOM: f64 = 30.0;
/// Room at the right for a value, and for the ends of its interval.
const RIGHT: f64 = 66.0;
const ENDS: f64 = 136.0;

/// Values with their intervals, one a row.
pub(super) fn intervals(chart: &IntervalChart, width: f64) -> Scene {
    let axis = &chart.axis;
    let is_wide = width >= WIDE;
    let widest = chart.rows.iter().map(|row| text_width(&row.label, LABEL)).fold(0.0, f64::max);
    let is_above = widest + 14.0 > 0.38 * width;
    let (left, row_height) = if is_above { (8.0, HIGH_ROW) } else { (widest + 14.0, ROW) };
    let bottom = TOP + row_height * chart.rows.len() as f64;
    let mut scene = Scene::new(width, bottom + BOTTOM);
    let right = width - RIGHT - if is_wide { ENDS } else { 0.0 };
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
        if is_wide {
            let ends = format!("{} to {}", axis.format(row.interval.low), axis.format(row.interval.high));
            scene.text((right + RIGHT + 16.0, y), ends, Anchor::Start, Ink::Faint, SMALL);
        }
    }
    scene
}

/// The side of a cell of a matrix at most.
const CELL: f64 = 76.0;
/// Below this side zeros are left out, which would hide what is there.
const SMALL_CELL: f64 = 40.0;
/// Room at the left of a matrix for names at most: longer ones are shortened, so that many classes have room as well.
const MAX_LEFT: f64 = 160.0;
/// Room above a matrix for the axis's name and the classes'.
const NAMES: f64 = 42.0;
/// Classes from which on names across stand upright, since they would meet.
const MANY: usize = 5;
/// Beyond this a number on top would not be read any more.
const MAX_CELL_FILL: f64 = 0.6;

/// Counts by two classes, darker where more of a row's total lies.
pub(super) fn matrix(chart: &MatrixChart, width: f64) -> Scene {
    let n = chart.classes.len().max(1);
    let (across, down) = (format!("{} class →", chart.column_label), format!("{} class ↓", chart.row_label));
    let names = chart.classes.iter().map(|class| text_width(class, LABEL));
    let widest = names.fold(text_width(&down, SMALL), f64::max);
    let left = (widest + 12.0).min(0.36 * width).min(MAX_LEFT);
    let top = if n > MANY { NAMES + 46.0 } else { NAMES };
    let cell = CELL.min((width - left - 4.0) / n as f64);
    let side = cell * n as f64;
    let mut scene = Scene::new(left + side + 4.0, top + side + 4.0);
    scene.text((left + side / 2.0, 9.0), across, Anchor::Middle, Ink::Faint, SMALL);
    scene.text((left - 8.0, 9.0), down, Anchor::End, Ink::Faint, SMALL);
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
            let fill = (*count > 0).then_some((Ink::Role(chart.role), 0.06 + (MAX_CELL_FILL - 0.06) * share));
            scene.rect(place, (cell, cell), fill, Some(Ink::Grid));
            if *count == 0 && cell < SMALL_CELL {
                continue;
            }
            let center = (place.0 + cell / 2.0, place.1 + cell / 2.0);
            let text = Unit::Count.format(*count as f64);
            let size = if cell < SMALL_CELL { SMALL - 1.0 } else { LABEL };
            if row == column {
                scene.bold(center, text, Anchor::Middle, Ink::Text, size);
            } else {
                scene.text(center, text, Anchor::Middle, Ink::Text, size);
            }
        }
    }
    scene
}

/// Height of a network's row, and of one whose modules have a second line.
const MODULE: f64 = 30.0;
const HIGH_MODULE: f64 = 44.0;
/// From the middle of such a row to that of either line.
const HALF_LINE: f64 = 8.0;
/// Room at the left for the rows' names.
const ROW_NAMES: f64 = 92.0;
const GAP: f64 = 4.0;
/// The fill of a module whose values have all changed; one of which few have is paler.
const MAX_FILL: f64 = 0.5;
const MIN_FILL: f64 = 0.12;

/// A network as a stack, the input at the bottom, with what was changed in it.
pub(super) fn network(chart: &NetworkChart, width: f64) -> Scene {
    let is_wide = width >= WIDE;
    let height = if is_wide { HIGH_MODULE } else { MODULE };
    let corrupted = Ink::Role(Some(Condition::Corrupted));
    let mut scene = Scene::new(width, height * chart.rows.len() as f64 + 2.0 * GAP);
    for (i, row) in chart.rows.iter().rev().enumerate() {
        let y = GAP + height * i as f64;
        let middle = y + height / 2.0;
        scene.text((ROW_NAMES - 10.0, middle), row.label.clone(), Anchor::End, Ink::Text, LABEL);
        let module_width = (width - ROW_NAMES - GAP) / row.modules.len().max(1) as f64;
        for (column, module) in row.modules.iter().enumerate() {
            let place = (ROW_NAMES + module_width * column as f64, y + GAP / 2.0);
            let size = (module_width - GAP, height - GAP);
            let center = place.0 + size.0 / 2.0;
            let name = shortened(&module.label, size.0, SMALL);
            let Some(touched) = module.touched else {
                scene.rect(place, size, None, Some(Ink::Grid));
                scene.text((center, middle), name, Anchor::Middle, Ink::Faint, SMALL);
                continue;
            };
            let fill = MIN_FILL + (MAX_FILL - MIN_FILL) * touched.share();
            scene.rect(place, size, Some((corrupted, fill)), Some(corrupted));
            let half_line = if is_wide { HALF_LINE } else { 0.0 };
            scene.bold((center, middle - half_line), name, Anchor::Middle, Ink::Text, SMALL);
            if is_wide {
                scene.text((center, middle + half_line), share(touched), Anchor::Middle, Ink::Text, SMALL);
            }
        }
    }
    scene
}

/// Percent without decimals, but never 0 or 100 for what is not.
fn share(touched: Touched) -> String {
    let share = touched.share();
    let percent = match (100.0 * share).round() {
        0.0 if share > 0.0 => "<1 %".to_owned(),
        100.0 if share < 1.0 => ">99 %".to_owned(),
        percent => format!("{percent} %"),
    };
    if touched.is_upper_bound { format!("≤ {percent}") } else { percent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::draw::scene::Shape;
    use crate::figure::{NetworkModule, NetworkRow};

    fn words(scene: &Scene) -> Vec<&str> {
        let mut words = Vec::new();
        for shape in &scene.shapes {
            if let Shape::Text { content, .. } = shape {
                words.push(content.as_str());
            }
        }
        words
    }

    #[test]
    fn where_there_is_room_a_module_says_how_much_of_it_changed_and_never_rounds_to_all_or_nothing() {
        let module = |n_changed, is_upper_bound| NetworkModule {
            label: "query".into(),
            touched: Some(Touched { n_elements: 1000, n_changed, is_upper_bound }),
        };
        let modules = vec![module(1, false), module(500, true), module(999, false), module(1000, false)];
        let chart = NetworkChart { rows: vec![NetworkRow { label: "layer 0".into(), modules }] };
        let wide = network(&chart, WIDE);
        let shares: Vec<&str> = words(&wide).into_iter().filter(|word| word.ends_with('%')).collect();
        assert_eq!(shares, ["<1 %", "≤ 50 %", ">99 %", "100 %"]);
        assert!(words(&network(&chart, 560.0)).iter().all(|word| !word.ends_with('%')));
    }
}
