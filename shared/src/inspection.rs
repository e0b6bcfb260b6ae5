//! Looking inside a model: its weights before and after, its hidden states and attention, and what a token contributes.
//!
//! Tools on top of a model, so that training and evaluation neither know nor pay for them.

mod attribution;
mod distance;
mod drift;
mod scar;
mod trace;
mod weights;

pub use attribution::{Attribution, integrated_gradients};
pub use distance::{Part, WeightDistance, weight_distances};
pub use drift::{Gram, mean_cosine};
pub use scar::{SCAR_COMPONENTS, Scar, scars};
pub use trace::Trace;
pub use weights::{WeightChange, WeightGroup, WeightHistogram, weight_changes};
