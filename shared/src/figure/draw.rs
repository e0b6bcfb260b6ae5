//! Charts as drawings: where every line and word of a [`Chart`] goes.
//!
//! A chart becomes a [`Scene`] of outlines and words in pixels, and a scene becomes SVG ([`svg`]): for the page, for
//! the native program's report, and for files of their own. So what is saved is what was seen, and both front ends draw
//! the same. Roles are told apart by shape as well as by colour (Okabe and Ito's palette). The wider a drawing is, the
//! more it says: from [`WIDE`] on, values have the ends of their intervals beside them and modules the share that
//! changed.
//!
//! Two ways were weighed: this one, and the plotting library plotters with its SVG backend, which the report used
//! before. plotters draws axes, lines and bars well, but of these five kinds of charts only two have axes it knows, so
//! intervals, matrices and networks were laid out by hand on top of it as they are here; it places things on whole
//! pixels, knows nothing of names that are too long, and its types come on top of the page's bytes. A scene is a vector
//! of two kinds of shapes, needs no dependency, and the page already had it.

mod heat;
mod plane;
mod rows;
mod scene;
pub mod svg;

use super::Chart;

pub use rows::WIDE;
pub use scene::Scene;

/// Draws `chart` at most `width` pixels wide.
#[must_use]
pub fn draw(chart: &Chart, width: f64) -> Scene {
    match chart {
        Chart::Intervals(chart) => rows::intervals(chart, width),
        Chart::Lines(chart) => plane::lines(chart, width),
        Chart::Histogram(chart) => plane::histogram(chart, width),
        Chart::Matrix(chart) => rows::matrix(chart, width),
        Chart::Network(chart) => rows::network(chart, width),
        Chart::Heat(chart) => heat::heat(chart, width),
    }
}
