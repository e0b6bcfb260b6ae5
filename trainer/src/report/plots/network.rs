//! A network as a stack, the input at the bottom, with what was changed in it.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use shared::figure::NetworkChart;

use super::{Area, CORRUPTED, FAINT, Font, GRID, INK, LABEL, SCALE, SMALL, failed, text};

const WIDTH: i32 = 900;
const ROW: i32 = 44;
/// From the middle of a row to that of either line of a touched module's text.
const HALF_LINE: i32 = 8;
const LEFT: i32 = 100;
const GAP: i32 = 4;

/// The fill of a module whose values have all changed; one of which few have is paler.
const MAX_FILL: f64 = 0.5;
const MIN_FILL: f64 = 0.15;

/// In pixels.
pub(super) fn size(chart: &NetworkChart) -> (i32, i32) {
    (WIDTH, ROW * chart.rows.len() as i32 + 2 * GAP)
}

pub(super) fn draw(area: &Area<'_>, chart: &NetworkChart) -> anyhow::Result<()> {
    for (i, row) in chart.rows.iter().rev().enumerate() {
        let y = GAP + ROW * i as i32;
        let middle = (y + ROW / 2) * SCALE;
        text(area, ((LEFT - 12) * SCALE, middle), &row.label, Font::new(LABEL, HPos::Right))?;
        let width = (WIDTH - LEFT - GAP) / row.modules.len().max(1) as i32;
        for (column, module) in row.modules.iter().enumerate() {
            let x = LEFT + width * column as i32;
            let corners =
                [(x * SCALE, (y + GAP / 2) * SCALE), ((x + width - GAP) * SCALE, (y + ROW - GAP / 2) * SCALE)];
            let center = ((x + (width - GAP) / 2) * SCALE, middle);
            let Some(touched) = module.touched else {
                area.draw(&Rectangle::new(corners, GRID.stroke_width(SCALE as u32))).map_err(failed)?;
                text(area, center, &module.label, Font::new(SMALL, HPos::Center).color(FAINT))?;
                continue;
            };
            let fill = CORRUPTED.mix(MIN_FILL + (MAX_FILL - MIN_FILL) * touched.share());
            area.draw(&Rectangle::new(corners, fill.filled())).map_err(failed)?;
            area.draw(&Rectangle::new(corners, CORRUPTED.stroke_width(1))).map_err(failed)?;
            let font = Font::new(SMALL, HPos::Center).color(INK);
            text(area, (center.0, center.1 - HALF_LINE * SCALE), &module.label, font.bold())?;
            let at_most = if touched.is_upper_bound { "≤ " } else { "" };
            let share = format!("{at_most}{}", share(touched.share()));
            text(area, (center.0, center.1 + HALF_LINE * SCALE), &share, font)?;
        }
    }
    Ok(())
}

/// Percent without decimals, but never 0 or 100 for what is not.
fn share(share: f64) -> String {
    match (100.0 * share).round() {
        0.0 if share > 0.0 => "<1 %".to_owned(),
        100.0 if share < 1.0 => ">99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}
