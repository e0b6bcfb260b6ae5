//! Draws charts as SVG, with the plotting library plotters.
//!
//! plotters writes colours as presentation attributes, which any style sheet overrides: so each colour below is a name
//! that [`STYLE`] gives its value in the light, in the dark and on paper. Everything is drawn twice as large as it is
//! shown, since plotters places things on whole units.

mod axes;
mod histogram;
mod intervals;
mod lines;
mod matrix;
mod network;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use shared::Condition;
use shared::figure::{Chart, Figure};

/// The colours of plots, for the page and for stand-alone files.
pub(super) const STYLE: &str = include_str!("plots.css");

/// Units a pixel.
const SCALE: i32 = 2;

/// What plotters divides font sizes by before it writes them.
const FONT_FACTOR: f64 = 1.24;

/// Font sizes in units.
const LABEL: i32 = 13 * SCALE;
const SMALL: i32 = 11 * SCALE;

// The names of the colours. In the light they are what they say; Okabe and Ito's palette is told apart by every eye.
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0x77, 0x77, 0x77);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const HEALTHY: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const CONTROL: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
const CORRUPTED: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const HEALED: RGBColor = RGBColor(0x00, 0x72, 0xB2);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A figure's drawing for a page, which has its heading, caption and table beside it.
pub(super) fn inline(figure: &Figure) -> anyhow::Result<String> {
    let ((width, height), body) = draw(&figure.chart)?;
    let label = escaped(&figure.description);
    // Letters are to be no larger than those of the page, however wide the window is.
    let max_width = width * 6 / 5 / SCALE as u32;
    Ok(format!(
        r#"<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" style="max-width: {max_width}px">{body}</svg>"#
    ))
}

/// A figure's drawing as a file of its own.
pub(super) fn stand_alone(figure: &Figure) -> anyhow::Result<String> {
    let ((width, height), body) = draw(&figure.chart)?;
    let (title, description) = (escaped(&figure.title), escaped(&figure.description));
    let (shown_width, shown_height) = (width / SCALE as u32, height / SCALE as u32);
    Ok(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" width="{shown_width}" height="{shown_height}" viewBox="0 0 {width} {height}">
<title>{title}</title>
<desc>{description}</desc>
<style>{STYLE} svg {{ background: var(--paper) }}</style>
{body}</svg>
"#
    ))
}

/// The size in units, and what is inside the SVG element.
fn draw(chart: &Chart) -> anyhow::Result<((u32, u32), String)> {
    let (width, height) = match chart {
        Chart::Intervals(chart) => intervals::size(chart),
        Chart::Lines(_) | Chart::Histogram(_) => (400, 280),
        Chart::Matrix(chart) => matrix::size(chart),
        Chart::Network(chart) => network::size(chart),
    };
    let size = ((width * SCALE) as u32, (height * SCALE) as u32);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        match chart {
            Chart::Intervals(chart) => intervals::draw(&area, chart),
            Chart::Lines(chart) => lines::draw(&area, chart),
            Chart::Histogram(chart) => histogram::draw(&area, chart),
            Chart::Matrix(chart) => matrix::draw(&area, chart),
            Chart::Network(chart) => network::draw(&area, chart),
        }?;
        area.present().map_err(failed)?;
    }
    // The element itself is written by the callers, each with its own attributes.
    let body = svg.find('>').and_then(|start| Some(svg.get(start + 1..svg.rfind("</svg>")?)?.to_owned()));
    Ok((size, body.ok_or_else(|| anyhow!("the plotting library wrote no SVG"))?))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow::Error::new(error).context("cannot draw")
}

fn color_of(role: Option<Condition>) -> RGBColor {
    match role {
        Some(Condition::Healthy) => HEALTHY,
        Some(Condition::Control) => CONTROL,
        Some(Condition::Corrupted) => CORRUPTED,
        Some(Condition::Healed) => HEALED,
        None => FAINT,
    }
}

/// How text is set.
#[derive(Clone, Copy)]
struct Font {
    size: i32,
    color: RGBColor,
    h: HPos,
    v: VPos,
    weight: FontStyle,
}

impl Font {
    fn new(size: i32, h: HPos) -> Self {
        Self { size, color: INK, h, v: VPos::Center, weight: FontStyle::Normal }
    }

    fn color(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }

    fn bold(self) -> Self {
        Self { weight: FontStyle::Bold, ..self }
    }

