//! Figures as drawings: `shared::figure` says what is to be seen, this says where every line goes.
//!
//! A chart becomes a [`scene::Scene`], which is drawn twice: as elements of the page, whose colours follow the style
//! sheet (`view`), and as a file of its own with the colours written in (`file`). So what is downloaded is what was
//! seen. Roles are told apart by shape as well as by colour (Okabe and Ito's palette).

pub mod file;
mod histogram;
mod intervals;
mod lines;
mod matrix;
mod network;
mod plane;
pub mod scene;
#[expect(clippy::needless_pass_by_value, reason = "a component owns its properties")]
pub mod view;

use scene::Scene;
use shared::figure::Chart;

/// Draws `chart` at most `width` pixels wide.
#[must_use]
pub fn draw(chart: &Chart, width: f64) -> Scene {
    match chart {
        Chart::Intervals(chart) => intervals::draw(chart, width),
        Chart::Lines(chart) => lines::draw(chart, width),
        Chart::Histogram(chart) => histogram::draw(chart, width),
        Chart::Matrix(chart) => matrix::draw(chart, width),
        Chart::Network(chart) => network::draw(chart, width),
    }
}
