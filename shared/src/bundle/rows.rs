//! `rows.json`: the sentences to heal with and to judge on, next to a bundle that is served.
//!
//! They belong to their dataset's authors and are never part of a bundle. The manifest knows them by their hashes, so
//! whoever has the dataset can make this file, and whoever gets it can check it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use crate::dataset::Example;
use crate::error::BundleError;

/// How many of a bundle's held-out rows have to be there. Copies of a dataset differ in a few rows, by a character that one of
/// them lost: such rows have other hashes and are left out.
pub const MIN_HELD_OUT_SHARE: f64 = 0.95;

/// The rows of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedRows {
    /// Whose they are and under which terms.
    pub licence: String,
    /// Rows to heal with, in the manifest's order.
    pub train: Vec<Example>,
    /// Rows to judge on, in the manifest's order.
    pub held_out: Vec<Example>,
}

impl ServedRows {
    /// Picks a bundle's rows out of a dataset's, the first `max_train` to heal with and all to judge on.
    ///
    /// # Errors
    /// When fewer of the held-out rows are there than [`MIN_HELD_OUT_SHARE`]: what is measured on them could not be
    /// compared with the manifest's figures. Missing rows to heal with are an error only when all are missing.
    pub fn choose(
        manifest: &Manifest,
        dataset: impl IntoIterator<Item = Example>,
        max_train: usize,
    ) -> Result<Self, BundleError> {
        let by_hash: BTreeMap<String, Example> = dataset.into_iter().map(|row| (row.row_hash(), row)).collect();
        let pick =
            |hashes: &[String]| -> Vec<Example> { hashes.iter().filter_map(|h| by_hash.get(h).cloned()).collect() };
        let rows = Self {
            licence: format!("{}: {}", manifest.task.dataset, manifest.task.dataset_terms),
            train: pick(&manifest.rows.healing[..manifest.rows.healing.len().min(max_train)]),
            held_out: pick(&manifest.rows.held_out),
        };
        rows.check(manifest)?;
        Ok(rows)
    }

    /// Reads `rows.json` and checks it against the manifest.
    ///
    /// # Errors
    /// When it is no such file, or its rows are not those whose hashes the manifest has.
    pub fn parse(manifest: &Manifest, bytes: &[u8]) -> Result<Self, BundleError> {
        let rows: Self =
            serde_json::from_slice(bytes).map_err(|e| BundleError::Rows(format!("rows.json cannot be read: {e}")))?;
        rows.check(manifest)?;
        Ok(rows)
    }

    fn check(&self, manifest: &Manifest) -> Result<(), BundleError> {
        let (held_out, train) = (&manifest.rows.held_out, &manifest.rows.healing);
        if (self.held_out.len() as f64) < MIN_HELD_OUT_SHARE * held_out.len() as f64 {
            return Err(BundleError::Rows(format!(
                "expected the {} held-out rows of {}, got {}",
                held_out.len(),
                manifest.task.dataset,
                self.held_out.len()
            )));
        }
        if self.train.is_empty() && !train.is_empty() {
            return Err(BundleError::Rows(format!(
                "expected at least one of the {} rows of {} to heal with, got none",
                train.len(),
                manifest.task.dataset
            )));
        }
        let is_strange = |rows: &[Example], hashes: &[String]| {
            let hashes: BTreeSet<&str> = hashes.iter().map(String::as_str).collect();
            rows.iter().find(|row| !hashes.contains(row.row_hash().as_str())).cloned()
        };
        let strange = (is_strange(&self.held_out, held_out).map(|row| ("held-out", row)))
            .or_else(|| is_strange(&self.train, train).map(|row| ("training", row)));
        match strange {
            Some((what, row)) => Err(BundleError::Rows(format!(
                "a {what} row does not belong to the bundle: label {} {:?}",
                row.label,
                row.in_words().chars().take(60).collect::<String>()
            ))),
            None => Ok(()),
        }
    }
}
