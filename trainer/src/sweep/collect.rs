//! Putting the results of a sweep together. It reads results alone, never how a process ended.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use anyhow::{Context, anyhow};
use shared::record::RunRecord;

use super::plan::Plan;
use super::result::{CellResult, Cost};
use super::status::states;
use crate::atomic;
use crate::exit_code::bad_input;
use crate::run_dir::results::RESULTS;

/// The file of what tasks took, beside that of records.
pub const COSTS: &str = "costs.jsonl";

/// What was put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Cells in all.
    pub n_cells: usize,
    /// Cells with a result.
    pub n_results: usize,
    /// Results that a second process made as well, all of them the same.
    pub n_duplicates: usize,
}

/// Writes `results.jsonl`, a record for each cell with a result in the order of their numbers, and `costs.jsonl`.
///
/// The first depends on nothing but the results: it is the same byte for byte wherever and in whatever order they were
/// made.
///
/// # Errors
/// Bad input when a result cannot be read, or results that should be made of one model or dataset are not.
pub fn collect(plan: &Plan) -> anyhow::Result<Collected> {
    let mut collected = Collected::default();
    let mut seen: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    let states = states(plan)?;
    collected.n_cells = states.len();
    let finished: Vec<_> = states.into_iter().filter(|(_, state)| state.is_done()).map(|(cell, _)| cell).collect();
    atomic::write_with(&plan.folder.path().join(RESULTS), |file| {
        let mut writer = std::io::BufWriter::new(file);
        for cell in &finished {
            let result = CellResult::read(&plan.folder, &cell.id)?
                .ok_or_else(|| anyhow!("the result of cell {} is gone", cell.number))?;
            require_same_files(&mut seen, cell.number, &cell.settings, &result.record)?;
            serde_json::to_writer(&mut writer, &result.record)?;
            writer.write_all(b"\n")?;
            collected.n_results += 1;
        }
        Ok(writer.flush()?)
    })?;
    write_costs(plan)?;
    collected.n_duplicates = super::folder::names(&plan.folder.path().join("duplicates"))?.len();
    Ok(collected)
}

/// Cells that name the same model and dataset must have read the same bytes.
fn require_same_files(
    seen: &mut BTreeMap<(String, String), (usize, String)>,
    number: usize,
    settings: &super::settings::Settings,
    record: &RunRecord,
) -> anyhow::Result<()> {
    let text = |key: &str| settings.text(key).unwrap_or_default();
    // All that may decide which rows are read; the seed of the data draws them only where there is a limit.
    let has_limit = settings.iter().any(|(key, _)| key.ends_with("_limit"));
    let is_of_rows = |key: &str| match key {
        "model" | "random_init" | "corrupt" | "protocol" | "seed_corruption" | "seed_head" => false,
        "seed_data" => has_limit,
        _ => true,
    };
    let rows = settings.iter().filter(|(key, _)| is_of_rows(key));
    let rows: Vec<String> = rows.map(|(key, value)| format!("{key}={value}")).collect();
    let weights = record.hashes.weights.clone().unwrap_or_default();
    for (what, name, key, hash) in [
        ("model", text("model"), text("model") + &text("random_init"), &weights),
        ("dataset", text("dataset"), rows.join(" "), &record.hashes.data),
    ] {
        let (first, before) = seen.entry((what.to_owned(), key)).or_insert_with(|| (number, hash.clone()));
        if before != hash {
            return Err(bad_input(anyhow!(
                "cells {first} and {number} name the same {what} {name} and read different bytes: its files were changed \
                 while the sweep ran"
            )));
        }
    }
    Ok(())
}

fn write_costs(plan: &Plan) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    let folder = plan.folder.path().join("costs");
    for name in super::folder::names(&folder)? {
        let path = folder.join(&name);
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let cost: Cost = serde_json::from_slice(&fs::read(&path).with_context(|| path.display().to_string())?)
            .with_context(|| path.display().to_string())?;
        serde_json::to_writer(&mut costs, &cost)?;
        costs.push(b'\n');
    }
    atomic::write_file(&plan.folder.path().join(COSTS), &costs)
}
