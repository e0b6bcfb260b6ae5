//! Curves and points.

use plotters::prelude::*;
use shared::Condition;
use shared::figure::{LineChart, Mark, Series};
use shared::statistics::Interval;

use super::axes::{Plane, legend, plane};
use super::{Area, FAINT, SCALE, color_of, dashed, failed, sign};

pub(super) fn draw(area: &Area<'_>, chart: &LineChart) -> anyhow::Result<()> {
    let plane = plane(area, &chart.x, &chart.y)?;
    if chart.diagonal {
        let (low, high) = (chart.x.low.max(chart.y.low), chart.x.high.min(chart.y.high));
        dashed(area, plane.backend_coord(&(low, low)), plane.backend_coord(&(high, high)), FAINT)?;
    }
    for series in &chart.series {
        match series.mark {
            Mark::Line => line(area, &plane, series)?,
            Mark::Points => points(area, &plane, series)?,
        }
    }
    if chart.series.len() > 1 {
        let entries: Vec<(&str, Option<Condition>)> =
            chart.series.iter().map(|series| (series.label.as_str(), series.role)).collect();
        legend(area, &entries)?;
    }
    Ok(())
}

/// A curve with a sign at its end, so that it can be told without colour.
fn line(area: &Area<'_>, plane: &Plane<'_, '_>, series: &Series) -> anyhow::Result<()> {
    let places: Vec<(i32, i32)> = series.points.iter().map(|point| plane.backend_coord(&(point.x, point.y))).collect();
    let style = color_of(series.role).stroke_width(2 * SCALE as u32);
    area.draw(&PathElement::new(places.clone(), style)).map_err(failed)?;
    places.last().map_or(Ok(()), |end| sign(area, *end, series.role))
}

/// Points with their intervals.
fn points(area: &Area<'_>, plane: &Plane<'_, '_>, series: &Series) -> anyhow::Result<()> {
    let style = color_of(series.role).stroke_width(SCALE as u32);
    for point in &series.points {
        if let Some(Interval { low, high, .. }) = point.interval {
            let ends = [low, high].map(|y| plane.backend_coord(&(point.x, y)));
            area.draw(&PathElement::new(ends.to_vec(), style)).map_err(failed)?;
        }
        sign(area, plane.backend_coord(&(point.x, point.y)), series.role)?;
    }
    Ok(())
}