    fn style(self) -> TextStyle<'static> {
        let font = ("sans-serif", f64::from(self.size) * FONT_FACTOR, self.weight).into_font();
        TextStyle { font, color: self.color.to_backend_color(), pos: Pos::new(self.h, self.v) }
    }
}

/// Writes text at a place in units.
fn text(area: &Area<'_>, at: (i32, i32), content: &str, font: Font) -> anyhow::Result<()> {
    area.draw(&Text::new(content.to_owned(), at, font.style())).map_err(failed)
}

/// A sign for a role that is told apart without colour: a circle, a diamond, a triangle or a square.
fn sign(area: &Area<'_>, (x, y): (i32, i32), role: Option<Condition>) -> anyhow::Result<()> {
    let (style, r) = (color_of(role).filled(), 6 * SCALE);
    match role {
        Some(Condition::Healthy) | None => area.draw(&Circle::new((x, y), r, style)),
        Some(Condition::Control) => {
            area.draw(&Polygon::new(vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)], style))
        }
        Some(Condition::Corrupted) => {
            area.draw(&Polygon::new(vec![(x, y - r), (x + r, y + r - 2), (x - r, y + r - 2)], style))
        }
        Some(Condition::Healed) => area.draw(&Rectangle::new([(x - r + 2, y - r + 2), (x + r - 2, y + r - 2)], style)),
    }
    .map_err(failed)
}

/// A line in dashes, from one place to another, both in units; horizontal or vertical.
fn dashed(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) -> anyhow::Result<()> {
    let length = (to.0 - from.0).abs().max((to.1 - from.1).abs());
    let (dash, gap) = (5 * SCALE, 4 * SCALE);
    let at = |distance: i32| {
        let part = |from: i32, to: i32| from + (to - from) * distance / length.max(1);
        (part(from.0, to.0), part(from.1, to.1))
    };
    for start in (0..length).step_by((dash + gap) as usize) {
        let ends = vec![at(start), at((start + dash).min(length))];
        area.draw(&PathElement::new(ends, color.stroke_width(SCALE as u32))).map_err(failed)?;
    }
    Ok(())
}

/// A name in at most so many characters.
fn shortened(name: &str, max_chars: usize) -> String {
    if name.chars().count() <= max_chars {
        return name.to_owned();
    }
    name.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Text as it may stand in an attribute or an element.
fn escaped(text: &str) -> String {
    maud::html!((text)).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::figure::{Axis, IntervalChart, IntervalRow, MatrixChart};

    fn matrix(classes: [&str; 2]) -> Figure {
        Figure {
            id: "confusion".into(),
            title: "<b>".into(),
            caption: String::new(),
            description: "\"quoted\" & <i>".into(),
            chart: Chart::Matrix(MatrixChart {
                role: Some(Condition::Healed),
                row_label: "true".into(),
                column_label: "predicted".into(),
                classes: classes.map(str::to_owned).into(),
                counts: vec![vec![3, 1], vec![0, 2]],
            }),
        }
    }

    #[test]
    fn names_from_the_data_are_text_and_not_markup() {
        let svg = inline(&matrix(["<script>", "a&b"])).unwrap();
        assert!(svg.contains("&lt;script&gt;") && svg.contains("a&amp;b"), "{svg}");
        assert!(!svg.contains("<script>"), "{svg}");
        assert!(svg.contains(r#"aria-label="&quot;quoted&quot; &amp; &lt;i&gt;""#), "{svg}");
    }

    #[test]
    fn every_colour_that_is_drawn_has_its_value_in_the_style_sheet() {
        let interval = shared::statistics::Interval { low: 0.4, high: 0.6, level: 0.95 };
        let rows =
            Condition::ALL.map(|role| IntervalRow { label: "model".into(), role: Some(role), value: 0.5, interval });
        let chart = IntervalChart {
            axis: Axis::percent("accuracy"),
            level: 0.95,
            rows: rows.into(),
            references: vec![shared::figure::Reference { label: "chance".into(), value: 0.3 }],
        };
        let figure = Figure { chart: Chart::Intervals(chart), ..matrix(["a", "b"]) };
        for svg in [inline(&figure).unwrap(), inline(&matrix(["a", "b"])).unwrap()] {
            for attribute in ["fill=\"#", "stroke=\"#"] {
                for part in svg.split(attribute).skip(1) {
                    let selector = format!("[{attribute}{}\"]", &part[..6]);
                    assert!(STYLE.contains(&selector), "{selector} has no rule");
                }
            }
        }
    }
}
