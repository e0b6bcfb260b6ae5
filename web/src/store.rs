//! Everything the page knows: what the visitor chose, and what the worker answered.
//!
//! Components read signals and call the functions here; only this module talks to the worker. Of requests of one kind
//! (`newest::Lane`) one is under way and only the newest waits, so a slider that is dragged never builds up a queue.
//! Nothing is asked that the current view does not show.

mod asking;
mod breaking;
mod control;
mod handle;
mod healing;
mod keeping;
mod kept;
mod known_healing;
mod loading;
mod newest;
mod on_show;
mod operation;
mod preview;
mod runs;
mod sentences;
mod start;
mod steps;
mod surgery;

pub use breaking::{FIRST_HEALING, FIRST_PLAN, FIRST_SEED};
pub use handle::{MODELS, Store};
pub use known_healing::{Heal, HealPhase};
pub use on_show::Arrival;
pub use operation::{LongCall, Surgery};
pub use preview::Preview;
