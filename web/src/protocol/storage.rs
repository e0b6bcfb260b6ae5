//! What the page keeps in the visitor's browser.

use serde::{Deserialize, Serialize};

/// What is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// Whether the browser lets the page keep anything; not without HTTPS or on some private windows.
    pub is_available: bool,
    /// Bytes of models' files.
    pub models_bytes: u64,
    /// Files of models.
    pub n_model_files: usize,
    /// Bytes of moments.
    pub moments_bytes: u64,
    /// Moments.
    pub n_moments: usize,
    /// What the browser says all of this origin takes; `None` when it does not say.
    pub usage_bytes: Option<u64>,
    /// What the browser says this origin may take; `None` when it does not say.
    pub quota_bytes: Option<u64>,
}

/// What to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// The files of models, which are fetched again when they are needed.
    Models,
    /// The moments of healings, which are lost.
    Moments,
    /// Both, and the page itself, which then needs the network again.
    Everything,
}
