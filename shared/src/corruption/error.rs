//! What can be wrong with a plan, and with the tensors it is applied to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A mistake in a plan or a selection, at the character where it was noticed.
///
/// Its `Display` shows the input with a caret:
///
/// ```
/// let error = shared::corruption::Plan::parse("kaiming@bottom:1.5").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a fraction of the layers is at most 1, got 1.5\n  kaiming@bottom:1.5\n                 ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct PlanError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// Byte offset into `input`; its length when the input ended too early.
    pub position: usize,
    /// The plan or selection as it was typed.
    pub input: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line break or a tab inside the plan would move the caret away from its character.
        let line: String = self.input.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let column = self.input.char_indices().take_while(|(offset, _)| *offset < self.position).count();
        write!(f, "{}\n  {line}\n  {:column$}^", self.message, "")
    }
}

/// Why a plan could not be applied. Nothing has been changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The plan does not fit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A selected parameter was not among the tensors.
    #[error("the plan selects {name}, which was not given")]
    Missing {
        /// Hugging Face's name.
        name: String,
    },
    /// The same parameter was given twice.
    #[error("{name} was given twice")]
    Duplicate {
        /// Hugging Face's name.
        name: String,
    },
    /// A tensor's shape does not fit its values, the number of heads, or its counterpart in another layer.
    #[error("{name} of shape {shape:?}: expected {expected}")]
    Shape {
        /// Hugging Face's name.
        name: String,
        /// The shape that was given.
        shape: Vec<usize>,
        /// What would have fitted.
        expected: String,
    },
}

/// Something about how a plan was typed: it says nothing about what the plan means, so any two are equal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Typed<T>(pub(super) T);

impl<T> PartialEq for Typed<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Typed<T> {}
