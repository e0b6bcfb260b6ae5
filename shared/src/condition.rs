//! The four models that an experiment compares.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What was done to one of the models that an experiment compares.
///
/// The order of the variants is the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Fine-tuned, never corrupted.
    Healthy,
    /// Protocol `finetuned` only: the healthy model fine-tuned once more, undamaged, with the healing's budget, data order,
    /// seeds and trained parameters. A healed model has had two fine-tunings and a healthy one only one; against the
    /// control the damage is all that differs.
    Control,
    /// Corrupted, and not fine-tuned since.
    Corrupted,
    /// Corrupted, then fine-tuned.
    Healed,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Control, Self::Corrupted, Self::Healed];
    /// Those that a fine-tuning makes, in the order in which a run makes them.
    pub const FINE_TUNED: [Self; 3] = [Self::Healthy, Self::Control, Self::Healed];

    /// The word for it, in files, folders and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Control => "control",
            Self::Corrupted => "corrupted",
            Self::Healed => "healed",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == text)
            .ok_or_else(|| format!("expected healthy, control, corrupted or healed, got {text:?}"))
    }
}
