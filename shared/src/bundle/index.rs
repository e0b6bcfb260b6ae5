//! `bundles/index.json`: which bundles lie next to it.

use serde::{Deserialize, Serialize};

use super::manifest::is_name;
use crate::error::BundleError;

/// The list of bundles of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIndex {
    /// The first is the one that a page opens by itself.
    pub bundles: Vec<IndexEntry>,
}

/// A bundle, as much of it as a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// The folder's name.
    pub name: String,
    /// [`super::Manifest::title`].
    pub title: String,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// Bytes of the files that the manifest names, as [`super::Manifest::size_bytes`].
    pub size_bytes: u64,
}

impl BundleIndex {
    /// Reads `index.json`.
    ///
    /// # Errors
    /// When it is no such list, is empty, or a name cannot be that of a folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let refuse = |problem: String| BundleError::Manifest(format!("index.json: {problem}"));
        let index: Self = serde_json::from_slice(bytes).map_err(|e| refuse(e.to_string()))?;
        if index.bundles.is_empty() {
            return Err(refuse("expected at least one bundle".to_owned()));
        }
        match index.bundles.iter().find(|entry| !is_name(&entry.name)) {
            Some(entry) => Err(refuse(format!("expected the name of a folder, got {:?}", entry.name))),
            None => Ok(index),
        }
    }
}
