//! `bert-heal export`: a model for use elsewhere.

mod run_models;
mod web;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::checkpoint::{History, WeightsHash};
use shared::random::Seed;
use shared::record::RunRecord;

use self::web::{WebExport, WebFlags};
use super::input_flags::WhichFlag;
use crate::atomic;
use crate::exit_code::ExitCode;
use crate::open_model::{ModelSource, Weights};
use crate::output::print;
use crate::paths;
use crate::run_dir;
use crate::runner::checkpoint_files;
use crate::say;
use shared::card::{CARD, MadeBy, card};
pub(crate) use web::outcomes;

const EXAMPLES: &str = "\
Examples:
  bert-heal export --model runs/3f2a91c07b5e --which healed --for hub --out healed-trec6/
  bert-heal export --model runs/3f2a91c07b5e --for web --dataset trec6 --sentences mine.txt --out trec6-l6/
  bert-heal export --model runs/3f2a91c07b5e --for web --which healthy --bits 8 --out healthy-l6/

--for web turns a run of protocol finetuned into a bundle for the page: the healthy model in a few
bits per weight, what healing changed in the corrupted one, the tokenizer, and a manifest with the
accuracy that the low precision costs on the run's held-out rows.
--model also opens a bundle. To heal on separate rows, heal the bundle and add the result to it:
  bert-heal export --model RUN --which healthy --for web --out healthy/
  bert-heal run --model healthy/ --dataset D --corrupt kaiming@bottom:0.67 --freeze embeddings,top:1L --out healing/
  bert-heal export --model healthy/ --healed healing/ --for web --out bundle/
Parameters that are frozen during healing take no space in the bundle.";

/// Write a model for use elsewhere
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A run folder, a checkpoint or a web bundle
    #[arg(long, value_name = "RUN_OR_DIR", help_heading = "Model and data")]
    pub model: PathBuf,

    #[command(flatten)]
    pub which: WhichFlag,

    /// What the export is for
    #[arg(long = "for", value_enum, help_heading = "Output")]
    pub target: ExportTarget,

    /// Folder to write; it must be empty or not exist yet
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,

    #[command(flatten)]
    pub web: WebFlags,
}

/// Who is to read an exported model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTarget {
    /// transformers, and any other program that reads Hugging Face's layout
    Hub,
    /// The page: a web bundle
    Web,
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    match args.target {
        ExportTarget::Hub => hub(args),
        ExportTarget::Web => {
            web::run(&WebExport { model: &args.model, which: args.which.which, out: &args.out, flags: &args.web })
        }
    }
}

/// In Hugging Face's layout, with a card.
fn hub(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let source = ModelSource::open(&args.model.to_string_lossy(), args.which.which, Weights::Read)?;
    atomic::require_empty(&args.out).context("--out")?;
    let tokenizer = source.tokenizer(&[])?;
    let checkpoint = source.load_as_it_is(None, Seed(0), WeightsHash::Unused)?;
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
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    print(&format!("{}: {}", args.out.display(), names.join(", ")))?;
    Ok(ExitCode::Ok)
}

/// The record of the run that made these very weights, and as which of its models, when they still lie in its folder.
fn run_of(source: &ModelSource) -> Option<(RunRecord, Condition)> {
    let folder = paths::canonical(source.folder()?).ok()?;
    let which = Condition::ALL.into_iter().find(|which| folder.ends_with(which.as_str()))?;
    let run = folder.parent()?.parent()?;
    let record = run_dir::read_record(run).unwrap_or_else(|error| {
        say!("note: {error:#}, so the card has no results");
        None
    })?;
    let hashes = &record.hashes.checkpoints;
    let bytes = fs::read(folder.join("model.safetensors")).ok()?;
    if hashes.of(which) != Some(&hex::encode(Sha256::digest(bytes))) {
        say!("note: the weights do not match the record of {}, so the card has no results", run.display());
        return None;
    }
    Some((record, which))
}
