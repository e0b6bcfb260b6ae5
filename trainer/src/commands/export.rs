//! `bert-heal export`: a model for use elsewhere.

mod run_models;
mod web;

pub(super) use web::outcomes;

use shared::Condition;
use std::fs;

use anyhow::{Context, anyhow};
use candle_core::Device;
use sha2::{Digest, Sha256};
use shared::checkpoint::History;
use shared::record::RunRecord;
use shared::seed::Seed;

use crate::card::{CARD, MadeBy, card};
use crate::cli::export::{ExportArgs, ExportTarget};
use crate::exit_code::ExitCode;
use crate::models::ModelSource;
use crate::output::print;
use crate::run_dir::{self, atomic};
use crate::runner::checkpoint_files;
use crate::say;

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    match args.target {
        ExportTarget::Hub => hub(args),
        ExportTarget::Web => web::run(args),
    }
}

/// In Hugging Face's layout, with a card.
fn hub(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let source = ModelSource::open(&args.model.to_string_lossy(), args.which.which, false)?;
    atomic::require_empty(&args.out).context("--out")?;
    let tokenizer = source.tokenizer(&[])?;
    let checkpoint = source.load(None, Seed(0), &Device::Cpu)?;
    for note in tokenizer.note.iter().chain(&checkpoint.notes) {
        say!("note: {note}");
    }
    let made_by = run_of(&source);
    let config = match &made_by {
        // A checkpoint of an earlier version does not tell its own history, but its run does.
        Some((record, which)) if checkpoint.config.history.is_empty() => {
            checkpoint.config.with_history(History::default().after_run(&record.spec, *which))
        }
        _ => checkpoint.config,
    };
    let mut files = checkpoint_files(&config, &checkpoint.parameters, &tokenizer.files)?;
    let made_by = made_by.as_ref().map(|(record, which)| MadeBy { record, place: *which });
    files.push((CARD.to_owned(), card(&config, made_by).into_bytes()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    print(&format!("{}: {}", args.out.display(), names.join(", ")))?;
    Ok(ExitCode::Ok)
}

/// The record of the run that made these very weights, and as which of its models, when they still lie in its folder.
fn run_of(source: &ModelSource) -> Option<(RunRecord, Condition)> {
    let folder = source.folder()?.canonicalize().ok()?;
    let which = Condition::ALL.into_iter().find(|which| folder.ends_with(which.as_str()))?;
    let run = folder.parent()?.parent()?;
    let record = run_dir::read_record(run).unwrap_or_else(|error| {
        say!("note: {error:#}: the card has no results");
        None
    })?;
    let hashes = &record.hashes.checkpoints;
    let bytes = fs::read(folder.join("model.safetensors")).ok()?;
    if hashes.of(which) != Some(&hex::encode(Sha256::digest(bytes))) {
        say!("note: the weights are not those of the record of {}: the card has no results", run.display());
        return None;
    }
    Some((record, which))
}
