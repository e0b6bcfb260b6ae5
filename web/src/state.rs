//! What the visitor chose, kept in the part of the address after `#`, so that a link rebuilds it on any machine.
//!
//! The address and [`State`] are the same thing twice: every field has one word there (`address`), what is absent takes
//! its default, numbers out of range are clamped, and what cannot be read is refused with a sentence and takes its
//! default. Only the plan is kept as it was typed, also when it is wrong, so that the page can point at the character.

mod address;
mod choices;

pub use address::Given;
pub use choices::{
    BATCH_SIZES, Graft, Healing, LEARNING_RATES, MAX_PLAN_CHARS, MAX_TEXT_CHARS, N_LESSONS, Panel, STEPS, State, Theme,
    Trained, View, Word, parse_seed,
};
