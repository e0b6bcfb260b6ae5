//! `bert-heal fetch --rows-of BUNDLE`: the sentences that a bundle's hashes name, out of its dataset.
//!
//! They are not ours to ship, so a bundle has only their hashes, and whoever serves the page fetches them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use shared::bundle::ServedRows;
use shared::dataset::Split;

use crate::bundles;
use crate::cli::input::{ColumnFlags, DatasetFlags, RowFlags};
use crate::datasets::{Purpose, RowSeeds};
use crate::exit_code::bad_input;
use crate::run_dir::atomic;

/// What was written.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    dataset: String,
    train: usize,
    held_out: usize,
    /// Held-out rows of the bundle; a few may be spelt otherwise in this copy of the dataset.
    held_out_of: usize,
    out: PathBuf,
}

impl Summary {
    pub(super) fn sentence(&self) -> String {
        let Self { dataset, train, held_out, held_out_of, out } = self;
        format!("{}: {train} rows of {dataset} to heal with and {held_out} of {held_out_of} to judge on", out.display())
    }
}

pub(super) fn fetch(folder: &Path, dataset: Option<&str>, max_train: usize, out: &Path) -> anyhow::Result<Summary> {
    let manifest = bundles::manifest(folder)?;
    let name = dataset.unwrap_or(&manifest.task.dataset);
    let flags = DatasetFlags {
        dataset: name.to_owned(),
        config: None,
        columns: ColumnFlags { text_column: None, label_column: None, label_names: None },
        rows: RowFlags { skip_bad_rows: false, train_limit: None, validation_limit: None, test_limit: None },
    };
    // Whatever split they are in here: the hashes choose.
    let (opened, _) = flags.open(Purpose::Train, RowSeeds::default(), Some(manifest.task.label_names.clone()))?;
    let all = Split::ALL.into_iter().flat_map(|split| opened.dataset.split(split)).cloned();
    let rows = ServedRows::choose(&manifest, all, max_train);
    let rows = rows.map_err(bad_input).with_context(|| format!("the rows of bundle {}", folder.display()))?;
    atomic::write_file(out, &serde_json::to_vec(&rows)?)?;
    Ok(Summary {
        dataset: name.to_owned(),
        train: rows.train.len(),
        held_out: rows.held_out.len(),
        held_out_of: manifest.rows.held_out.len(),
        out: out.to_owned(),
    })
}
