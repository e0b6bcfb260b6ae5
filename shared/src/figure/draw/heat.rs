//! Numbers by two names, the farther from 0 the darker.

use super::super::HeatChart;
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, shortened, text_width};
use crate::Condition;

/// Room for names at the left, as a share of the width and in pixels at most.
const LEFT_SHARE: f64 = 0.34;
const MAX_LEFT: f64 = 220.0;
/// Room above for the columns' name and their own.
const TOP: f64 = 44.0;
const ROW: f64 = 44.0;
/// A cell at most; without room for a note below the number it is told in the table alone.
const MAX_CELL: f64 = 150.0;
const NOTE_WIDTH: f64 = 84.0;
/// From the middle of a cell to that of either line.
const HALF_LINE: f64 = 9.0;
/// The darkest fill: words on it keep a contrast of 4.5 to 1 in the light and in the dark.
const MAX_FILL: f64 = 0.5;
/// Below this a number is not told from 0, so the scale never ends before it.
const LEAST_DARKEST: f64 = 1.0;

/// A table in which numbers above 0 are in the ink of damage and those below in that of healing.
pub(super) fn heat(chart: &HeatChart, width: f64) -> Scene {
    let widest = chart.rows.iter().map(|row| text_width(&row.label, LABEL)).fold(60.0, f64::max);
    let left = (widest + 14.0).min(LEFT_SHARE * width).min(MAX_LEFT);
    let n_columns = chart.columns.len().max(1) as f64;
    let cell = ((width - left - 4.0) / n_columns).min(MAX_CELL);
    let mut scene = Scene::new(left + cell * n_columns + 4.0, TOP + ROW * chart.rows.len() as f64 + 4.0);
    let middle = left + cell * n_columns / 2.0;
    scene.text((middle, 9.0), chart.column_label.clone(), Anchor::Middle, Ink::Faint, SMALL);
    scene.text((left - 10.0, TOP - 14.0), chart.row_label.clone(), Anchor::End, Ink::Faint, SMALL);
    for (i, column) in chart.columns.iter().enumerate() {
        let name = shortened(column, cell - 4.0, LABEL);
        scene.text((left + cell * (i as f64 + 0.5), TOP - 14.0), name, Anchor::Middle, Ink::Text, LABEL);
    }
    let values = chart.rows.iter().flat_map(|row| &row.cells).flatten().map(|cell| cell.value.abs());
    let darkest = values.fold(LEAST_DARKEST, f64::max);
    for (row, i) in chart.rows.iter().zip(0_u32..) {
        let top = TOP + ROW * f64::from(i);
        let name = shortened(&row.label, left - 12.0, LABEL);
        scene.text((left - 10.0, top + ROW / 2.0), name, Anchor::End, Ink::Text, LABEL);
        for (of, column) in row.cells.iter().zip(0_u32..) {
            let place = (left + cell * f64::from(column), top);
            let center = (place.0 + cell / 2.0, top + ROW / 2.0);
            let Some(of) = of else {
                scene.rect(place, (cell, ROW), None, Some(Ink::Grid));
                scene.text(center, "–", Anchor::Middle, Ink::Faint, LABEL);
                continue;
            };
            let role = if of.value > 0.0 { Condition::Corrupted } else { Condition::Healed };
            let fill = MAX_FILL * of.value.abs() / darkest;
            scene.rect(place, (cell, ROW), Some((Ink::Role(Some(role)), fill)), Some(Ink::Grid));
            let has_note = cell >= NOTE_WIDTH && !of.note.is_empty();
            let half_line = if has_note { HALF_LINE } else { 0.0 };
            let number = format!("{:.1}", of.value);
            scene.bold((center.0, center.1 - half_line), number, Anchor::Middle, Ink::Text, LABEL);
            if has_note {
                let note = shortened(&of.note, cell - 6.0, SMALL);
                scene.text((center.0, center.1 + half_line), note, Anchor::Middle, Ink::Text, SMALL);
            }
        }
    }
    scene
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::draw::scene::Shape;
    use crate::figure::{HeatCell, HeatRow};

    fn chart() -> HeatChart {
        let cell = |value: f64| Some(HeatCell { value, note: "10 seeds, worse".into() });
        HeatChart {
            row_label: "dataset".into(),
            column_label: "layers damaged".into(),
            columns: vec!["25 %".into(), "50 %".into()],
            rows: vec![
                HeatRow { label: "sst2".into(), cells: vec![cell(-2.0), cell(8.0)] },
                HeatRow { label: "trec6".into(), cells: vec![None, cell(4.0)] },
            ],
        }
    }

    #[test]
    fn the_farther_from_zero_the_darker_and_the_sign_decides_the_ink() {
        let scene = heat(&chart(), 900.0);
        let fills: Vec<(Ink, f64)> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Path { fill: Some(fill), .. } => Some(*fill),
                _ => None,
            })
            .collect();
        let [healed, corrupted] = [Condition::Healed, Condition::Corrupted].map(|role| Ink::Role(Some(role)));
        assert_eq!(fills, [(healed, 0.125), (corrupted, 0.5), (corrupted, 0.25)]);
    }

    #[test]
    fn every_number_stands_in_its_cell_and_notes_where_there_is_room() {
        let words = |width| -> Vec<String> {
            let shapes = heat(&chart(), width).shapes;
            let text = |shape| if let Shape::Text { content, .. } = shape { Some(content) } else { None };
            shapes.into_iter().filter_map(text).collect()
        };
        let numbers = ["-2.0", "8.0", "–", "4.0"];
        for width in [900.0, 200.0] {
            assert!(numbers.iter().all(|number| words(width).iter().any(|word| word == number)), "{:?}", words(width));
        }
        assert!(words(900.0).iter().any(|word| word == "10 seeds, worse"));
        assert!(!words(200.0).iter().any(|word| word.contains("seeds")));
    }
}
