//! A report's charts as SVG: within the page, and as files of their own.

use shared::figure::draw::{Scene, draw, svg};
use shared::figure::{Chart, Figure};

/// The values of the colours in the light, in the dark and on paper, for the page and for stand-alone files.
const COLOURS: &str = include_str!("plots.css");

/// What the page needs to show drawings.
pub(super) fn style() -> String {
    [COLOURS, svg::STYLE].concat()
}

/// A figure's drawing for a page, which has its heading, caption and table beside it.
pub(super) fn inline(figure: &Figure) -> String {
    let scene = scene(figure);
    let (label, elements) = (svg::escaped(&figure.description), svg::elements(&scene));
    let Scene { width, height, .. } = scene;
    // Letters are to be no larger than those of the page, however wide the window is.
    let max_width = 1.2 * width;
    format!(
        r#"<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" style="max-width: {max_width:.0}px">{elements}</svg>"#
    )
}

/// A figure's drawing as a file of its own.
pub(super) fn stand_alone(figure: &Figure) -> String {
    svg::file(figure, &scene(figure), &style())
}

/// Some charts have the page's width to themselves, others stand beside one another.
fn scene(figure: &Figure) -> Scene {
    let width = match &figure.chart {
        // Of a matrix the number of classes decides how much of it is needed.
        Chart::Intervals(_) | Chart::Network(_) | Chart::Matrix(_) => 900.0,
        // No wider than its cells need, so that letters do not shrink on a narrow screen.
        Chart::Heat(chart) => (160.0 + 120.0 * chart.columns.len() as f64).min(900.0),
        Chart::Lines(_) | Chart::Histogram(_) => 400.0,
    };
    draw(&figure.chart, width)
}
