//! Surgery on two models of one shape: parts of one in the other, and which part is to blame.
//!
//! Both models are of one family and size ([`fit`] says so, or why not), so every parameter of one can stand in the place of
//! the same parameter of the other. [`transplant`] makes such a model. Where all of them are wanted at once, [`Mixture`]
//! computes them without making them: it goes through the layers once for each beginning that mixes have in common.
//! From what the mixes are worth, [`Design::blame`] shares out the difference between the two models among their parts.
//! [`interpolate`] mixes all weights at once, along the straight line between the models.

mod blame;
mod bridge;
mod fit;
mod mixture;
mod players;
mod shapley;
mod transplant;

#[cfg(test)]
mod tests;

pub use blame::{Blame, Design, MAX_EXACT_LAYERS, PartBlame};
pub use bridge::{BRIDGE_POINTS, BridgePoint, barrier, bridge_places, interpolate};
pub use fit::{Fit, FitError, Named, fit, reorder_classes};
pub use mixture::{MixCount, MixCounts, MixLogits, Mixture, Rows, margin};
pub use players::{MAX_LAYERS, Mix, Players, Rest};
pub use shapley::{shapley_values, value_in_order};
pub use transplant::transplant;
