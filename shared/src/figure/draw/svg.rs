//! A drawing as SVG: what is inside the element, for pages, and a file of its own.
//!
//! Colours are presentation attributes, so a file looks right wherever it is opened; any style sheet overrides them, and
//! [`STYLE`] gives each one the custom property of its meaning (`--ink`, `--healthy`, …), which a page has in the light,
//! in the dark and on paper. Everything that comes from data is escaped.

use super::super::Figure;
use super::scene::{Ink, Scene, Shape, short};
use crate::Condition;
use std::fmt::Write as _;

/// Rules that turn the colours of drawings into a page's own. The `svg` element has the class `plot`.
pub const STYLE: &str = include_str!("plot.css");

/// The shapes of a drawing, to be put into an `svg` element with the scene's size as its `viewBox`.
///
/// # Panics
/// Never: writing to a `String` does not fail.
#[must_use]
pub fn elements(scene: &Scene) -> String {
    let mut text = String::new();
    for shape in &scene.shapes {
        element(&mut text, shape).expect("writing to a String does not fail");
    }
    text
}

/// The drawing as a file, with its title and description for those who cannot see it. The ground is white, unless
/// `style` says otherwise: rules for inside the file, may be none.
#[must_use]
pub fn file(figure: &Figure, scene: &Scene, style: &str) -> String {
    let Scene { width, height, .. } = scene;
    let (title, description) = (escaped(&figure.title), escaped(&figure.description));
    let (ground, elements) = (color(Ink::Paper), elements(scene));
    let style = if style.is_empty() { String::new() } else { format!("<style>{style}</style>\n") };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Liberation Sans, Arial, sans-serif\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n{style}\
         <rect width=\"100%\" height=\"100%\" fill=\"{ground}\"/>\n{elements}</svg>\n"
    )
}

fn element(text: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Path { d, fill, stroke, dashes } => {
            write!(text, "<path d=\"{d}\"")?;
            match fill {
                Some((ink, opacity)) => write!(text, " fill=\"{}\" fill-opacity=\"{opacity:.3}\"", color(*ink))?,
                None => text.push_str(" fill=\"none\""),
            }
            if let Some((ink, width)) = stroke {
                write!(text, " stroke=\"{}\" stroke-width=\"{width}\"", color(*ink))?;
            }
            if !dashes.is_empty() {
                write!(text, " stroke-dasharray=\"{dashes}\"")?;
            }
            text.push_str("/>\n");
        }
        Shape::Text { x, y, content, size, anchor, ink, bold, upright } => {
            let (x, y) = (short(*x), short(*y));
            let turn = if *upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            writeln!(
                text,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{}\" dominant-baseline=\"central\" \
                 fill=\"{}\"{weight}{turn}>{}</text>",
                anchor.name(),
                color(*ink),
                escaped(content)
            )?;
        }
    }
    Ok(())
}

/// The colours on white; each has its rule in [`STYLE`].
fn color(ink: Ink) -> &'static str {
    match ink {
        Ink::Role(Some(Condition::Healthy)) => "#009e73",
        Ink::Role(Some(Condition::Control)) => "#cc79a7",
        Ink::Role(Some(Condition::Corrupted)) => "#d55e00",
        Ink::Role(Some(Condition::Healed)) => "#0072b2",
        Ink::Role(None) | Ink::Faint => "#667079",
        Ink::Nth(n) => ["#6b3fa0", "#a97800", "#00777f", "#b3261e", "#2f5fd0", "#56606b"][n % 6],
        Ink::Text => "#22262b",
        Ink::Grid => "#e3e6ea",
        Ink::Paper => "#ffffff",
    }
}

/// Text as it may stand in an element or in an attribute in double quotes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::draw;
    use super::*;
    use crate::figure::{
        Axis, Chart, IntervalChart, IntervalRow, LineChart, Mark, MatrixChart, Point, Reference, Series, Unit,
    };
    use crate::statistics::Interval;
    use std::collections::BTreeSet;

    fn figure(chart: Chart) -> Figure {
        Figure {
            id: "confusion".into(),
            title: "<b>".into(),
            caption: String::new(),
            description: "\"quoted\" & <i>".into(),
            chart,
        }
    }

    fn matrix() -> Chart {
        Chart::Matrix(MatrixChart {
            role: Some(Condition::Healed),
            row_label: "true".into(),
            column_label: "predicted".into(),
            classes: vec!["<script>".into(), "a&b".into()],
            counts: vec![vec![3, 1], vec![0, 2]],
        })
    }

    #[test]
    fn names_from_the_data_are_text_and_not_markup() {
        let figure = figure(matrix());
        let svg = file(&figure, &draw(&figure.chart, 400.0), "");
        assert!(svg.contains("&lt;script&gt;") && svg.contains("a&amp;b") && !svg.contains("<script>"), "{svg}");
        assert!(svg.contains("<title>&lt;b&gt;</title>") && !svg.contains("<style>"), "{svg}");
        assert!(svg.contains("<desc>&quot;quoted&quot; &amp; &lt;i&gt;</desc>"), "{svg}");
    }

    fn point(n: usize) -> Point {
        Point { x: n as f64, y: 0.5, interval: None, n: None }
    }

    #[test]
    fn curves_of_the_same_kind_are_told_apart_by_dashes_and_by_their_names_as_well() {
        let series = (0..6).map(|n| {
            let points = vec![point(0), point(9)];
            Series { label: format!("#{}", n + 1), role: None, mark: Mark::Nth(n), points }
        });
        let (x, y) = (Axis::linear("step", 0.0, 9.0, Unit::Count), Axis::percent("accuracy"));
        let chart = Chart::Lines(LineChart { x, y, series: series.collect(), diagonal: false });
        let svg = elements(&draw(&chart, 340.0));
        let styles: BTreeSet<&str> = svg
            .lines()
            .filter(|line| line.contains("2.25"))
            .map(|line| line.split("stroke=").nth(1).unwrap())
            .collect();
        assert_eq!(styles.len(), 6, "{svg}");
        // In the legend and at the curve's end.
        assert_eq!(svg.matches(">#4</text>").count(), 2, "{svg}");
    }

    #[test]
    fn every_colour_that_is_drawn_has_its_rule_in_the_style_sheet() {
        let interval = Interval { low: 0.4, high: 0.6, level: 0.95 };
        let rows =
            Condition::ALL.map(|role| IntervalRow { label: "model".into(), role: Some(role), value: 0.5, interval });
        let intervals = Chart::Intervals(IntervalChart {
            axis: Axis::percent("accuracy"),
            level: 0.95,
            rows: rows.into(),
            references: vec![Reference { label: "chance".into(), value: 0.3 }],
        });
        let nth = |n: usize| Series { label: n.to_string(), role: None, mark: Mark::Nth(n), points: vec![point(n)] };
        let (x, y) = (Axis::linear("step", 0.0, 9.0, Unit::Count), Axis::percent("accuracy"));
        let lines = Chart::Lines(LineChart { x, y, series: (0..7).map(nth).collect(), diagonal: false });
        for chart in [intervals, matrix(), lines] {
            let figure = figure(chart);
            let svg = file(&figure, &draw(&figure.chart, 900.0), "");
            for attribute in ["fill=\"#", "stroke=\"#"] {
                for part in svg.split(attribute).skip(1) {
                    let selector = format!("[{attribute}{}\"]", &part[..6]);
                    assert!(STYLE.contains(&selector), "{selector} has no rule");
                }
            }
        }
    }
}
