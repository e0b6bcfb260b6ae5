//! Values with their intervals, one a line.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use shared::figure::IntervalChart;

use super::{Area, FAINT, Font, GRID, INK, LABEL, SCALE, SMALL, color_of, dashed, failed, sign, text};

const WIDTH: i32 = 900;
const ROW: i32 = 38;
/// Room above the rows, for names of references, and below, for the axis.
const TOP: i32 = 26;
const BOTTOM: i32 = 32;
/// Room at the left, for names, and at the right, for values.
const LEFT: i32 = 100;
const RIGHT: i32 = 190;

/// In pixels.
pub(super) fn size(chart: &IntervalChart) -> (i32, i32) {
    (WIDTH, TOP + ROW * chart.rows.len() as i32 + BOTTOM)
}

pub(super) fn draw(area: &Area<'_>, chart: &IntervalChart) -> anyhow::Result<()> {
    let axis = &chart.axis;
    let (left, right) = (LEFT * SCALE, (WIDTH - RIGHT) * SCALE);
    let x = |value: f64| left + (f64::from(right - left) * (value - axis.low) / (axis.high - axis.low)).round() as i32;
    let bottom = (TOP + ROW * chart.rows.len() as i32) * SCALE;
    for tick in 0..=4 {
        let value = axis.low + (axis.high - axis.low) * f64::from(tick) / 4.0;
        let line = PathElement::new(vec![(x(value), TOP * SCALE), (x(value), bottom)], GRID.stroke_width(1));
        area.draw(&line).map_err(failed)?;
        let place = (x(value), bottom + 14 * SCALE);
        text(area, place, &axis.format(value), Font::new(SMALL, HPos::Center).color(FAINT))?;
    }
    for reference in &chart.references {
        dashed(area, (x(reference.value), TOP * SCALE), (x(reference.value), bottom), FAINT)?;
        let label = format!("{} {}", reference.label, axis.format(reference.value));
        text(area, (x(reference.value), 12 * SCALE), &label, Font::new(SMALL, HPos::Center).color(FAINT))?;
    }
    for (i, row) in chart.rows.iter().enumerate() {
        let y = (TOP + ROW * i as i32 + ROW / 2) * SCALE;
        let style = color_of(row.role).stroke_width(2 * SCALE as u32);
        area.draw(&PathElement::new(vec![(x(row.interval.low), y), (x(row.interval.high), y)], style))
            .map_err(failed)?;
        for end in [row.interval.low, row.interval.high] {
            let cap = vec![(x(end), y - 5 * SCALE), (x(end), y + 5 * SCALE)];
            area.draw(&PathElement::new(cap, style)).map_err(failed)?;
        }
        sign(area, (x(row.value), y), row.role)?;
        text(area, ((LEFT - 14) * SCALE, y), &row.label, Font::new(LABEL, HPos::Right))?;
        let value = (right + 16 * SCALE, y);
        text(area, value, &axis.format(row.value), Font::new(LABEL, HPos::Left).color(INK).bold())?;
        let ends = format!("{} to {}", axis.format(row.interval.low), axis.format(row.interval.high));
        text(area, (right + 72 * SCALE, y), &ends, Font::new(SMALL, HPos::Left).color(FAINT))?;
    }
    Ok(())
}
