//! A plan as something that can be clicked: which parts are damaged, and how.
//!
//! The text, the drawing and the sliders are three views of one plan. The text is the truth; a click reads it into a
//! [`Damage`], changes that, and writes it back in the grammar. A damage holds exactly what the grammar can say of a
//! model: for each part either all of it or a set of components, of which any is enough.

mod component;
mod damage;
mod flip;
mod part;
#[cfg(test)]
mod tests;
mod text;

pub use component::Component;
pub use damage::Damage;
pub use flip::toggled_flip;
pub use part::{Coverage, Group, Part};
