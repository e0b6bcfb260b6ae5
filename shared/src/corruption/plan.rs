//! A plan as text and as steps.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::apply::TensorMut;
use super::error::{ApplyError, PlanError, Typed};
use super::grammar;
use super::report::Report;
use super::resolve::{Anatomy, ResolvedPlan};
use super::scheme::Scheme;
use super::selection::Selection;
use crate::model::ParameterPath;
use crate::seed::Seed;

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
    /// Reads a plan. Spaces between tokens, percentages and capital letters are fine.
    ///
    /// # Errors
    /// [`PlanError`], which points at the character.
    pub fn parse(input: &str) -> Result<Self, PlanError> {
        grammar::plan(input)
    }

    /// The steps, in the order in which they are applied.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Works out which parameters of a certain model the plan means.
    ///
    /// # Errors
    /// [`PlanError`] when the model has not got a layer or a head that the plan names.
    pub fn resolve(&self, anatomy: Anatomy) -> Result<ResolvedPlan, PlanError> {
        ResolvedPlan::new(self, anatomy)
    }

    /// Checks that the plan fits a model.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn validate(&self, anatomy: Anatomy) -> Result<(), PlanError> {
        self.resolve(anatomy).map(drop)
    }

    /// What the plan does to a certain model, as a sentence for people.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn describe(&self, anatomy: Anatomy) -> Result<String, PlanError> {
        Ok(self.resolve(anatomy)?.describe())
    }

    /// The parameters of a certain model that any step selects, in the order of a forward pass: those that a caller has
    /// to hand to [`Plan::apply`].
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn touched(&self, anatomy: Anatomy) -> Result<Vec<ParameterPath>, PlanError> {
        Ok(self.resolve(anatomy)?.touched())
    }

    /// Damages `tensors` in place; see [`ResolvedPlan::apply`].
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has been changed then.
    pub fn apply(&self, seed: Seed, anatomy: Anatomy, tensors: &mut [TensorMut<'_>]) -> Result<Report, ApplyError> {
        self.resolve(anatomy)?.apply(seed, tensors)
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

impl std::str::FromStr for Plan {
    type Err = PlanError;

    fn from_str(input: &str) -> Result<Self, PlanError> {
        Self::parse(input)
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
