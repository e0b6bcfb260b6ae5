//! Counts by two classes, darker where more of a row's total lies.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use shared::figure::{MatrixChart, Unit};

use super::{Area, FAINT, Font, GRID, LABEL, SCALE, SMALL, color_of, failed, shortened, text};

/// Room at the left, for names, and above, for names and the axis's label.
const LEFT: i32 = 110;
const TOP: i32 = 50;
/// The side of a cell; smaller where there are many.
const CELL: i32 = 88;
const MAX_SIDE: i32 = 700;

/// Classes from which on names across stand upright, since they would meet.
const MANY: usize = 5;

/// Beyond this a number on top would not be read any more.
const MAX_FILL: f64 = 0.62;

fn cell(chart: &MatrixChart) -> i32 {
    CELL.min(MAX_SIDE / chart.classes.len().max(1) as i32).min(if chart.classes.len() > 2 { 64 } else { CELL })
}

fn top(chart: &MatrixChart) -> i32 {
    if chart.classes.len() > MANY { TOP + 50 } else { TOP }
}

/// In pixels.
pub(super) fn size(chart: &MatrixChart) -> (i32, i32) {
    let side = cell(chart) * chart.classes.len() as i32;
    (LEFT + side + 10, top(chart) + side + 10)
}

pub(super) fn draw(area: &Area<'_>, chart: &MatrixChart) -> anyhow::Result<()> {
    let (cell, top) = (cell(chart), top(chart));
    let middle = LEFT + cell * chart.classes.len() as i32 / 2;
    let axis = format!("{} class →", chart.column_label);
    text(area, (middle * SCALE, 12 * SCALE), &axis, Font::new(SMALL, HPos::Center).color(FAINT))?;
    let axis = format!("{} class ↓", chart.row_label);
    text(area, ((LEFT - 8) * SCALE, 12 * SCALE), &axis, Font::new(SMALL, HPos::Right).color(FAINT))?;
    for (i, class) in chart.classes.iter().enumerate() {
        let center = cell * i as i32 + cell / 2;
        let font = Font::new(if cell < 30 { SMALL } else { LABEL }, HPos::Right);
        text(area, ((LEFT - 8) * SCALE, (top + center) * SCALE), &shortened(class, 14), font)?;
        let place = ((LEFT + center) * SCALE, (top - 10) * SCALE);
        if chart.classes.len() > MANY {
            let style = Font { h: HPos::Left, v: VPos::Center, ..font }.style();
            let style = style.transform(FontTransform::Rotate270);
            area.draw(&Text::new(shortened(class, 10), place, style)).map_err(failed)?;
        } else {
            let max_chars = (cell / 8).max(3) as usize;
            text(area, place, &shortened(class, max_chars), Font { h: HPos::Center, ..font })?;
        }
    }
    for (row, counts) in chart.counts.iter().enumerate() {
        let total: u64 = counts.iter().sum();
        for (column, count) in counts.iter().enumerate() {
            let (x, y) = (LEFT + cell * column as i32, top + cell * row as i32);
            let corners = [(x * SCALE, y * SCALE), ((x + cell) * SCALE, (y + cell) * SCALE)];
            let share = *count as f64 / total.max(1) as f64;
            if *count > 0 {
                let fill = color_of(chart.role).mix(0.06 + (MAX_FILL - 0.06) * share);
                area.draw(&Rectangle::new(corners, fill.filled())).map_err(failed)?;
            }
            area.draw(&Rectangle::new(corners, GRID.stroke_width(1))).map_err(failed)?;
            let font = Font::new(if cell < 44 { SMALL } else { LABEL }, HPos::Center);
            let font = if row == column { font.bold() } else { font };
            let place = ((x + cell / 2) * SCALE, (y + cell / 2) * SCALE);
            if *count > 0 || cell >= 44 {
                text(area, place, &Unit::Count.format(*count as f64), font)?;
            }
        }
    }
    Ok(())
}
