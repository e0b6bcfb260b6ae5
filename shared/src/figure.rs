//! Charts as data, and as drawings: one description and one layout for both front ends.
//!
//! A [`Figure`] says what is to be seen and in which words; [`draw`] says where it goes on a sheet. Invariant: a chart
//! holds every number that its drawing shows, and [`Chart::table`] gives them all, so a figure never says more than its
//! table. What is drawn stands for a [`Condition`](crate::Condition), or for nothing but itself (`None`: what the
//! conditions are compared with, such as a diagonal); it decides colour, shape and dashes, so that no meaning rests on
//! colour alone. Numbers that are not finite have no place on an axis and are left out by whoever makes the chart.

mod chart;
pub mod draw;
mod format;
mod network;
mod table;

pub use chart::{
    Axis, Chart, Figure, HeatCell, HeatChart, HeatRow, HistogramChart, HistogramSeries, IntervalChart, IntervalRow,
    LineChart, Mark, MatrixChart, NetworkChart, NetworkModule, NetworkRow, Outside, Point, Reference, Scale, Series,
    Touched, mean_and_spread,
};
pub use format::Unit;
pub use table::DataTable;
