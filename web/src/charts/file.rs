//! A drawing as a file of its own, with its colours written in, and a table as a file.

use super::scene::{Ink, Scene, Shape};
use shared::Condition;
use shared::figure::{DataTable, Figure};
use std::fmt::Write as _;

/// The drawing as an SVG file on white, with its title and description for those who cannot see it.
///
/// # Panics
/// Never: writing to a `String` does not fail.
#[must_use]
pub fn svg(figure: &Figure, scene: &Scene) -> String {
    let Scene { width, height, shapes } = scene;
    let (title, description) = (escaped(&figure.title), escaped(&figure.description));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Liberation Sans, Arial, sans-serif\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for shape in shapes {
        element(&mut text, shape).expect("writing to a String does not fail");
    }
    text + "</svg>\n"
}

fn element(text: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Path { d, fill, stroke, dashed } => {
            write!(text, "<path d=\"{d}\"")?;
            match fill {
                Some((ink, opacity)) => write!(text, " fill=\"{}\" fill-opacity=\"{opacity:.3}\"", color(*ink))?,
                None => text.push_str(" fill=\"none\""),
            }
            if let Some((ink, width)) = stroke {
                write!(text, " stroke=\"{}\" stroke-width=\"{width}\"", color(*ink))?;
            }
            if *dashed {
                text.push_str(" stroke-dasharray=\"5 4\"");
            }
            text.push_str("/>\n");
        }
        Shape::Text { x, y, content, size, anchor, ink, bold, upright } => {
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

/// The colours of the light theme, as in `assets/tokens.css`.
fn color(ink: Ink) -> &'static str {
    match ink {
        Ink::Role(Some(Condition::Healthy)) => "#009e73",
        Ink::Role(Some(Condition::Control)) => "#cc79a7",
        Ink::Role(Some(Condition::Corrupted)) => "#d55e00",
        Ink::Role(Some(Condition::Healed)) => "#0072b2",
        Ink::Role(None) | Ink::Faint => "#667079",
        Ink::Text => "#22262b",
        Ink::Grid => "#e3e6ea",
        Ink::Paper => "#ffffff",
    }
}

fn escaped(text: &str) -> String {
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

/// The table as comma-separated values (RFC 4180).
#[must_use]
pub fn csv(table: &DataTable) -> String {
    let rows = std::iter::once(&table.header).chain(&table.rows);
    rows.map(|row| csv_line(row.iter().map(String::as_str))).collect()
}

/// One line of a CSV file. A cell that a spreadsheet would run as a formula is written as text.
pub fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = cells.into_iter().map(|cell| {
        // OWASP's advice on CSV injection; a plain negative number is no formula.
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::super::draw;
    use super::*;
    use shared::figure::{Chart, MatrixChart};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn figure() -> Figure {
        Figure {
            id: "confusion".into(),
            title: "<b>".into(),
            caption: String::new(),
            description: "\"quoted\" & <i>".into(),
            chart: Chart::Matrix(MatrixChart {
                role: Some(Condition::Healed),
                row_label: "true".into(),
                column_label: "predicted".into(),
                classes: vec!["<script>".into(), "a,b".into()],
                counts: vec![vec![3, 1], vec![0, 2]],
            }),
        }
    }

    #[wasm_bindgen_test]
    fn names_from_the_data_are_text_and_not_markup() {
        let figure = figure();
        let svg = svg(&figure, &draw(&figure.chart, 400.0));
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>"), "{svg}");
        assert!(svg.contains("<desc>&quot;quoted&quot; &amp; &lt;i&gt;</desc>"), "{svg}");
    }

    #[wasm_bindgen_test]
    fn every_number_of_a_chart_is_in_its_csv_and_formulas_are_text() {
        let csv = csv(&figure().chart.table());
        assert!(csv.contains("\"a,b\"") && csv.contains("<script>,3,1\r\n"), "{csv}");
        assert_eq!(csv_line(["=1+1", "-3.5", "a \"b\""]), "'=1+1,-3.5,\"a \"\"b\"\"\"\r\n");
    }
}
