//! `bert-heal export`: a model for use elsewhere.

use anyhow::{Context, anyhow};
use candle_core::Device;
use shared::seed::Seed;

use crate::cli::export::{ExportArgs, ExportTarget};
use crate::exit_code::ExitCode;
use crate::models::ModelSource;
use crate::output::print;
use crate::run_dir::atomic;
use crate::runner::checkpoint_files;

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let ExportTarget::Hub = args.target;
    let source = ModelSource::open(&args.model.to_string_lossy(), args.which.which, false)?;
    atomic::require_empty(&args.out).context("--out")?;
    let tokenizer = source.tokenizer(&[])?;
    let checkpoint = source.load(None, Seed(0), &Device::Cpu)?;
    for note in &checkpoint.notes {
        eprintln!("note: {note}");
    }
    let files = checkpoint_files(&checkpoint.config, &checkpoint.parameters, &tokenizer.files)?;
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    print(&format!("{}: {}", args.out.display(), names.join(", ")))?;
    Ok(ExitCode::Ok)
}
