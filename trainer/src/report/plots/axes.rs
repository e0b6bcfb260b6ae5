//! The frame that charts over two numeric axes share.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use shared::Condition;
use shared::figure::{Axis, Unit};

use super::{Area, FAINT, Font, GRID, LABEL, SCALE, SMALL, failed, sign, text};

pub(super) type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws both axes with their labels, leaving room for a legend above, and returns the plane between them.
pub(super) fn plane<'a, 'b>(area: &'a Area<'b>, x: &Axis, y: &Axis) -> anyhow::Result<Plane<'a, 'b>> {
    let mut plane = ChartBuilder::on(area)
        .margin_top(30 * SCALE)
        .margin_right(14 * SCALE)
        .margin_bottom(6 * SCALE)
        .margin_left(4 * SCALE)
        .x_label_area_size(40 * SCALE)
        .y_label_area_size(58 * SCALE)
        .build_cartesian_2d(x.low..x.high, y.low..y.high)
        .map_err(failed)?;
    plane
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(6)
        .y_labels(5)
        .max_light_lines(0)
        .bold_line_style(GRID.stroke_width(SCALE as u32 / 2))
        .axis_style(FAINT.stroke_width(SCALE as u32 / 2))
        .set_all_tick_mark_size(3 * SCALE)
        .x_label_formatter(&|value| tick(*value, x))
        .y_label_formatter(&|value| tick(*value, y))
        .label_style(Font::new(SMALL, HPos::Center).color(FAINT).style())
        .x_desc(x.label.as_str())
        .y_desc(y.label.as_str())
        .axis_desc_style(Font::new(LABEL, HPos::Center).style())
        .draw()
        .map_err(failed)?;
    Ok(plane)
}

/// A number at an axis: shorter than in a table, since ticks are round numbers.
fn tick(value: f64, axis: &Axis) -> String {
    // Ticks are sums of steps, so the one at zero may miss it by a rounding error.
    let value = if value.abs() < 1e-9 * (axis.high - axis.low) { 0.0 } else { value };
    match axis.unit {
        Unit::Percent => format!("{:.0} %", 100.0 * value),
        Unit::Count if value.abs() >= 1e6 => format!("{} M", Unit::Number.format(value / 1e6)),
        Unit::Count if value.abs() >= 1e4 => format!("{} k", Unit::Number.format(value / 1e3)),
        unit => unit.format(value),
    }
}

/// Names with their signs, from left to right above a plane.
pub(super) fn legend(area: &Area<'_>, entries: &[(&str, Option<Condition>)]) -> anyhow::Result<()> {
    let mut x = 70 * SCALE;
    for (label, role) in entries {
        sign(area, (x, 14 * SCALE), *role)?;
        text(area, (x + 11 * SCALE, 14 * SCALE), label, Font::new(LABEL, HPos::Left))?;
        // Letters of a sans-serif font are about half as wide as they are high.
        x += 34 * SCALE + label.chars().count() as i32 * LABEL * 11 / 20;
    }
    Ok(())
}
