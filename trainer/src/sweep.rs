//! Sweeps: many runs from one experiment file, on one machine or on many that share a folder.
//!
//! An [`experiment`](Experiment) is a grid of cells; a cell is a run, described by its [`Settings`]. The undamaged models,
//! which cells share, are made once. A [`Task`] is what one process does from start to end, as one [`attempt`] after
//! another until there is a result, which is published once and is a function of settings, files and numerics. The
//! [`driver`](drive) gives tasks to worker processes; on a cluster a scheduler does, with one process a task.

pub mod attempt;
mod clean;
mod collect;
mod driver;
mod experiment;
mod folder;
mod forecast;
mod machine;
mod overview;
mod plan;
mod request;
mod result;
mod schedule;
mod settings;
mod status;
mod task;
mod worker;

pub use clean::{Cleaned, clean, size};
pub use collect::{COSTS, Collected, collect};
pub use driver::{DriverOptions, Outcome, drive};
pub use experiment::Experiment;
pub use folder::SweepFolder;
pub use forecast::{Forecast, forecast};
pub use plan::{Difference, Plan, PlannedCell, Task};
pub use request::{CellRequest, Resolve};
pub use result::{CellResult, Cost, ReportedRow, SharedModel};
pub use settings::{Settings, SettingsId, in_text};
pub use status::{CellState, State, Status, state_of, states};
pub use task::{Done, Workshop, is_done};
pub use worker::work;
