//! A plan as text and as steps.

use std::fmt;

use serde::{Serialize, Serializer};

use super::cursor::Typed;
use super::scheme::Scheme;
use super::selection::Selection;

/// What is damaged and how: one or more steps, applied in order.
///
/// `Display` and serde give the canonical form, for hashes, URLs and records: no spaces, no percent signs, selections
/// sorted (see [`Selection`]), defaults left out. Two plans are equal when their canonical forms are.
///
/// ```
/// use shared::corruption::{Anatomy, Plan};
/// use shared::model::Architecture;
///
/// let plan = Plan::parse("Kaiming @ bottom: 50%; zero:0.1@pooler/bias")?;
/// assert_eq!(plan.to_string(), "kaiming@bottom:0.5;zero:0.1@pooler/bias");
///
/// let anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 2, n_heads: 4 };
/// assert_eq!(
///     plan.describe(anatomy)?,
///     "Re-initialise layer 0 of 2 (uniformly in ±√(6 / fan-in); LayerNorm weights to 1, biases to 0); then set 10 % \
///      of the values to zero in the biases of the pooler."
/// );
/// // The layer's weights and biases of eight modules, and the pooler's bias.
/// assert_eq!(plan.touched(anatomy)?.len(), 17);
/// # Ok::<(), shared::corruption::PlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) input: Typed<String>,
}

/// One scheme on one selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub(super) scheme: Scheme,
    pub(super) selection: Selection,
    pub(super) at: Typed<usize>,
}

impl Plan {
    /// The steps, in the order in which they are applied.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    /// How the values are damaged.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Which values are.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{}{step}", if i > 0 { ";" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.scheme, self.selection)
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
