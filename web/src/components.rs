//! The page's parts, from the whole down to one picture.

#![expect(clippy::needless_pass_by_value, reason = "a component owns its properties")]

mod app;
mod controls;
mod heat_map;
mod model;

pub use app::App;
